"""A model is added to a running gateway: probes, profile, traffic, where it is better; then feedback,
restart and replay."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from kit import PROGRAM, Gateway, Upstream, chat_body, config, until

SUMS = [(f"sum-{i}", f"What is the sum of {i} apples and {i} apples?", f"answer: {2 * i}")
        for i in range(60)]
TOWNS = [(f"town-{i}", f"Which capital city has country number {i} on the map?", f"answer: {900 + i}")
         for i in range(60)]
MODELS = """\
  - { name: small, upstream: local, upstream_model: sim-small, price: { input: 1, output: 1 } }
  - { name: large, upstream: local, upstream_model: sim-large, price: { input: 1, output: 1 } }
"""
FRESH = "  - { name: fresh, upstream: local, upstream_model: sim-fresh, price: { input: 1, output: 1 } }\n"
PROBES = 16


def right(model, domain, i):
    """small: most sums; large: half of the towns; fresh: all towns and no sum."""
    if model == "fresh":
        return domain == "town"
    if model == "small":
        return domain == "sum" and i % 5 != 0
    return domain == "town" and i % 2 == 0


def write_tables(directory, models, file, prefix=""):
    """Outcomes and answers of these models."""
    with open(os.path.join(directory, file + ".jsonl"), "w", encoding="utf-8") as rows, \
            open(os.path.join(directory, file + ".responses.jsonl"), "w", encoding="utf-8") as said:
        for domain, questions in (("sum", SUMS), ("town", TOWNS)):
            for i, (name, prompt, answer) in enumerate(questions):
                cells = {prefix + m: {"correct": int(right(m, domain, i)), "tokens_in": 20,
                                      "tokens_out": 10} for m in models}
                rows.write(json.dumps({"id": name, "dataset": "d", "domain": domain,
                                       "prompt": prompt, "models": cells}) + "\n")
                answers = {prefix + m: answer if right(m, domain, i) else "answer: 1"
                           for m in models}
                said.write(json.dumps({"id": name, "responses": answers}) + "\n")


class Onboarding(unittest.TestCase):
    past = "type: knn, neighbours: 10"

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swy-e2e-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        played = os.path.join(self.directory, "played")
        os.mkdir(played)
        write_tables(played, ["small", "large", "fresh"], "all", "sim-")
        write_tables(self.directory, ["small", "large"], "known")
        self.upstream = Upstream("--data", played, "--remember", "1000")
        self.addCleanup(self.upstream.stop)

    def config(self, fresh, onboarding="", records="bodies: true"):
        names = "small, large, fresh" if fresh else "small, large"
        return config(self.upstream, models=MODELS + (FRESH if fresh else ""), rules=f"""\
  auto:
    - name: any
      models: [{names}]
      estimator: past
      policy: {{ type: newcomers, table: probes/, share: 0.3, until: 40, inner: {{ type: utility, cost: 0 }} }}
""", records=False) + f"""\
estimators:
  past: {{ {self.past}, table: [known.jsonl, probes/] }}
