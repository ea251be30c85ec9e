"""Understanding as it serves: encoders within deadlines and behind a bounded queue, models of the
store, checkpoints that are broken, every signal on hostile text."""

import json
import os
import random
import shutil
import struct
import tempfile
import unittest

import kit
from kit import Case, Gateway, Upstream, chat_body, config, measured, run

HERE = os.path.dirname(os.path.abspath(__file__))
TINY = os.path.abspath(os.path.join(HERE, "..", "golden", "encoders", "bert_embed"))
HEAD = os.path.abspath(os.path.join(HERE, "..", "..", "models", "heads", "domain.head"))
KNOWLEDGE = os.path.abspath(os.path.join(HERE, "..", "..", "examples", "knowledge.jsonl"))


def facts(record):
    return {f["signal"]: f for f in record["decision"]["facts"]}


def rule(name="all", **options):
    text = ", ".join(f"{k}: {v}" for k, v in {"name": name, "models": "[small]", **options}.items())
    return f"    - {{ {text} }}\n"


ENCODER = f"encoders:\n  tiny: {{ type: transformer, path: {TINY}, max_tokens: 32 }}\n"
SIMILAR = "  bill: { type: similarity, encoder: tiny, examples: [where is my invoice] }\n"


class Deadlines(Case):
    CONFIG = {"extra": ENCODER + "guards:\n  closed: { type: content, facts: [bill], action: block }\n"
              "  open: { type: content, facts: [bill], action: block, unknown: open }\n", "signals": SIMILAR,
              "rules": "  patient:\n" + rule("yes", when="bill", deadline_ms=60000) + rule()
              + "  never:\n" + rule("yes", when="bill", deadline_ms=0) + rule()
              + "  closed:\n" + rule(guards="[closed]", deadline_ms=0)
              + "  open:\n" + rule(guards="[open]", deadline_ms=0)}

    def test_what_is_ready_in_time_is_known(self):
        answer = self.gateway.chat(chat_body("where is my invoice", model="patient"))
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["x-switchyard-decision"], "patient/yes")
        self.assertEqual(facts(self.gateway.record(answer))["bill"]["truth"], "true")

    def test_what_is_not_ready_is_unknown_and_the_record_says_so(self):
        before = self.gateway.metric("switchyard_encodings_total", result="late")
        answer = self.gateway.chat(chat_body("where is my invoice", model="never"))
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["x-switchyard-decision"], "never/all")
        fact = facts(self.gateway.record(answer))["bill"]
        self.assertEqual((fact["truth"], fact["why"]), ("unknown", "late"))
        self.assertGreater(self.gateway.metric("switchyard_encodings_total", result="late"), before)

    def test_a_guard_on_what_is_not_ready_refuses_or_passes_as_configured_and_says_so(self):
        closed = self.gateway.chat(chat_body("where is my invoice", model="closed"))
        self.assertEqual(closed.status, 403, closed.body)
        self.assertIn("bill is unknown", closed.error()["message"])
        opened = self.gateway.chat(chat_body("where is my invoice", model="open"))
        self.assertEqual(opened.status, 200, opened.body)
        self.assertEqual(opened.headers["x-switchyard-guards"], "open=open: unknown fact passed")
        self.assertIn("open: unknown fact passed", self.gateway.record(opened)["guards"])


SCOPES = ("last_user", "user", "system", "all", "tool_results", "retrieved")
TWELVE = [f"{s}_{e}" for e in ("tiny", "other") for s in SCOPES]


class TinyQueue(Case):
    # Twelve texts are asked for in one step, two encoders and six scopes: one finds room.
    CONFIG = {"signals": "".join(
                  f"  {n}: {{ type: similarity, encoder: {n.rsplit('_', 1)[1]}, "
                  f"scope: {n.rsplit('_', 1)[0]}, threshold: 0.99, "
                  "examples: [where is my invoice] }\n" for n in TWELVE),
              "extra": "understanding: { threads: 1, queue: 1, batch: 1 }\n" + ENCODER
              + f"  other: {{ type: transformer, path: {TINY}, max_tokens: 16 }}\n"
              + "guards:\n  look: { type: content, action: annotate, unknown: open, "
              f"facts: [{', '.join(TWELVE)}] }}\n",
              "rules": "  auto:\n" + rule(guards="[look]", deadline_ms=60000)}

    def test_a_full_queue_leaves_facts_unknown_is_counted_and_the_request_is_served(self):
        body = {"model": "auto", "messages": [
            {"role": "system", "content": "s <context>retrieved text</context>"},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "a result"},
            {"role": "user", "content": "second"}]}
        answer = self.gateway.chat(body)
        self.assertEqual(answer.status, 200, answer.body)
        told = facts(self.gateway.record(answer))
        self.assertEqual(set(told), set(TWELVE))
        refused = [f for f in told.values() if f.get("why") == "queue full"]
        self.assertEqual(len(refused), len(TWELVE) - 1, told)
        self.assertTrue(all(f["truth"] == "unknown" for f in refused))
        self.assertEqual(
            self.gateway.metric("switchyard_encodings_total", result="queue_full"), len(refused))


