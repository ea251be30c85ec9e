"""switchyard moe from outside: score files of every kind, what is printed, what is refused, what is drawn.

Usage: moe_cli_test.py PATH_OF_SWITCHYARD
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PROGRAM = sys.argv.pop(1)
F1 = [[2, 1, 0], [1.5, 1.4, 0.1], [1, 0, 0.9], [2, 2, -1]]


def run(*args):
    done = subprocess.run([PROGRAM, "moe", *args], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def flat(rows):
    return [v for row in rows for v in row]


def npy(numbers, shape, descr="<f4", code="f", header=None):
    text = header or f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + struct.pack(f"<{len(numbers)}{code}", *numbers)


def safetensors(tensors):
    head, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


def bf16(numbers):
    return b"".join(struct.pack("<f", v)[2:] for v in numbers)


class Moe(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, name, content):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as f:
            f.write(content)
        return path

    def report(self, *args):
        code, out, err = run(*args, "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def test_every_number_type_gives_the_same_assignment(self):
        halves = [round(v * 4) / 4 for v in flat(F1)]  # that bfloat16 can hold
        files = [
            self.file("f4.npy", npy(halves, (4, 3))),
            self.file("f8.npy", npy(halves, (4, 3), "<f8", "d")),
            self.file("f2.npy", npy(halves, (4, 3), "<f2", "e")),
            self.file("steps.npy", npy(halves, (2, 2, 3))),
            self.file("a.safetensors", safetensors({"z": ("F32", [4, 3], struct.pack("<12f", *halves))})),
            self.file("b.safetensors", safetensors({"z": ("BF16", [4, 3], bf16(halves))})),
        ]
        reports = [self.report("run", f) for f in files]
        for r in reports[1:]:
            self.assertEqual(r["assignment"], reports[0]["assignment"])

    def test_a_known_answer(self):
        r = self.report("run", self.file("z.npy", npy(flat(F1), (4, 3))), "--preset", "mixtral")
        self.assertEqual([t["experts"] for t in r["assignment"]], [[0, 1], [0, 1], [0, 2], [0, 1]])
        self.assertAlmostEqual(r["assignment"][0]["weights"][0], 0.731058579, places=6)
        self.assertEqual(r["demand"], [4, 3, 1])
        self.assertAlmostEqual(r["metrics"]["maxvio"], 0.5)

    def test_a_capacity_drops_and_a_bias_selects(self):
        z = self.file("z.npy", npy(flat(F1), (4, 3)))
        r = self.report("run", z, "--set", "{k: 1, cap: arrival, capacity_factor: 0.75}")
        self.assertEqual((r["demand"], r["kept"]), ([4, 0, 0], [1, 0, 0]))
        bias = self.file("b.npy", npy([0, 0, 9], (3,)))
        r = self.report("run", z, "--set", "{k: 1}", "--bias", bias)
        self.assertEqual([t["experts"] for t in r["assignment"]], [[2]] * 4)

    def test_people_get_a_table(self):
        code, out, _ = run("run", self.file("z.npy", npy(flat(F1), (4, 3))), "--show", "2")
        self.assertEqual(code, 0)
        self.assertIn("0.7311", out)
        self.assertIn("2 more (--show)", out)
        self.assertIn("max violation 0.5000", out)

    def test_presets_can_all_be_run(self):
        _, out, _ = run("presets")
        names = [line.split()[0] for line in out.splitlines() if line and line[0].islower()]
        self.assertGreater(len(names), 15)
        rng = random.Random(1)
        z = self.file("z.npy", npy([rng.gauss(0, 1) for _ in range(64 * 20)], (20, 64)))
        for name in names:
            self.assertEqual(len(self.report("run", z, "--preset", name)["assignment"]), 20, name)

    def test_a_simulated_stream_balances_and_is_drawn(self):
        svg = os.path.join(self.folder.name, "loads.svg")
        r = self.report("simulate", "--preset", "deepseek-v3", "--set", "{update: bias_sign, rate: 0.02}", "--steps", "120",
                        "--plot", svg)
        self.assertGreater(sum(r["maxvio"][:10]) / 10, 1.5)
        self.assertLess(sum(r["maxvio"][-10:]) / 10, 0.6)
        self.assertEqual((len(r["demand"]), len(r["demand"][0]), len(r["bias"])), (120, 64, 64))
        tree = xml.etree.ElementTree.parse(svg)
        cells = [c for e in tree.iter() if e.tag.endswith("path") for c in e.get("d", "").split("M") if c.endswith("h1v1h-1z")]
        self.assertEqual(len(cells), len(set(cells)))
        # Every expert of every step that got anything to speak of (a thirty-second of its share) is drawn once.
        share = sum(r["demand"][0]) / 64
        some = sum(d > share / 32 for step in r["demand"] for d in step)
        self.assertLess(abs(len(cells) - some), 0.01 * some + 1)

    def test_a_file_of_steps_is_a_stream(self):
        rng = random.Random(2)
        z = self.file("z.npy", npy([rng.gauss(0, 1) for _ in range(5 * 8 * 4)], (5, 8, 4)))
        r = self.report("simulate", z)
        self.assertEqual((r["steps"], r["tokens"], r["experts"]), (5, 8, 4))
        self.assertEqual([sum(d) for d in r["demand"]], [16] * 5)

    def test_what_is_wrong_is_said(self):
        z = self.file("z.npy", npy(flat(F1), (4, 3)))
        two = self.file("two.safetensors", safetensors({n: ("F32", [1, 1], b"\0\0\0\0") for n in "ab"}))
        for args, code, what in (
                (["run", "/nowhere.npy"], 3, "/nowhere.npy"),
                (["run", z, "--preset", "mixtrall"], 2, "did you mean mixtral"),
                (["run", z, "--set", "{kk: 1}"], 2, "there is no field 'kk'"),
                (["run", z, "--set", "{k: 0}"], 2, "spec.k"),
                (["run", z, "--preset", "deepseek-v3"], 2, "spec.groups"),
                (["run", two], 2, "has 2 tensors"),
                (["run", two, "--tensor", "c"], 2, "no tensor 'c'"),
                (["run", self.file("i.npy", npy([1, 2], (2, 1), "|u1", "B"))], 2, "save them as float32"),
                (["run", self.file("f.npy", npy([1, 2], (2, 1), header="{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }"))],
                 2, "C order"),
                (["run", self.file("o.npy", npy([1, 2], (2,)))], 2, "two dimensions"),
                (["run", self.file("n.npy", npy([], (8, 0)))], 2, "counts the experts: not 0"),
                (["run", self.file("m.npy", npy([], (0, 1 << 33)))], 2, "the shape is damaged"),
                (["run", self.file("s.npy", npy([1, 2], (2, 2)))], 2, "ends too soon"),
                (["run", self.file("big.npy", npy([1, 2], (2**31, 2**31)))], 2, "too many numbers"),
                (["simulate", "--plot", "/nowhere/x.svg", "--steps", "1"], 3, "/nowhere/x.svg")):
            got, _, err = run(*args)
            self.assertEqual(got, code, (args, err))
            self.assertIn(what, err)

    def test_damaged_files_are_refused_or_read_but_never_more(self):
        rng = random.Random(3)
        good = npy(flat(F1), (4, 3))
        for _ in range(60):
            bad = bytearray(good)
            for _ in range(rng.randint(1, 4)):
                bad[rng.randrange(len(bad))] = rng.randrange(256)
            code, _, err = run("run", self.file("bad.npy", bytes(bad[:rng.randint(0, len(bad))])))
            self.assertIn(code, (0, 2), err)


if __name__ == "__main__":
    unittest.main()
