#!/usr/bin/env python3
"""Instructions a token of the assignment's operations, under callgrind, beside the recorded ones.

  instructions_test.py PROGRAM [--record]    --record writes the counts of now

The regression gate: a count more than 5 % above the recorded one fails; one more than 5 % below asks to be recorded. valgrind runs the
AVX2 kernels (it knows no AVX-512), or what SWITCHYARD_KERNELS names. Skips (77) without valgrind, or where the compiler is another one than
the counts were recorded with.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

RECORDED = pathlib.Path(__file__).with_name("instructions.json")
ALLOWED = 0.05


def count(program, case):
    """Instructions a token."""
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=swy::moe::instructions::one_pass*",
                           program, case], capture_output=True, text=True, check=False, timeout=250, stdin=subprocess.DEVNULL,
                          env={**os.environ, "SWITCHYARD_KERNELS": os.environ.get("SWITCHYARD_KERNELS", "avx2")})
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise SystemExit(f"{case}: {done.stderr[-2000:]}")
    return int(found[1]) / int(done.stdout.split()[-1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("--compiler", default="", help="its name and version")
    p.add_argument("--record", action="store_true")
    args = p.parse_args()
    if shutil.which("valgrind") is None:
        print("skipped: no valgrind")
        return 77
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    if not args.record and args.compiler != recorded["compiler"]:
        print(f"skipped: recorded with {recorded['compiler']}, this is {args.compiler}")
        return 77
    bad, now = 0, {}
    for case, before in recorded["instructions a token"].items():
        now[case] = round(count(args.program, case), 1)
        change = now[case] / before - 1 if before else 0.0
        verdict = "ok" if abs(change) <= ALLOWED else "MORE" if change > 0 else "less: record it (--record)"
        bad += verdict == "MORE"
        print(f"{case:20} {now[case]:10.1f} recorded {before:10.1f} {100 * change:+6.1f} %  {verdict}")
    if args.record:
        RECORDED.write_text(json.dumps({"compiler": args.compiler, "kernels": "avx2", "instructions a token": now}, indent=1) + "\n", encoding="utf-8")
        return 0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
