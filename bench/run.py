#!/usr/bin/env python3
"""Runs the benchmarks of docs/guide/benchmarks.md: gateway and nginx in turn, same load, same run.

Raw numbers go to out/bench/TIME-COMMIT.jsonl, one JSON object per measurement; the table goes to standard output and between
the markers of docs/guide/benchmarks.md. Called by tools/bench.sh, which builds what this needs.
"""
import argparse
import collections
import contextlib
import datetime
import glob
import hashlib
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import prompts  # noqa: E402
import report  # noqa: E402

BIN = ROOT / "build/release/bin"
KEY = "swk_benchmarks-only-not-a-secret-0123456789abcd"
SERVER_CORE, LOAD_CORE = 0, 1


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(core, command, **kw):
    return subprocess.Popen(["taskset", "-c", str(core), *prompt(), *map(str, command)], **kw)


def output_of(core, command, **kw):
    done = subprocess.run(["taskset", "-c", str(core), *prompt(), *map(str, command)], capture_output=True, text=True, **kw)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed: {done.stdout}{done.stderr}")
    return done.stdout


def prompt():
    """Command prefix for everything that is measured or measures: whatever else the machine does comes after it, on both sides
    alike. Empty where that is not permitted."""
    probe = subprocess.run(["nice", "-n", "-20", "true"], capture_output=True)
    return ["nice", "-n", "-20"] if probe.returncode == 0 and not probe.stderr else []


def cpu_ns(pid):
    """User and kernel time of all threads. The scheduler's own nanosecond counts; threads that ended are not in it."""
    return sum(int(pathlib.Path(p).read_text().split()[0]) for p in glob.glob(f"/proc/{pid}/task/*/schedstat"))


