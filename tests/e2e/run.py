"""Runs the test modules side by side, each in its own process with its own servers, prints what
failed and closes with unittest's summary line. Use run.sh."""

import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT_PYTHON = os.path.join(os.environ["SWY_CLIENTS"], "venv", "bin", "python")
AT_ONCE = 3  # most of them wait
SECONDS = 170


def run(module):
    own = module in ("test_clients", "test_content") and os.path.exists(CLIENT_PYTHON)
    started = time.monotonic()
    try:
        done = subprocess.run([CLIENT_PYTHON if own else sys.executable, "-m", "unittest", "-v", module],
                              cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=SECONDS, check=False)
        return module, done.returncode, done.stdout, time.monotonic() - started
    except subprocess.TimeoutExpired as e:
        text = e.stdout.decode(errors="replace") if isinstance(e.stdout, bytes) else e.stdout or ""
        return module, 1, text + f"\nnot done after {SECONDS} s\n", SECONDS


def main():
    modules = sys.argv[1:] or sorted(os.path.basename(f)[:-3]
                                     for f in glob.glob(os.path.join(HERE, "test_*.py")))
    modules.sort(key=lambda m: m != "test_bad_input")  # it waits for a time-out of 15 s
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(run, modules))
    tests = failed = errors = skipped = 0
    broken = []
    for module, status, text, seconds in results:
        count = lambda what: sum(int(n) for n in re.findall(rf"{what}=(\d+)", text))  # noqa: E731
        tests += sum(int(n) for n in re.findall(r"^Ran (\d+) test", text, re.M))
        failed, errors, skipped = (failed + count("failures"), errors + count("errors"),
                                   skipped + count("skipped"))
        print(f"{module}: {'ok' if status == 0 else 'FAILED'} in {seconds:.1f} s")
        for line in re.findall(r"measured: .*", text):
            print(f"  {line}")
        for reason in sorted(set(re.findall(r"skipped ['\"](.*)['\"]$", text, re.M))):
            print(f"  skipped: {reason}")
        if status != 0:
            broken.append((module, text))
    for module, text in broken:
        print(f"\n===== {module} (SWY_SEED={os.environ.get('SWY_SEED', '1')})\n{text}")
    print(f"\nRan {tests} tests in {time.monotonic() - started:.3f}s\n")
    notes = ", ".join(f"{name}={n}" for name, n in (("failures", failed), ("errors", errors),
                                                    ("skipped", skipped)) if n)
    print(("FAILED" if broken else "OK") + (f" ({notes})" if notes else ""))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