onboarding: {{ table: known.jsonl, directory: probes/, probes: {PROBES}{onboarding} }}
records: {{ path: records/, {records} }}
"""

    def serve(self, text):
        gateway = Gateway(text, directory=self.directory)
        self.addCleanup(gateway.stop)
        return gateway

    def model(self, gateway, name):
        data = gateway.get("/v1/onboarding").json()["data"]
        return next((m for m in data if m["model"] == name), {})

    def decided(self, gateway, prompt):
        answer = gateway.request("POST", "/v1/route", chat_body(prompt)).json()
        return {r["model"]: r["p"] for r in answer["ranked"] if r.get("p")}, answer

    def asked_of(self, model):
        return [r for r in self.upstream.requests() if json.loads(r["body"])["model"] == model]

    def probed(self, gateway):
        gateway.write(self.config(True))
        return until(lambda: (m := self.model(gateway, "fresh")).get("state") == "probed" and m,
                     "fresh is probed")

    def lines(self, kind):
        out = []
        for name in os.listdir(os.path.join(self.directory, "records")):
            with open(os.path.join(self.directory, "records", name), encoding="utf-8") as file:
                out += [json.loads(line) for line in file if f'"kind":"{kind}"' in line]
        return out

    def test_a_model_that_is_added_is_probed_and_then_chosen_where_it_is_better(self):
        gateway = self.serve(self.config(False))
        town, total = "Which capital city has country number 7 on the map?", SUMS[8][1]
        self.assertEqual(self.decided(gateway, town)[0], {"large": 1})
        self.assertEqual(self.decided(gateway, total)[0], {"small": 1})
        plan = gateway.ready()["plan"]
        fresh = self.probed(gateway)
        self.assertEqual((fresh["observations"], fresh["asked"], fresh["failed"]), (PROBES, PROBES, 0))
        # Of the 78 questions with a right answer on record 30 are towns: 6 of 16.
        self.assertEqual(fresh["mean"], 0.375)
        self.assertEqual(len(self.asked_of("sim-fresh")), PROBES)
        self.assertEqual(len({r["body"] for r in self.asked_of("sim-fresh")}), PROBES)
        self.assertEqual(self.model(gateway, "small"), {"model": "small", "state": "known"})
        until(lambda: "fresh" in self.decided(gateway, town)[0], "the plan that knows it")
        self.assertNotEqual(gateway.ready()["plan"], plan)
        # Where it is better it is chosen; elsewhere it has its share as long as it is new.
        odds, answer = self.decided(gateway, town)
        self.assertAlmostEqual(odds["fresh"], 1)
        self.assertIn("30.0 % to new models: fresh seen 16 times", answer["reason"])
        odds, _ = self.decided(gateway, total)
        self.assertAlmostEqual(odds["fresh"], 0.3)
        self.assertAlmostEqual(odds["small"], 0.7)
        served = [gateway.chat(chat_body(SUMS[i][1])).headers["x-switchyard-model"]
                  for i in range(60)]
        self.assertEqual(set(served), {"small", "fresh"})
        self.assertEqual(gateway.chat(chat_body(town)).headers["x-switchyard-model"], "fresh")
        # Probes are records with their cost, and none of them is a client's request.
        self.assertEqual(gateway.metric("switchyard_probes_total", model="fresh", result="scored"),
                         PROBES)
        probe = self.lines("probe")[0]
        self.assertEqual(gateway.record(probe["id"]), probe)
        self.assertEqual((probe["of"], probe["outcome"]["cost_nano"] > 0, probe["plan"] != plan),
                         ("fresh", True, True))
        self.assertEqual(gateway.stop(), 0)
        self.assertEqual(len(self.lines("probe")), PROBES)
        report = json.loads(subprocess.run([PROGRAM, "replay", gateway.file, "--json"], text=True,
                                           capture_output=True, check=False).stdout)
        self.assertEqual((report["proved"], report["feedback"]), (61, 0), report)

    def test_auto_learns_as_much_from_the_probes(self):
        self.past = "type: auto"
        gateway = self.serve(self.config(False))
        self.probed(gateway)
        until(lambda: self.decided(gateway, TOWNS[7][1])[0].get("fresh") == 1, "it is chosen for towns")
        odds, _ = self.decided(gateway, SUMS[8][1])
        self.assertAlmostEqual(odds["small"], 0.7)

    def test_a_restart_asks_only_the_probes_that_are_missing(self):
        # A budget for a part of the probes first: 30 micro-USD each, 1044 at most.
        gateway = self.serve(self.config(True, ", max_cost_usd: 0.0013, concurrency: 1"))
        fresh = until(lambda: (m := self.model(gateway, "fresh")).get("state") == "probed" and m,
                      "the budget is spent")
        self.assertIn("max_cost_usd are left", fresh["why"])
        first = fresh["observations"]
        self.assertTrue(0 < first < PROBES, fresh)
        self.assertEqual(gateway.stop(), 0)
        gateway = self.serve(self.config(True))
        fresh = until(lambda: (m := self.model(gateway, "fresh")).get("observations") == PROBES
                      and m["state"] == "probed" and m, "the rest")
        self.assertEqual(fresh["asked"], PROBES - first)
        asked = self.asked_of("sim-fresh")
        self.assertEqual((len(asked), len({r["body"] for r in asked})), (PROBES, PROBES))

    def test_feedback_on_its_answers_ends_the_exploration(self):
        gateway = self.serve(self.config(True, ", feedback: 40"))
        until(lambda: self.model(gateway, "fresh").get("state") == "probed", "fresh is probed")
        until(lambda: "fresh" in self.decided(gateway, TOWNS[7][1])[0], "the plan that knows it")
        for i in range(40 - PROBES):
            answer = gateway.chat(chat_body(TOWNS[i][1] + " Please."))
            self.assertEqual(answer.headers["x-switchyard-model"], "fresh")
            for _ in range(2):  # the second changes nothing
                self.assertEqual(gateway.request("POST", "/v1/feedback", {
                    "record": answer.record, "score": 1}).status, 200)
        fresh = until(lambda: (m := self.model(gateway, "fresh")).get("published") == 40 and m,
                      "feedback is learned")
        self.assertEqual(fresh["observations"], 40)
        until(lambda: "fresh" not in self.decided(gateway, SUMS[8][1])[0], "it is not new any more")
        self.assertEqual(self.decided(gateway, TOWNS[7][1])[0], {"fresh": 1})

    def test_an_upstream_that_fails_leaves_everything_as_it_was(self):
        self.upstream.faults({"fault": "status:500", "model": "sim-fresh"})
        gateway = self.serve(self.config(False))
        gateway.write(self.config(True, ", concurrency: 4"))
        fresh = until(lambda: (m := self.model(gateway, "fresh")).get("state") == "stopped" and m,
                      "it gives up")
        self.assertIn("calls failed in a row: upstream 'local' answered 500", fresh["why"])
        self.assertLessEqual(fresh["asked"], 10)
        self.assertEqual(self.decided(gateway, TOWNS[7][1])[0], {"large": 1})
        self.assertEqual(gateway.ready()["ready"], True)
        self.upstream.faults()
        gateway.write(self.config(True, ", concurrency: 4") + "# again\n")
        until(lambda: self.model(gateway, "fresh").get("state") == "probed", "it is tried again")


if __name__ == "__main__":
    unittest.main()
