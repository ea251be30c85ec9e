"""Learning while serving: feedback changes what is chosen, once each, and survives reload and restart."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from kit import PROGRAM, Gateway, Upstream, chat_body, config, sha256, until

LEARNED = """\
estimators:
  learned: { type: linear_bandit, dims: 0, prior: 0.5, state: learned.json }
learning: { beat_ms: 20 }
"""
RULES = """\
  auto:
    - { name: learned, models: [small, large], estimator: learned,
        policy: { type: utility, cost: 0 } }
"""


def learning(upstream, **more):
    return config(upstream, rules=RULES, **more) + LEARNED


class Learning(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.addCleanup(self.upstream.stop)

    def serve(self, **more):
        gateway = Gateway(learning(self.upstream, **more))
        self.addCleanup(gateway.stop)
        return gateway

    def feedback(self, gateway, record, score, key=None):
        headers = {"Authorization": f"Bearer {key}"} if key else None
        return gateway.request("POST", "/v1/feedback", {"record": record, "score": score}, headers)

    def model(self, gateway, **more):
        return gateway.chat(**more).headers["x-switchyard-model"]

    def test_bad_scores_move_the_choice_to_the_other_model_within_a_beat(self):
        gateway = self.serve()
        first = gateway.chat()
        before = first.headers["x-switchyard-model"]
        plan = gateway.ready()["plan"]
        answer = self.feedback(gateway, first.record, 0)
        self.assertEqual(answer.json()["learning"], "learned", answer.body)
        until(lambda: self.model(gateway) != before, "the other model is chosen")
        self.assertNotEqual(gateway.ready()["plan"], plan)
        self.assertEqual(gateway.metric("switchyard_outcomes_learned_total"), 1)
        # The first answer's record still says which plan it was decided by.
        self.assertEqual(gateway.record(first)["plan"], plan)

    def test_the_same_feedback_again_changes_nothing(self):
        gateway = self.serve()
        name = gateway.chat().record
        self.assertEqual(self.feedback(gateway, name, 1).json()["learning"], "learned")
        until(lambda: gateway.metric("switchyard_outcomes_learned_total") == 1, "it is learned")
        for score in (1, 1, 0):
            answer = self.feedback(gateway, name, score)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json()["learning"], "learned before")
        self.assertEqual(gateway.metric("switchyard_outcomes_learned_total"), 1)

    def test_foreign_unknown_or_impossible_feedback_teaches_nothing(self):
        keys = f"""keys:
  - {{ name: alice, hash: "{sha256('alice-key')}", role: user }}
  - {{ name: bob, hash: "{sha256('bob-key')}", role: user }}
