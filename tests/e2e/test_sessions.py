"""session_aware and sticky: what a session remembers decides, is in every record, and replays without bodies."""

import json
import shutil
import subprocess
import tempfile
import unittest

from kit import PROGRAM, Gateway, Upstream, config

RULES = """\
  auto:
    - { name: coding, when: code, models: [large], policy: first }
    - { name: otherwise, models: [small, large], policy: { type: session_aware, inner: { type: utility, cost: 0 } } }
  steady:
    - { models: [small, large], policy: { type: sticky, margin: 0.1, cache: 1, inner: { type: utility, cost: 0 } } }
"""


class Sessions(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.addCleanup(self.upstream.stop)
        directory = tempfile.mkdtemp(prefix="swy-sessions-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.gateway = Gateway(config(self.upstream, rules=RULES), directory=directory)
        self.addCleanup(self.gateway.stop)
        self.talk = []

    def turn(self, text, model="auto", session="s1", role="user"):
        """Says something more; the record of the answer."""
        message = {"role": role, "content": text}
        if role == "tool":
            call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
            self.talk[-1] = {"role": "assistant", "content": None, "tool_calls": [call]}
            message["tool_call_id"] = "c1"
        self.talk.append(message)
        answer = self.gateway.chat({"model": model, "messages": self.talk}, headers={"x-switchyard-session": session})
        self.assertEqual(answer.status, 200, answer.body)
        self.talk.append(answer.json()["choices"][0]["message"])
        return self.gateway.record(answer)

    def prove(self, count):
        self.gateway.stop()
        done = subprocess.run([PROGRAM, "replay", self.gateway.file, "--json"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual((report["proved"], report["different"]), (count, 0))

    def test_a_session_stays_with_its_model_until_another_rule_decides(self):
        first = self.turn("How do harbours work?", model="small")
        self.assertNotIn("past", first["work"])
        second = self.turn("And locks?")
        self.assertEqual(second["decision"]["choice"], "small")
        self.assertIn("small keeps the session: staying is worth", second["decision"]["reason"])
        self.assertEqual(second["work"]["previous"], "small")
        past = second["work"]["past"]
        self.assertEqual((past["turns"], past["switches"], past.get("rule")), (1, 0, None))
        self.assertLess(past["idle_s"], 60)
        self.assertEqual(second["work"]["history"]["user_turns"], 2)
        third = self.turn("It is 12 metres deep.", role="tool")
        self.assertIn("it reads the result of its tool", third["decision"]["reason"])
        self.assertTrue(third["work"]["history"]["reads_tool_result"])
        code = self.turn("```int main() {}``` what is this?")
        self.assertEqual(code["decision"]["choice"], "large")
        last = self.turn("Thank you.")
        self.assertEqual(last["decision"]["choice"], "large")
        self.assertIn("the session starts anew", last["decision"]["reason"])
        self.assertEqual(last["work"]["past"],
                         {"turns": 4, "switches": 1, "rule": "auto/coding", "rule_turns": 1,
                          "idle_s": last["work"]["past"]["idle_s"]})
        self.prove(5)

    def test_strangers_get_the_better_one(self):
        self.turn("How do harbours work?", model="small")
        self.talk = []
        self.assertEqual(self.turn("How do harbours work?", session="s2")["decision"]["choice"], "large")
        self.prove(2)

    def test_sticky_is_proved_without_bodies(self):
        self.turn("How do harbours work?", model="small")
        self.assertEqual(self.turn("And locks?", model="steady")["decision"]["choice"], "large")
        self.turn("It is 12 metres deep.", model="small", role="tool")
        self.assertIn("reads the result", self.turn("And 9 wide.", model="steady", role="tool")["decision"]["reason"])
        self.prove(4)


if __name__ == "__main__":
    unittest.main()