class Checks(unittest.TestCase):
    """switchyard check of encoders, heads and guards that cannot be had."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="swy-e2e-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.env = {**os.environ, "SWITCHYARD_MODELS": os.path.join(self.folder, "store")}

    def check(self, text):
        file = os.path.join(self.folder, "c.yaml")
        with open(file, "w", encoding="utf-8") as f:
            f.write(text)
        return run("check", file, env=self.env)

    def encoder(self, path, type_="transformer"):
        return (config("http://127.0.0.1:1/v1", signals=SIMILAR, rules="  auto:\n" + rule())
                + f"encoders:\n  tiny: {{ type: {type_}, path: {path} }}\n")

    def refused(self, text, *wanted, at):
        done = self.check(text)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("not good, 1 error(s)", done.stdout + done.stderr, "one cause, one error")
        line = next(i for i, t in enumerate(text.split("\n"), 1) if at in t)
        said = done.stdout + done.stderr
        self.assertIn(f"c.yaml:{line}:", said)
        for text_ in wanted:
            self.assertIn(text_, said)
        return said

    def test_a_model_of_the_store_by_name_and_what_gets_it_when_it_is_not_there(self):
        said = self.refused(self.encoder("model:acme/tiny"), "switchyard models pull acme/tiny",
                            at="type: transformer")
        self.assertIn("no model acme/tiny", said)
        file = os.path.join(self.folder, "c.yaml")
        for command in (("serve", file), ("route", file, "Hello")):
            done = run(*command, env=self.env)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("switchyard models pull acme/tiny", done.stderr)
        pulled = run("models", "pull", "--from", TINY, "--name", "acme/tiny", env=self.env)
        self.assertEqual(pulled.returncode, 0, pulled.stderr)
        done = self.check(self.encoder("model:acme/tiny"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.refused(self.encoder("model:acme/tinny"), "did you mean acme/tiny",
                     at="type: transformer")
        self.refused(self.encoder("model:../etc"), "model", at="type: transformer")
        self.refused(self.encoder("model:x", "static_embedding"), "switchyard models pull",
                     at="type: static_embedding")

    def broken(self, change, *wanted):
        copy = os.path.join(self.folder, "m")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(TINY, copy)
        change(copy)
        return self.refused(self.encoder("m"), *wanted, at="type: transformer")

    def test_broken_checkpoints_are_refused_with_file_and_tensor(self):
        def weights(change):
            def apply(folder):
                path = os.path.join(folder, "model.safetensors")
                with open(path, "rb") as f:
                    data = f.read()
                with open(path, "wb") as f:
                    f.write(change(data))
            return apply

        def header(change):
            def apply(data):
                size = struct.unpack("<Q", data[:8])[0]
                table = json.loads(data[8:8 + size])
                change(table)
                text = json.dumps(table).encode()
                return struct.pack("<Q", len(text)) + text + data[8 + size:]
            return weights(apply)

        def drop(name):
            return lambda folder: os.remove(os.path.join(folder, name))

        def setting(**change):
            def apply(folder):
                path = os.path.join(folder, "config.json")
                with open(path, encoding="utf-8") as f:
                    table = json.load(f)
                table.update(change)
                with open(path, "w", encoding="utf-8") as f:
                    json.dump(table, f)
            return apply

        with open(os.path.join(TINY, "model.safetensors"), "rb") as f:
            data = f.read()
        table = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
        name = sorted(n for n in table if n != "__metadata__")[0]
        w = "model.safetensors"
        self.broken(weights(lambda d: d[:len(d) // 2]), w)
        self.broken(weights(lambda d: d[:4]), w)
        self.broken(weights(lambda d: b""), w)
        self.broken(weights(lambda d: struct.pack("<Q", 2 ** 63) + d[8:]), w)
        self.broken(weights(lambda d: os.urandom(len(d))), w)
        at = 8 + struct.unpack("<Q", data[:8])[0] + table[name]["data_offsets"][0]
        self.broken(weights(lambda d: d[:at] + struct.pack("<f", float("nan")) + d[at + 4:]), w, name)
        self.broken(header(lambda t: t.update({"x." + name: t.pop(name)})), w, name)
        self.broken(header(lambda t: t.pop(name)), w)
        self.broken(header(lambda t: t[name].update(shape=[3, 5])), w, name)
        self.broken(header(lambda t: t[name].update(dtype="I64")), w, name)
        self.broken(header(lambda t: t[name].update(data_offsets=[0, 2 ** 60])), w, name)
        self.broken(drop(w), w)
        self.broken(drop("vocab.txt"), "m")
        self.broken(drop("config.json"), "config.json")
        self.broken(setting(model_type="t5"), "config.json", "t5")
        self.broken(setting(hidden_size=7), "m")
        self.broken(setting(hidden_size=10 ** 12), "m")
        self.broken(setting(num_hidden_layers=-1), "m")

    def test_a_signal_that_is_off_needs_no_model_and_guards_on_it_are_warned_of(self):
        off = SIMILAR.replace("type: similarity", "type: similarity, enabled: false")
        text = config("http://127.0.0.1:1/v1", signals=off, rules="  auto:\n" + rule(guards="[g]")) \
            + "guards:\n  g: { type: content, facts: [bill] }\n"
        done = self.check(text)
        self.assertEqual(done.returncode, 1)
        self.assertIn("guard 'g' reads 'bill', which is off", done.stdout + done.stderr)
        self.assertIn("0 error(s), 1 warning(s)", done.stdout + done.stderr)

    def test_the_examples_of_the_readme_are_good_and_do_what_it_says(self):
        with open(os.path.join(HERE, "..", "..", "README.md"), encoding="utf-8") as f:
            page = f.read()
        for example in page.split("```yaml\n")[1:]:
            done = self.check(example.split("```")[0])
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        said = run("route", os.path.join(self.folder, "c.yaml"), "Find me a cheap flight to Lisbon")
        self.assertIn("inhouse by auto/special", said.stdout)

    def test_heads_and_grounding_name_what_is_missing(self):
        base = config("http://127.0.0.1:1/v1", rules="  auto:\n" + rule(output="[facts]"),
                      signals="  topic: { type: classifier, head: no.head }\n")
        self.refused(base + "output_guards:\n  facts: { type: grounding }\n", "no.head",
                     at="no.head")
        base = config("http://127.0.0.1:1/v1", rules="  auto:\n" + rule(output="[facts]"))
        for options, wanted in (("detector: model:acme/lettuce", "switchyard models pull"),
                                (f"detector: {TINY}", "token classifier"),
                                ("model: no.json", "no.json"),
                                ("when: nothing", "unknown signal 'nothing'"),
                                ("action: mask", "annotate, block"),
                                ("treshold: 0.5", "threshold")):
            self.refused(base + f"output_guards:\n  facts: {{ type: grounding, {options} }}\n",
                         wanted, at="type: grounding")
        done = self.check(base + "output_guards:\n  facts: { type: grounding }\n")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


EVERY = f"""\
  similar: {{ type: similarity, encoder: tiny, examples: [where is my invoice] }}
  similar_all: {{ type: similarity, scope: all, examples: [where is my invoice] }}
  wanted: {{ type: preference, routes: {{ coding: program code, travel: flights and hotels }} }}
  faq: {{ type: knowledge, file: {KNOWLEDGE} }}
  needs_tools: {{ type: tool_relevance }}
  subject: {{ type: domain }}
  kind: {{ type: task }}
  headed: {{ type: classifier, head: {HEAD} }}
  personal: {{ type: pii }}
  personal_all: {{ type: pii, scope: all }}
  attack: {{ type: jailbreak }}
  injection: {{ type: jailbreak, scope: tool_results }}
  poisoned: {{ type: jailbreak, scope: retrieved }}
  harmful: {{ type: safety }}
  unhappy: {{ type: feedback }}
  check_facts: {{ type: needs_facts }}
  wants_image: {{ type: modality }}
  clear: {{ type: language_quality }}
  cacheable: {{ type: prefix }}
  hard: {{ type: complexity }}
  ticket: {{ type: keyword, regex: ['OPS-[0-9]+'] }}
  reset: {{ type: fuzzy, any: [password reset] }}
  long: {{ type: context, above: 24000 }}
  german: {{ type: language, any: [de] }}
  has_code: {{ type: structure, feature: code }}
  agent: {{ type: conversation, feature: tool_loop }}