def resident_kb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def fill(template, target, values):
    text = (ROOT / "bench" / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    target.write_text(text)
    return target


class Lab:
    """The processes and files of one run."""

    def __init__(self, out, args):
        self.args, self.dir, self.procs = args, out / "work", []
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.raw = open(out / f"{args.stamp}.jsonl", "w")
        self.bodies = {}
        for kind in ("plain", "sse"):
            self.bodies[kind] = self.dir / f"{kind}.jsonl"
            self.bodies[kind].write_text("\n".join(prompts.bodies(kind == "sse")) + "\n")

    def note(self, what, **values):
        self.raw.write(json.dumps({"what": what, **values}) + "\n")
        self.raw.flush()
        return values

    def start(self, core, command):
        p = pinned(core, command, stdout=subprocess.PIPE, stderr=open(self.dir / "stderr.log", "a"), text=True)
        self.procs.append(p)
        return p

    def upstream(self, *options):
        p = self.start(LOAD_CORE, [BIN / "switchyard", "upstream", "--listen", "127.0.0.1:0", "--remember", 0, *options])
        return int(p.stdout.readline().rsplit(":", 1)[1])

    def gateway(self, upstream):
        values = {"PORT": 0, "UPSTREAM": upstream, "RECORDS": self.dir / f"records-{upstream}",
                  "HASH": "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()}
        self.config = fill("gateway.yaml", self.dir / f"gateway-{upstream}.yaml", values)
        p = self.start(SERVER_CORE, [BIN / "switchyard", "serve", "--quiet", self.config])
        line = p.stdout.readline()
        if "listening" not in line:
            raise SystemExit("the gateway did not start: " + (self.dir / "stderr.log").read_text())
        return p.pid, int(line.rsplit(":", 1)[1])

    def canned(self):
        """The plain requests' upstream: a port."""
        port = free_port()
        self.run_nginx(LOAD_CORE, f"canned-{port}", "canned.conf", {"PORT": port})
        return port

    def nginx(self, upstream):
        ports = {"PLAIN": free_port(), "STREAMS": free_port()}
        pid = self.run_nginx(SERVER_CORE, f"nginx-{upstream}", "nginx.conf", {"UPSTREAM": upstream, **ports})
        return pid, {"plain": ports["PLAIN"], "sse": ports["STREAMS"]}

    def run_nginx(self, core, name, template, values):
        folder = self.dir / name
        folder.mkdir()
        config = fill(template, folder / "nginx.conf", {"DIR": folder, **values})
        p = self.start(core, ["nginx", "-p", folder, "-e", folder / "nginx.log", "-c", config])
        for _ in range(100):
            time.sleep(0.05)
            workers = pathlib.Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text().split()
            if workers:
                return int(workers[0])
        raise SystemExit("nginx did not start: " + (self.dir / "stderr.log").read_text())

    def end(self):
        for p in reversed(self.procs):
            p.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(12)
            p.kill()
        self.procs.clear()


def closed_loop(lab, name, kind, pid, port, seconds, connections=None):
    before, t0 = cpu_ns(pid), time.monotonic()
    text = output_of(LOAD_CORE, ["wrk", "-t1", f"-c{connections or lab.args.connections}", f"-d{seconds}s", "-s", ROOT / "bench/post.lua",
                                 f"http://127.0.0.1:{port}", "--", lab.bodies[kind], KEY])
    used, wall = cpu_ns(pid) - before, time.monotonic() - t0
    seen = json.loads(text.strip().splitlines()[-1])
    if seen["errors"] or not seen["requests"]:
        raise SystemExit(f"{name} {kind}: {seen}")
    return lab.note("closed", side=name, kind=kind, cpu_us=used / 1e3 / seen["requests"], busy=used / 1e9 / wall,
                    rps=seen["requests"] * 1e6 / seen["duration_us"], p50_us=seen["p50_us"], p99_us=seen["p99_us"], requests=seen["requests"])


def open_loop(lab, name, kind, port, rate, seconds):
    seen = json.loads(output_of(LOAD_CORE, [BIN / "swy_load", "--port", port, "--bodies", lab.bodies[kind], "--key", KEY, "open",
                                            "--rate", rate, "--seconds", seconds, "--connections", lab.args.connections]))
    if seen["failed"] or seen["unfinished"]:
        raise SystemExit(f"open loop, {name} {kind}: {seen}")
    return lab.note("open", side=name, kind=kind, **seen)


def alternate(sides, rounds, measure):
    """ABAB: every round asks each side once. name -> list of measurements."""
    found = collections.defaultdict(list)
    for _ in range(rounds):
        for name in sides:
            found[name].append(measure(name))
    return found


def cpu_and_latency(lab, result):
    for kind in ("plain", "sse"):
        upstream = lab.canned() if kind == "plain" else lab.upstream("--fast", "--chunks", 50)
        gateway_pid, gateway_port = lab.gateway(upstream)
        nginx_pid, nginx_ports = lab.nginx(upstream)
        port = {"gateway": gateway_port, "nginx": nginx_ports[kind], "direct": upstream}
        pid = {"gateway": gateway_pid, "nginx": nginx_pid}
        for name in pid:
            closed_loop(lab, name, kind, pid[name], port[name], 2)  # warm-up; its numbers stay in the raw file
        said = {"plain": "requests", "sse": "streams"}[kind]
        print(f"closed loop, {said} ...", file=sys.stderr)
        closed = alternate(pid, lab.args.pairs, lambda n: closed_loop(lab, n, kind, pid[n], port[n], lab.args.seconds))
        result[f"closed_{kind}"] = closed
        if kind == "plain":
            rate = round(statistics.median(m["rps"] for m in closed["gateway"]) / 2)
            result["open_plain"] = latency(lab, kind, port, rate)
            result["evaluated"] = lab.note("evaluated", **what_was_evaluated(lab.dir / f"records-{upstream}"))
            result["config"] = lab.config
        lab.end()


def latency(lab, kind, port, rate):
    print(f"open loop at {rate} {kind}/s ...", file=sys.stderr)
    return alternate(["direct", "gateway", "nginx"], lab.args.rounds, lambda n: open_loop(lab, n, kind, port[n], rate, lab.args.seconds))


def latency_of_streams(lab, result):
    """Streams as a model writes them, a chunk a millisecond: of an upstream that writes 50 chunks at once on the core that it
    shares with the load, the load would see the first when the last is written. The closed loop needs many connections."""
    upstream = lab.upstream("--models", "*=0:1000", "--chunks", 50)
    gateway_pid, gateway_port = lab.gateway(upstream)
    _, nginx_ports = lab.nginx(upstream)
    closed = [closed_loop(lab, "gateway", "sse", gateway_pid, gateway_port, 3, connections=192) for _ in range(2)][-1]
    port = {"gateway": gateway_port, "nginx": nginx_ports["sse"], "direct": upstream}
    result["open_sse"] = latency(lab, "sse", port, round(closed["rps"] / 2))
    lab.end()


def what_was_evaluated(records):
    """From the records themselves: share of requests whose decision computed each kind of signal, and which rules fired."""
    kinds = {"long": "context", "tiny": "context", "code_words": "keyword", "legal": "keyword", "medical": "keyword",
             "has_code": "structure", "has_math": "structure", "has_table": "structure", "lang": "language"}
    asked, fired, lines = collections.Counter(), collections.Counter(), 0
    with open(sorted(records.glob("*"))[0]) as f:
        for line in f:
            record = json.loads(line)
            lines += 1
            fired[record["decision"]["rule"]] += 1
            asked.update({kinds[fact["signal"]] for fact in record["decision"]["facts"]})
            if lines == 6400:
                break
    return {"records": lines, "asked": {k: n / lines for k, n in asked.items()}, "fired": {k: n / lines for k, n in fired.items()}}


def slow_streams(lab, result):
    print(f"{lab.args.streams} slow streams ...", file=sys.stderr)
    upstream = lab.upstream("--models", "*=1000:1", "--chunks", 20)  # the first chunk after 1 s, then one a second
    gateway_pid, gateway_port = lab.gateway(upstream)
    nginx_pid, nginx_ports = lab.nginx(upstream)
    for name, pid, port in (("gateway", gateway_pid, gateway_port), ("nginx", nginx_pid, nginx_ports["sse"])):
        before = resident_kb(pid)
        load = pinned(LOAD_CORE, [BIN / "swy_load", "--port", port, "--bodies", lab.bodies["sse"], "--key", KEY, "slow",
                                  "--streams", lab.args.streams, "--pace", 1000, "--starved", 2000], stdout=subprocess.PIPE, text=True)
        opened = int(load.stdout.readline().split()[1])
        with_streams = resident_kb(pid)
        seen = json.loads(load.stdout.readline())
        load.wait()
        result.setdefault("slow", {})[name] = lab.note("slow", side=name, open=opened, rss_before_kb=before, rss_with_kb=with_streams,
                                                       kb_per_stream=(with_streams - before) / max(opened, 1), **seen)
    lab.end()


def decide_alone(lab, result):
    print("decide() alone, instruction counts ...", file=sys.stderr)
    if (BIN / "swy_decide_bench").exists():
        text = output_of(SERVER_CORE, [BIN / "swy_decide_bench", "--benchmark_format=json", "--benchmark_repetitions=5", "--benchmark_min_time=0.2"])
        times = collections.defaultdict(list)
        for b in json.loads(text)["benchmarks"]:
            if b["run_type"] == "iteration":
                times[b["run_name"]].append(b["cpu_time"] / 1e3)
        result["decide"] = lab.note("decide", **times)
    if shutil.which("valgrind"):
        done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=swy::bench::one_pass*",
                               BIN / "swy_icount", result["config"], lab.bodies["plain"]], capture_output=True, text=True)
        passes = json.loads(done.stdout.strip().splitlines()[-1])["passes"]
        result["icount"] = lab.note("icount", instructions=int(re.search(r"Collected : (\d+)", done.stderr)[1]) / passes, passes=passes)


