"""The frame of the program, from outside: help, hints, exit statuses, and a scripted upstream that runs.

Usage: cli_test.py PATH_OF_SWITCHYARD
"""
import json
import subprocess
import sys
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
