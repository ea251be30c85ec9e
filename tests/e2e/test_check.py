"""switchyard check: every kind of finding with its place, and the exit status."""

import json
import os
import re
import tempfile
import unittest

import kit
from kit import config

UPSTREAM = "http://127.0.0.1:1/v1"
GOOD = config(UPSTREAM, keys=f'keys:\n  - {{ name: a, hash: "{kit.sha256("a")}", role: user }}')
SMALL = "  - { name: small, upstream: local, price: { input: 1, output: 1 } }\n"
LARGE = "  - { name: large, upstream: local, price: { input: 1, output: 1 } }\n"


def routes(*rules, models=SMALL + LARGE, before=""):
    return (f'version: 1\nupstreams:\n  local: {{ url: "{UPSTREAM}" }}\nmodels:\n{models}'
            'signals:\n  code: { type: keyword, any: ["def "] }\n'
            "  long: { type: context, above: 2000 }\n" + before
            + "routes:\n  auto:\n" + "".join(f"    - {r}\n" for r in rules))


ANY = "{ name: any, models: [small], policy: first }"

# name, text, what the finding marks (the last place where it occurs, or (text, nth)), message
FINDINGS = [
    ("an unknown key at the top", GOOD.replace("workers: 1", "worker: 1"), "worker: 1",
     r"unknown key 'worker', did you mean workers"),
    ("an unknown key of a model", GOOD.replace("context: 32768", "contxt: 32768"), "contxt",
     r"unknown key 'contxt', did you mean context"),
    ("an unknown key of an upstream", GOOD.replace("dialect:", "dialct:"), "dialct",
     r"unknown key 'dialct', did you mean dialect"),
    ("an unknown key of a rule", routes(ANY.replace("policy", "polcy")), "polcy",
     r"unknown key 'polcy', did you mean policy"),
    ("an unknown key of a signal", GOOD.replace("any: [", "anny: ["), "anny", r"unknown key 'anny'"),
    ("an unknown key of records", GOOD.replace("path: records/", "pth: records/"), "pth:",
     r"unknown key 'pth', did you mean path"),
    ("an unknown model", routes(ANY.replace("[small]", "[smal]")), "smal]",
     r"unknown model 'smal', did you mean small"),
    ("an unknown upstream", routes(ANY).replace("upstream: local", "upstream: locl", 1), "locl,",
     r"unknown upstream 'locl', did you mean local"),
    ("an unknown policy", routes(ANY.replace("first", "frist")), "frist",
     r"unknown policy 'frist', did you mean first"),
    ("an unknown signal type", routes(ANY).replace("type: keyword", "type: keywrd"), "keywrd",
     r"unknown signal type 'keywrd', did you mean keyword"),
    ("an unknown estimator", routes(ANY.replace("policy", "estimator: priro, policy")), "priro",
     r"unknown estimator 'priro', did you mean prior"),
    ("an unknown guard", routes(ANY.replace("policy", "guards: [nope], policy")), "[nope]",
     r"unknown guard 'nope'"),
    ("an unknown signal in a condition", routes("{ name: x, when: codde, models: [large] }", ANY),
     "codde", r"codde.*did you mean code"),
    ("an unknown capability", GOOD.replace("tools, vision", "tools, vison"), "[tools, vison]",
     r"unknown capability 'vison', did you mean vision"),
    ("an unknown dialect", GOOD.replace("dialect: openai", "dialect: opnai"), "opnai",
     r"unknown dialect 'opnai', did you mean openai"),
    ("text for a number", GOOD.replace("context: 32768", "context: many"), "many", r"context"),
    ("a number out of range", GOOD.replace("workers: 1", "workers: 0"), "0\nkeys", r"workers"),
    ("a list for a map", GOOD.replace("records: { path: records/ }", "records: [1]"), "[1]", r"map"),
    ("a wrong version", GOOD.replace("version: 1", "version: 2"), "2\nlisten", r"version"),
    ("a quality above 1", GOOD.replace("default: 0.62", "default: 62"), "{ default: 62", r"0 to 1"),
    ("a model given twice", routes(ANY, models=SMALL + LARGE + SMALL), "small, upstream",
     r"model 'small' is given twice"),
    ("a rule given twice", routes("{ name: any, when: code, models: [large] }", ANY), "{ name: any",
     r"rule 'any' is given twice"),
    ("a key given twice", GOOD.replace("upstreams:", f'  - {{ name: a, hash: "{kit.sha256("b")}" }}\n'
                                       "upstreams:", 1), '{ name: a, hash', r"key 'a' is given twice"),
    ("a hash given twice", GOOD.replace("upstreams:", f'  - {{ name: b, hash: "{kit.sha256("a")}" }}\n'
                                        "upstreams:", 1), f'"{kit.sha256("a")}"', r"same hash"),
    ("a map key given twice", GOOD + "workers: 2\n", "workers: 2", r"workers"),
    ("a model named like a rule set", routes(ANY).replace("  auto:", "  small:"), "small:",
     r"both a model and a rule set"),
    ("a hash that is none", GOOD.replace(kit.sha256("a"), "secret"), '"secret"', r"sha256"),
    ("a secret as credential", GOOD.replace("dialect: openai", "credential: sk-123"), "sk-123",
     r"credential must be env:NAME"),
    ("a url that is none", GOOD.replace("http://127.0.0.1:1/v1", "127.0.0.1:1/v1"),
     '"127.0.0.1:1/v1"', r"http://"),
    ("a missing certificate authority", GOOD.replace("dialect: openai", "ca_file: no.pem"), "no.pem",
     r"no\.pem"),
    ("an address without a port", GOOD.replace('"127.0.0.1:0"', "localhost"), "localhost",
     r"host:port"),
    ("a rule behind one that always matches",
     routes(ANY, "{ name: late, when: code, models: [large] }"), "{ name: late",
     r"rule 'late' can never fire: whenever it matches, 'any' matches first"),
    ("a rule shadowed by higher priority",
     routes("{ name: low, when: 'code && long', models: [small] }",
            "{ name: high, when: code, priority: 5, models: [large] }", ANY), "{ name: low",
     r"rule 'low' can never fire"),
    ("a contradiction", routes("{ name: never, when: 'code && !code', models: [large] }", ANY),
     "{ name: never", r"can never fire: its condition contradicts itself"),
    ("requests that fall through", routes("{ name: some, when: code, models: [large] }"),
     "{ name: some", r"fall through"),
    ("a broken condition", routes("{ name: x, when: 'code &&', models: [large] }", ANY), "', models: [large]",
     r"condition of rule 'x'"),
    ("candidates that every guard excludes",
     routes("{ name: any, models: [small, large], guards: [eu], policy: first }",
            before='guards:\n  eu: { type: allow_list, region: [eu] }\n'), "{ name: any",
     r"every candidate of rule 'any' is excluded"),
    ("a model without price", routes(ANY, models=SMALL + "  - { name: large, upstream: local }\n"),
     "{ name: large", r"model 'large' has no price"),
    ("broken YAML", "version: 1\nmodels: [ { name: x }\nroutes: {\n", None, r""),
    ("an empty file", "", None, r""),
    ("a rule without models", routes("{ name: any, policy: first }"), "{ name: any",
     r"names no models"),
    ("no models", "version: 1\nroutes: { auto: [] }\n", None, r"no models"),
]


