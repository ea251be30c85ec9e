"""budget_route: the price of money follows what was spent, is in every record, and survives a reload."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from kit import PROGRAM, Gateway, Upstream, chat_body, config, until

BODY = chat_body("Say something about harbours.")


def rules(budget, name="priced", step=0.02):
    return f"""\
  auto:
    - {{ name: {name}, models: [small, large], estimator: prior,
        policy: {{ type: budget_route, budget: {budget:.12f}, step: {step}, unit: {budget:.12f} }} }}
"""


class Budget(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.addCleanup(self.upstream.stop)

    def serve(self, text):
        directory = tempfile.mkdtemp(prefix="swy-budget-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        gateway = Gateway(text, directory=directory)
        self.addCleanup(gateway.stop)
        return gateway

    def cost(self, gateway, answer):
        return gateway.record(answer)["outcome"]["cost_nano"] * 1e-9

    def budget_between(self):
        """USD between what the two models cost."""
        gateway = self.serve(config(self.upstream))
        costs = [sum(self.cost(gateway, gateway.chat({**BODY, "model": m})) for _ in range(30)) / 30
                 for m in ("small", "large")]
        gateway.stop()
        self.assertLess(costs[0] * 3, costs[1])
        return sum(costs) / 2

    def test_spending_comes_to_the_budget_and_every_decision_can_be_proved(self):
        budget = self.budget_between()
        gateway = self.serve(config(self.upstream, rules=rules(budget)))
        answers = [gateway.chat(BODY) for _ in range(150)]
        records = [gateway.record(a) for a in answers]
        chosen = [r["decision"]["choice"] for r in records]
        self.assertEqual(chosen[0], "large")  # nothing has been spent: the better one
        self.assertEqual(set(chosen), {"small", "large"})
        spent = sum(r["outcome"]["cost_nano"] for r in records) * 1e-9
        prices = [r["account"][0] for r in records]
        self.assertEqual(prices[0], 0)
        step = 0.02 / budget ** 2
        self.assertLessEqual(spent, 150 * budget + max(prices) / step + 2 * budget)
        self.assertAlmostEqual(spent / 150 / budget, 1, delta=0.15)
        self.assertIn("USD at", records[-1]["decision"]["reason"])
        gateway.stop()
        done = subprocess.run([PROGRAM, "replay", gateway.file, "--json"], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual((report["proved"], report["different"]), (150, 0))

    def test_a_reload_keeps_the_price_of_a_rule_that_stays(self):
        budget = self.budget_between() / 4  # hardly ever the better one
        gateway = self.serve(config(self.upstream, rules=rules(budget, step=0.002)))
        last = [gateway.record(gateway.chat(BODY))["account"][0] for _ in range(40)][-10:]
        self.assertGreater(min(last), 0)

        def account_after(text):
            generation = gateway.ready()["generation"]
            gateway.write(config(self.upstream, rules=text))
            until(lambda: gateway.ready()["generation"] > generation, "it is read again")
            return gateway.record(gateway.chat(BODY))["account"]

        kept = account_after(rules(budget * 1.01, step=0.002))[0]  # another budget, the same rule
        self.assertGreater(kept, 0)
        self.assertEqual(account_after(rules(budget, name="other"))[0], 0)

    def test_a_restart_keeps_it_where_there_is_a_directory_for_that(self):
        budget = self.budget_between() / 4
        state = tempfile.mkdtemp(prefix="swy-budget-state-")
        self.addCleanup(shutil.rmtree, state, ignore_errors=True)

        def account_of_first(name="priced", requests=1):
            gateway = self.serve(config(self.upstream, rules=rules(budget, name=name, step=0.002), extra=f"state: {state}\n"))
            accounts = [gateway.record(gateway.chat(BODY))["account"][0] for _ in range(requests)]
            gateway.stop()
            return accounts[0], accounts[-1]

        self.assertEqual(account_of_first(requests=40)[0], 0)
        kept = account_of_first()[0]
        self.assertGreater(kept, 0)
        self.assertEqual(account_of_first(name="other")[0], 0)  # another rule is another account
        file = os.path.join(state, "accounts.json")
        with open(file, encoding="utf-8") as f:
            text = f.read()
        with open(file, "w", encoding="utf-8") as f:
            f.write(text.replace('"rule"', '"role"'))
        self.assertEqual(account_of_first(name="other")[0], 0)  # damaged: told, and begun anew


if __name__ == "__main__":
    unittest.main()
