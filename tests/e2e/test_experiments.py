"""Experiments while serving: a canary that is worse is rolled back, one that is equal is not; what was
decided survives a restart; replay proves the records; a shadow is never called."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from kit import PROGRAM, Gateway, Upstream, chat_body, config, until

RULES = """\
  auto: [ { name: any, models: [small], policy: first } ]
  auto-new: [ { name: any, models: [large], policy: first } ]
"""
CANARY = """\
experiments:
  trial:
    rules: auto
    kind: canary
    unit: request
    alpha: 0.05
    margin: 0.1
    min_observations: 10
    arms: { old: { share: 0.6 }, new: { rules: auto-new, share: 0.4 } }
learning: { beat_ms: 20 }
"""


class Experiments(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.addCleanup(self.upstream.stop)
        self.directory = tempfile.mkdtemp(prefix="swy-e2e-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def serve(self, more=CANARY, rules=RULES, **options):
        gateway = Gateway(config(self.upstream, rules=rules, **options) + more,
                          directory=self.directory)
        self.addCleanup(gateway.stop)
        return gateway

    def trial(self, gateway):
        return gateway.get("/v1/experiments").json()["data"][0]

    def arm(self, gateway, name):
        return next(a for a in self.trial(gateway)["arms"] if a["name"] == name)

    def live(self, gateway, score_of, requests):
        """Requests with feedback, until the experiment ends; the arms that served."""
        served = []
        for i in range(requests):
            answer = gateway.chat(chat_body(f"question {i}"))
            name = answer.headers["x-switchyard-experiment"]
            self.assertTrue(name.startswith("trial/"), name)
            served.append(name[len("trial/"):])
            score = score_of(served[-1], i)
            self.assertEqual(gateway.request("POST", "/v1/feedback", {
                "record": answer.record, "score": score}).status, 200)
            if i % 20 == 19 and self.trial(gateway)["state"] != "running":
                break
        return served

    def test_a_canary_that_is_worse_is_rolled_back_and_stays_so_after_a_restart(self):
        gateway = self.serve(workers=2)
        served = self.live(gateway, lambda arm, i: 0.9 if arm == "old" else 0.2, 400)
        self.assertIn("new", served)
        trial = until(lambda: (t := self.trial(gateway))["state"] == "rolled back" and t, "roll-back")
        new = trial["arms"][1]
        self.assertEqual((new["state"], new["share"]), ("out", 0))
        self.assertIn("worse: quality 0.2 against 0.9", new["why"])
        self.assertGreaterEqual(new["e_worse"], trial["e_needed"])
        self.assertLess(new["difference"][1], 0)
        self.assertEqual(gateway.metric("switchyard_experiment_decisions_total", arm="new",
                                        decision="out"), 1)
        self.assertIn("arm 'new' is out", gateway.log())
        for i in range(20):
            self.assertEqual(gateway.chat(chat_body(f"after {i}")).headers["x-switchyard-model"],
                             "small")
        self.assertEqual(gateway.stop(), 0)
        decided = []
        for name in os.listdir(os.path.join(self.directory, "records")):
            with open(os.path.join(self.directory, "records", name), encoding="utf-8") as file:
                decided += [json.loads(l) for l in file if '"kind":"experiment"' in l]
        self.assertIn(("new", "out"), [(d["arm"], d["decision"]) for d in decided])
        again = self.serve(workers=2)
        after = self.trial(again)
        self.assertEqual(after["state"], "rolled back")
        self.assertIn("read from records", after["history"])
        self.assertEqual([a["n"] for a in after["arms"]], [a["n"] for a in trial["arms"]])
        for i in range(20):
            self.assertEqual(again.chat(chat_body(f"later {i}")).headers["x-switchyard-model"],
                             "small")

    def test_an_equal_canary_is_not_rolled_back(self):
        gateway = self.serve(CANARY.replace("margin: 0.1", "margin: 0.05"))
        self.live(gateway, lambda arm, i: 0.5 + 0.4 * (i * 7 % 10) / 10, 150)
        trial = self.trial(gateway)
        self.assertIn(trial["state"], ("running", "promoted"))
        self.assertGreater(trial["arms"][1]["n"], 30)
        self.assertGreater(trial["arms"][1]["share"], 0)
        self.assertEqual(gateway.metric("switchyard_experiment_decisions_total", decision="out"), 0)

    def test_the_record_has_arm_and_propensity_and_replay_proves_it(self):
        gateway = self.serve()
        answers = [gateway.chat(chat_body(f"question {i}")) for i in range(30)]
        arms = set()
        for answer in answers:
            record = gateway.record(answer)
            e = record["experiment"]
            arms.add(e["arm"])
            share = {"old": 0.6, "new": 0.4}[e["arm"]]
            self.assertAlmostEqual(e["share"], share)
            self.assertAlmostEqual(e["propensity"], share * record["decision"]["propensity"])
            self.assertAlmostEqual(e["marginal"], share)  # the other arm never chooses this model
            self.assertEqual(record["decision"]["set"], "auto" if e["arm"] == "old" else "auto-new")
            self.assertEqual(record["work"]["model"], "auto")
        self.assertEqual(arms, {"old", "new"})
        gateway.stop()
        done = subprocess.run([PROGRAM, "replay", gateway.file, "--json"], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual((report["proved"], report["different"], report["skipped"]), (30, 0, 0))

    def test_a_session_keeps_its_arm(self):
        gateway = self.serve(CANARY.replace("unit: request", "unit: session"))
        seen = set()
        for s in range(12):
            arms = {gateway.chat(chat_body(f"turn {i}"), headers={"x-switchyard-session": f"s{s}"})
                    .headers["x-switchyard-experiment"] for i in range(4)}
            self.assertEqual(len(arms), 1, s)
            seen |= arms
        self.assertEqual(len(seen), 2)

    def test_a_shadow_decides_and_is_never_called(self):
        gateway = self.serve("""\