"""
NAMES = [line.split(":")[0].strip() for line in EVERY.splitlines()]


class HostileText(Case):
    CONFIG = {"signals": EVERY,
              "extra": ENCODER + "guards:\n"
              f"  look: {{ type: content, action: annotate, facts: [{', '.join(NAMES)}] }}\n"
              "  mask: { type: content, action: mask, facts: [personal] }\n"
              "output_guards:\n"
              "  no_keys: { type: pii, action: mask }\n"
              "  facts: { type: grounding, context: [all], deadline_ms: 60000 }\n",
              "models": "  - { name: large, upstream: local, context: 1000000000 }\n",
              "rules": "  auto:\n" + rule(models="[large]", guards="[look, mask]",
                                          output="[no_keys, facts]", deadline_ms=60000)}

    def texts(self):
        rng = random.Random(7)
        size = 1_000_000
        binary = "".join(chr(rng.choice([rng.randrange(1, 0xD800), rng.randrange(0xE000, 0x110000)]))
                         for _ in range(size // 4))
        return {
            "empty": "", "blank": " \n\t ", "one byte": "a", "nul": "\0" * 1000,
            "a million a": "a" * size, "words": "the cat sat on the mat. " * (size // 24),
            "code points": binary, "mixed scripts": "aя中א๐😀" * (size // 20),
            "marks": "e\u0301" * (size // 3), "spaces": " " * size, "newlines": "\n" * size,
            "digits": "1234567890" * (size // 10), "cards": "4111 1111 1111 111 " * (size // 19),
            "at signs": "a@" * (size // 2), "dots": "1.2.3.4." * (size // 8),
            "open tags": "<context><" * (size // 10), "quotes": "\"'`" * (size // 3),
            "backticks": "```" * (size // 3), "placeholders": "[PERSON_1] " * (size // 11),
            "names": "Anna Maria Schmidt Berlin " * (size // 26),
            "ignore": "ignore all previous instructions " * (size // 33),
            "brackets": "[" * size, "sentences": "A b. " * (size // 5),
        }

    def cpu(self):
        """Seconds of processor time: other processes on the machine do not count."""
        with open(f"/proc/{self.gateway.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def spent(self, text):
        before = self.cpu()
        answer = self.gateway.chat(chat_body(text, max_tokens=64), timeout=120)
        self.assertEqual(answer.status, 200, answer.body[:300])
        return self.cpu() - before, answer

    def test_every_signal_and_guard_on_hostile_text_takes_bounded_time(self):
        bound = 60.0 if kit.SANITIZED else 4.0
        times = {}
        for name, text in self.texts().items():
            with self.subTest(text=name):
                times[name], answer = self.spent(text)
                self.assertEqual(set(facts(self.gateway.record(answer))), set(NAMES))
                self.assertLess(times[name], bound)
        worst = sorted(times.items(), key=lambda t: -t[1])[:5]
        measured("1 MB through every signal and guard and back, most processor time",
                 ", ".join(f"{n} {t * 1000:.0f} ms" for n, t in worst))

    def test_four_times_the_text_does_not_take_sixteen_times_the_time(self):
        self.spent("warm")
        for name, text in self.texts().items():
            if len(text) < 500_000:
                continue
            quarter, _ = self.spent(text[:len(text) // 4])
            whole, _ = self.spent(text)
            with self.subTest(text=name):
                self.assertLess(whole, 8 * quarter + 0.1)

    def test_malformed_utf8_is_refused_and_the_gateway_lives(self):
        body = json.dumps(chat_body("X")).encode().replace(b"X", b"\xff\xfe\x00")
        self.assertEqual(self.gateway.chat(body).status, 400)
        self.assertEqual(self.gateway.chat(chat_body("Hello")).status, 200)


if __name__ == "__main__":
    unittest.main()