class Check(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="swy-e2e-")
        self.addCleanup(directory.cleanup)
        self.file = os.path.join(directory.name, "c.yaml")

    def check(self, text, *options):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)
        return kit.run("check", self.file, *options)

    def test_a_good_configuration_is_exit_status_0(self):
        done = self.check(GOOD)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn("ok", done.stdout)
        done = self.check(GOOD, "--json")
        found = json.loads(done.stdout)
        self.assertEqual((done.returncode, found["errors"], found["warnings"]), (0, 0, 0))
        self.assertNotIn("\x1b", done.stdout)

    def test_every_kind_of_finding_has_its_line_and_column_and_exit_status_1(self):
        for name, text, mark, message in FINDINGS:
            with self.subTest(name=name):
                done = self.check(text)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                found = re.findall(r"c\.yaml:(\d+):(\d+): (?:error|warning): (.*)", done.stdout)
                self.assertTrue(found, done.stdout)
                fitting = [f for f in found if re.search(message, f[2])]
                self.assertTrue(fitting, done.stdout)
                if mark is not None:
                    at = text.rindex(mark)
                    line = text.count("\n", 0, at) + 1
                    column = at - (text.rfind("\n", 0, at) + 1) + 1
                    self.assertIn((str(line), str(column)), [f[:2] for f in fitting], done.stdout)

    def test_findings_as_json_are_the_same_as_the_text(self):
        text = GOOD.replace("workers: 1", "worker: 1")
        found = json.loads(self.check(text, "--json").stdout)
        self.assertEqual(found["errors"], 1)
        first = found["diagnostics"][0]
        self.assertEqual((first["level"], first["line"], first["column"]), ("error", 3, 1))
        self.assertIn("did you mean workers", first["message"])
        self.assertEqual(self.check(text, "--json").returncode, 1)

    def test_everything_wrong_is_found_in_one_go(self):
        text = GOOD.replace("workers: 1", "worker: 1").replace("context: 32768", "contxt: 1") \
            .replace("dialect: openai", "dialect: opnai").replace("tools, vision", "tools, vison")
        done = self.check(text)
        self.assertEqual(done.stdout.count(": error: "), 4, done.stdout)

    def test_a_missing_file_is_exit_status_2(self):
        self.assertEqual(kit.run("check", self.file + ".none").returncode, 2)

    def test_the_example_of_the_project_is_good(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
        for folder, _, names in os.walk(root):
            for name in names:
                if name.endswith(".yaml") and "routes:" in open(os.path.join(folder, name),
                                                               encoding="utf-8").read():
                    done = kit.run("check", os.path.join(folder, name))
                    self.assertEqual(done.returncode, 0, done.stdout)


class OtherCommands(unittest.TestCase):
    def test_keys_hash_and_new_make_what_the_configuration_takes(self):
        self.assertEqual(kit.run("keys", "hash", "a").stdout.strip(), kit.sha256("a"))
        key, hash_ = [line.split(": ", 1)[1].strip() for line in
                      kit.run("keys", "new").stdout.splitlines()]
        self.assertEqual(hash_, kit.sha256(key))
        self.assertGreaterEqual(len(key), 40)

    def test_route_decides_without_a_server(self):
        with tempfile.TemporaryDirectory(prefix="swy-e2e-") as directory:
            name = os.path.join(directory, "c.yaml")
            with open(name, "w", encoding="utf-8") as file:
                file.write(GOOD)
            done = kit.run("route", name, "def f(x)", "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["model"], "large")
            self.assertEqual(kit.run("route", name, "x", "--set", "aut").returncode, 2)

    def test_unknown_commands_and_options_are_exit_status_2(self):
        self.assertEqual(kit.run("srve").returncode, 2)
        self.assertEqual(kit.run("serve", "--confg", "x").returncode, 2)
        self.assertIn("serve", kit.run("srve").stderr)


if __name__ == "__main__":
    unittest.main()