experiments:
  trial: { rules: auto, kind: shadow, arms: { now: {}, next: { rules: auto-new } } }
""")
        for i in range(15):
            answer = gateway.chat(chat_body(f"question {i}"))
            self.assertEqual(answer.headers["x-switchyard-model"], "small")
            e = gateway.record(answer)["experiment"]
            self.assertEqual(e["others"], [{"arm": "next", "choice": "large"}])
            self.assertEqual((e["propensity"], e["marginal"]), (1, 1))
        until(lambda: self.arm(gateway, "next")["compared"] == 15, "all are compared")
        self.assertEqual(self.arm(gateway, "next")["same_choice"], 0)
        self.assertEqual({r["body"]["model"] if isinstance(r["body"], dict)
                          else json.loads(r["body"])["model"] for r in self.upstream.requests()},
                         {"sim-small"})

    def test_failures_end_a_canary_without_any_feedback(self):
        gateway = self.serve(CANARY.replace("margin: 0.1", "margin: 0.1\n    metric: success"))
        self.upstream.faults({"fault": "status:500", "model": "sim-large"})
        for i in range(300):
            gateway.chat(chat_body(f"question {i}"))
            if i % 20 == 19 and self.trial(gateway)["state"] != "running":
                break
        until(lambda: self.trial(gateway)["state"] == "rolled back", "roll-back")

    def test_scores_that_fall_behind_the_belief_raise_an_alarm(self):
        gateway = self.serve("drift: { reference: 30, every: 1000 }\nlearning: { beat_ms: 20 }\n")
        for i in range(200):
            answer = gateway.chat(chat_body(f"question {i}"))
            gateway.request("POST", "/v1/feedback",
                            {"record": answer.record, "score": 0.62 if i < 40 else 0.1})
            if gateway.metric("switchyard_drift_alarms_total", of="quality") > 0:
                break
        self.assertGreater(i, 40)
        until(lambda: gateway.metric("switchyard_drift_alarms_total", set="auto", of="quality") == 1,
              "an alarm")
        self.assertIn("drift: rule set 'auto'", gateway.log())
        told = gateway.get("/v1/experiments").json()["drift"]
        self.assertEqual(next(d for d in told if d["rules"] == "auto")["quality"]["alarms"], 1)


if __name__ == "__main__":
    unittest.main()