"""
        gateway = self.serve(keys=keys)
        name = gateway.chat(key="alice-key").record
        plan = gateway.ready()["plan"]
        self.assertEqual(self.feedback(gateway, name, 0, "bob-key").status, 404)
        self.assertEqual(self.feedback(gateway, "rec_00000000000000000000000000", 0,
                                       "alice-key").status, 404)
        for score in (-0.1, 1.1, "good", None, float("inf")):
            self.assertEqual(self.feedback(gateway, name, score, "alice-key").status, 400)
        self.assertEqual(gateway.metric("switchyard_outcomes_learned_total"), 0)
        self.assertEqual(gateway.ready()["plan"], plan)

    def test_a_model_that_was_asked_for_by_name_teaches_nothing(self):
        gateway = self.serve()
        name = gateway.chat(chat_body(model="large")).record
        self.assertEqual(self.feedback(gateway, name, 0).json()["learning"], "not kept")

    def taught(self):
        """A gateway that has learned to choose the other model, its directory and its first answer."""
        directory = tempfile.mkdtemp(prefix="swy-e2e-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        gateway = Gateway(learning(self.upstream), directory=directory)
        self.addCleanup(gateway.stop)
        first = gateway.chat()
        before = first.headers["x-switchyard-model"]
        self.feedback(gateway, first.record, 0)
        until(lambda: self.model(gateway) != before, "the other model is chosen")
        return gateway, directory, first

    def test_what_was_learned_survives_a_reload_and_a_restart(self):
        gateway, directory, _ = self.taught()
        after = self.model(gateway)
        generation = gateway.ready()["generation"]
        gateway.write(learning(self.upstream) + "seed: 3\n")
        until(lambda: gateway.metric("switchyard_config_reloads_total", result="ok") == 1, "reload")
        until(lambda: gateway.ready()["generation"] > generation, "the new configuration")
        self.assertEqual(self.model(gateway), after)
        self.assertTrue(os.path.exists(os.path.join(directory, "learned.json")))
        self.assertEqual(gateway.stop(), 0)
        again = Gateway(learning(self.upstream), directory=directory)
        self.addCleanup(again.stop)
        self.assertEqual(self.model(again), after)

    def test_feedback_that_was_taken_before_a_crash_is_learned_after_it_and_once(self):
        directory = tempfile.mkdtemp(prefix="swy-e2e-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        slow = (learning(self.upstream) + "state: state/\n").replace("beat_ms: 20", "beat_ms: 3600000")
        gateway = Gateway(slow, directory=directory)
        self.addCleanup(gateway.stop)
        first, second = gateway.chat(), gateway.chat(chat_body("another"))
        before = first.headers["x-switchyard-model"]
        self.assertEqual(self.feedback(gateway, first.record, 0).json()["learning"], "learned")
        self.assertEqual(self.model(gateway), before)  # nothing is published yet
        gateway.stop(signal.SIGKILL)
        again = Gateway(slow, directory=directory)
        self.addCleanup(again.stop)
        self.assertIn("learned from 1 feedbacks of an earlier process", again.log())
        self.assertNotEqual(self.model(again), before)
        self.assertEqual(again.metric("switchyard_outcomes_learned_total"), 1)
        # Feedback that comes late is learned from its record; what comes again is not.
        self.assertEqual(self.feedback(again, first.record, 0).json()["learning"], "learned before")
        self.assertEqual(self.feedback(again, second.record, 0).json()["learning"], "learned")
        self.assertEqual(self.feedback(again, second.record, 1).json()["learning"], "learned before")
        self.assertEqual(again.stop(), 0)
        third = Gateway(slow, directory=directory)
        self.addCleanup(third.stop)
        self.assertEqual(self.feedback(third, second.record, 0).json()["learning"], "learned before")
        self.assertEqual(third.metric("switchyard_outcomes_learned_total"), 0)
        self.assertEqual(third.stop(), 0)
        # A file that cannot be believed is told, and nothing old is learned any more.
        with open(os.path.join(directory, "state", "learning.json"), "a", encoding="utf-8") as file:
            file.write("}")
        late = Gateway(slow, directory=directory)
        self.addCleanup(late.stop)
        self.assertIn("is not learned any more", late.log())
        self.assertEqual(self.feedback(late, first.record, 0).json()["learning"], "not kept")

    def test_drift_goes_on_after_a_restart(self):
        directory = tempfile.mkdtemp(prefix="swy-e2e-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        text = learning(self.upstream) + "state: state/\ndrift: { reference: 20 }\n"
        for restarts in range(3):
            gateway = Gateway(text, directory=directory)
            self.addCleanup(gateway.stop)

            def drift(server=gateway):
                return server.get("/v1/experiments").json()["drift"][0]
            self.assertEqual(drift()["history"], "goes on from an earlier process" if restarts
                             else "begun by this process")
            self.assertEqual(drift()["quality"]["n"], 10 * restarts)
            for i in range(10):
                self.feedback(gateway, gateway.chat(chat_body(f"question {i}")).record, 1)
            until(lambda: drift()["quality"]["n"] == 10 * (restarts + 1), "it is heard")
            self.assertEqual(drift()["quality"]["learning"], restarts == 0)
            self.assertEqual(gateway.stop(), 0)

    def test_what_was_published_is_what_replay_and_route_decide_with(self):
        gateway, _, first = self.taught()
        before = first.headers["x-switchyard-model"]
        plan = gateway.ready()["plan"]
        later = [gateway.chat(chat_body(f"question {i}")) for i in range(5)]
        for answer in later:
            self.assertEqual(gateway.record(answer)["plan"], plan)
        self.assertEqual(gateway.stop(), 0)

        def run(*args):
            return subprocess.run([PROGRAM, *args], capture_output=True, text=True, check=False)
        report = json.loads(run("replay", gateway.file, "--json").stdout)
        self.assertEqual(report["plan"], plan)
        self.assertGreaterEqual(report["proved"], 5)  # those of the published plan, byte for byte
        # What was decided before is what another plan decided: told, not proved.
        told = [d for d in report["differences"] if d["id"] == first.record]
        self.assertEqual([(d["before"], d["after"]) for d in told],
                         [(before, later[0].headers["x-switchyard-model"])], report)
        decided = json.loads(run("route", gateway.file, "question 1", "--json").stdout)
        self.assertEqual(decided["model"], later[0].headers["x-switchyard-model"], decided)


if __name__ == "__main__":
    unittest.main()
