"""The frame of the program, from outside: help, hints, exit statuses, and a scripted upstream that runs.

Usage: cli_test.py PATH_OF_SWITCHYARD
"""
import json
import os
import subprocess
import sys
import tempfile
import urllib.request

PROGRAM = sys.argv[1]


def run(*args):
    done = subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def expect(what, ok, *seen):
    if not ok:
        sys.exit(f"not so: {what}\n" + "\n".join(str(s) for s in seen))


code, out, err = run("--version")
expect("--version prints the version", code == 0 and out.startswith("switchyard "), code, out, err)
code, out, err = run("--help")
expect("--help tells commands and exit statuses", code == 0 and "upstream" in out and "Exit status" in out, out)
code, out, err = run("upstream", "--help")
expect("a command's help has examples", code == 0 and "Examples:" in out, out)
code, out, err = run("upsteam")
expect("an unknown command is answered with the nearest", code == 2 and "did you mean upstream" in err, code, err)
code, out, err = run("upstream", "--lsten", "x")
expect("an unknown option is answered with the nearest", code == 2 and "--listen" in err, code, err)
code, out, err = run("upstream", "--fault", "rest:1")
expect("a wrong fault is wrong usage", code == 2 and "reset" in err, code, err)
code, out, err = run("upstream", "--data", "/nowhere/at.jsonl")
expect("a missing file is the environment's fault", code == 3 and "/nowhere/at.jsonl" in err, code, err)

with tempfile.TemporaryDirectory() as folder:
    table, container, page = (os.path.join(folder, n) for n in ("t.jsonl", "t.swt", "r.html"))
    with open(table, "w") as f:
        for i in range(120):
            cells = {m: {"correct": int((i * 7 + k) % 3 > 0), "cost": 10.0 ** -k} for k, m in enumerate(("large", "small"))}
            f.write(json.dumps({"id": f"q{i}", "dataset": "made", "prompt": f"question {i} of {i % 9}", "models": cells}) + "\n")
    code, out, err = run("data", "import", table, "--out", container)
    expect("a table becomes a container", code == 0 and "120 rows, 2 models" in err, code, out, err)
    code, out, err = run("data", "info", container)
    expect("a container tells what it holds", code == 0 and "120 rows" in out and "mapped" in out, code, out, err)
    code, out, err = run("eval", "--data", container, "--router", "prior", "--html", page, "--bootstrap", "20")
    expect("a container can be evaluated", code == 0, code, out, err)
    text = open(page).read()
    expect("the page shows the command that made it", "<pre>" in text and f"--data {container} --router prior" in text, text[:3000])
    code, out, err = run("eval", "--train", table, "--data", table, "--router", "prior")
    expect("leakage is refused with the count", code == 2 and "120 of 120" in err, code, err)
    code, out, err = run("eval", "--data", table, "--price-shift", "large")
    expect("a price shift needs a factor", code == 2 and "MODEL=FACTOR" in err, code, err)
    prices = os.path.join(folder, "prices.json")
    with open(prices, "w") as f:
        f.write('{"large": {"in_per_mtok": 1, "out_per_mtok": 2}}')
    code, out, err = run("eval", "--data", table, "--router", "prior", "--prices", prices, "--bootstrap", "0")
    expect("what a price list cannot price is said", code == 0 and "costs as recorded, for large, small" in err, code, err)
    code, out, err = run("data", "import", "/nowhere.csv", "--out", container)
    expect("a missing file is the environment's fault", code == 3 and "/nowhere.csv" in err, code, err)

server = subprocess.Popen([PROGRAM, "upstream", "--listen", "127.0.0.1:0", "--workers", "2"], stdout=subprocess.PIPE, text=True)
try:
    address = server.stdout.readline().strip().removeprefix("listening on ")
    code, out, err = run("upstream", "--listen", address)
    expect("a busy port is the environment's fault", code == 3, code, err)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
    answer = json.load(urllib.request.urlopen(f"http://{address}/v1/chat/completions", body, timeout=30))
    text = answer["choices"][0]["message"]["content"]
    expect("it answers", text == '[simulated answer of m to "hello"]', answer)
finally:
    server.terminate()
expect("a signal ends it well", server.wait(timeout=30) == 0)