def machine():
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    run = lambda *c: subprocess.run(c, capture_output=True, text=True, cwd=ROOT)
    dirty = "+changes" if run("git", "status", "--porcelain", "--", "src", "apps", "bench", "CMakeLists.txt").stdout else ""
    return {"cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release(),
            "compiler": run("g++", "--version").stdout.splitlines()[0], "nginx": run("nginx", "-v").stderr.split("/")[-1].strip(),
            "commit": run("git", "rev-parse", "--short", "HEAD").stdout.strip() + dirty,
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "load_before": os.getloadavg()[0]}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pairs", type=int, default=5, help="gateway / nginx pairs of the closed loop")
    p.add_argument("--rounds", type=int, default=5, help="rounds of the open loop")
    p.add_argument("--seconds", type=int, default=6, help="of one measurement")
    p.add_argument("--connections", type=int, default=32)
    p.add_argument("--streams", type=int, default=5000)
    p.add_argument("--only", choices=["load", "slow", "decide", "understand"],
                   help="a part, for work on it; the document is not rewritten, but for `understand`, which has a section of its own")
    args = p.parse_args()
    if args.only in (None, "understand"):
        subprocess.run([sys.executable, ROOT / "bench/understand.py"], check=args.only is not None)
    if args.only == "understand":
        return
    where = machine()
    args.stamp = datetime.datetime.now().strftime("%Y%m%dT%H%M%S") + "-" + where["commit"]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if os.cpu_count() < 2:
        raise SystemExit("two cores are needed: one for the server, one for the load")
    out = ROOT / "out/bench"
    lab = Lab(out, args)
    result = {"machine": lab.note("machine", **where), "args": vars(args)}
    try:
        if args.only in (None, "load", "decide"):
            if args.only == "decide":
                lab.gateway(1)
                result["config"] = lab.config
                lab.end()
            else:
                cpu_and_latency(lab, result)
                latency_of_streams(lab, result)
        if args.only in (None, "decide"):
            decide_alone(lab, result)
        if args.only in (None, "slow"):
            slow_streams(lab, result)
    finally:
        lab.end()
    table = report.table(result)
    print(table)
    if args.only is None:
        report.rewrite(ROOT / "docs/guide/benchmarks.md", table)


if __name__ == "__main__":
    main()
