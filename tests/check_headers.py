#!/usr/bin/env python3
"""Compiles every header alone and counts its preprocessed lines. A header must stand by itself and stay under 80,000 lines: <memory>,
<functional> and <string> of g++ 12 alone are 56,000; the limit keeps the giants (Asio 202,000, gtest) behind .cc files.
Usage: check_headers.py COMPILER"""
import concurrent.futures
import pathlib
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
compiler = sys.argv[1]
limit = 80_000
flags = ["-std=c++20", f"-DSWY_SOURCE_DIR=\"{root}\"", "-DFMT_SHARED", f"-I{root}/include", f"-I{root}/src", "-Wall", "-Wextra", "-Werror", "-x", "c++"]
headers = sorted(h for folder in ("include", "src", "apps") for h in (root / folder).rglob("*.h"))


def check(header):
    # "// Compiled with -mavx512f ..." in a header's first lines: only files with these options include it.
    options = next((line.split("Compiled with ")[1].split() for line in header.read_text().splitlines()[:8] if "Compiled with -" in line), [])
    source = f'#include "{header}"\n'
    made = subprocess.run([compiler, *flags, *options, "-fsyntax-only", "-"], input=source, capture_output=True, text=True)
    if made.returncode != 0:
        return f"{header.relative_to(root)}: does not compile alone\n{made.stderr[:2000]}"
    text = subprocess.run([compiler, *flags, *options, "-E", "-P", "-"], input=source, capture_output=True, text=True).stdout
    lines = text.count("\n")
    if lines > limit and "testing" not in header.parts:
        return f"{header.relative_to(root)}: {lines} preprocessed lines, limit {limit}"
    return None


with concurrent.futures.ThreadPoolExecutor(2) as pool:
    findings = [f for f in pool.map(check, headers) if f]
print("\n".join(findings) if findings else f"{len(headers)} headers stand alone")
sys.exit(1 if findings else 0)
