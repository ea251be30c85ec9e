"""switchyard eval signals: its tables, its verdicts on the targets and its exit status."""

import gzip
import json
import os
import random
import subprocess
import tempfile
import unittest

import kit

HERE = os.path.dirname(os.path.abspath(__file__))
WRITTEN = os.path.join(HERE, "..", "data")
COLUMNS = ("| set | labels | rows | way | accuracy | macro F1 | ECE | ECE by chance | OOS AUROC | encoder asked | time | head |"
           " kept | right of kept |")
SERVED = "| signal | measured on | rows | classes | accuracy | F1 | AUROC | ECE | ECE by chance | time | memory |"


def intents(chance):
    """Requests whose words tell the intent, as SNIPS has them; a few are of no intent."""
    openings = {"play": "play the song", "book": "book a table at", "rate": "give five stars to"}
    for i in range(600):
        intent = list(openings)[i % 3]
        text = f"{openings[intent]} {chance.choice('abcdefgh')}{chance.randrange(10 ** 6)}"
        yield {"id": f"r{i}", "text": text, "intent": intent, "oos": False, "part": "dev" if i % 4 == 3 else "train"}
    for i in range(30):
        yield {"id": f"o{i}", "text": f"why is the sky {i} shades of blue", "intent": "oos", "oos": True, "part": "dev"}


class Signals(unittest.TestCase):
    def run_eval(self, folder, *arguments):
        page = os.path.join(folder, "page.md")
        done = subprocess.run([kit.PROGRAM, "eval", "signals", "--data", folder, "--written", WRITTEN, "--out", page, *arguments],
                              capture_output=True, text=True, timeout=120, check=False)
        if not os.path.exists(page):
            return done, ""
        with open(page, encoding="utf-8") as text:
            return done, text.read()

    def test_the_page_has_every_column_every_way_and_a_verdict_on_every_target(self):
        with tempfile.TemporaryDirectory(prefix="swy-e2e-") as folder:
            os.mkdir(os.path.join(folder, "intents"))
            with gzip.open(os.path.join(folder, "intents", "clinc150.jsonl.gz"), "wt") as out:
                for row in intents(random.Random(kit.SEED)):
                    out.write(json.dumps(row) + "\n")
            done, page = self.run_eval(folder, "--sets", "clinc150,language,served")
            self.assertIn(done.returncode, (0, 1), done.stderr)
            self.assertIn(COLUMNS, page)
            self.assertIn(SERVED, page)
            for way in ("n-grams", "static", "n-grams + static"):
                self.assertRegex(page, rf"\| clinc150 \| 3 \| 450 / 150 \| {way.replace('+', '.')} \| [01]\.")
            for signal in ("jailbreak", "safety", "feedback", "needs_facts", "modality"):
                self.assertRegex(page, rf"\| {signal} \| written for this project \| \d\d \|")
            targets = page.split("## Targets")[1]
            self.assertRegex(targets, r"- met: clinc150, static: accuracy in scope [01]\.\d+, at least 0\.850 is wanted")
            self.assertRegex(targets, r"calibration error at most 0\.030 in \d+ of \d+ rows")
            missed = "- missed:" in targets
            self.assertEqual(done.returncode, 1 if missed else 0, "the exit status says whether a target is missed")
            self.assertIn("pii is left out", targets, "what could not be measured is said")

    def test_a_folder_without_any_set_is_wrong_usage(self):
        with tempfile.TemporaryDirectory(prefix="swy-e2e-") as folder:
            done, _ = self.run_eval(folder, "--sets", "snips")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("none of the sets", done.stderr)


if __name__ == "__main__":
    unittest.main()
