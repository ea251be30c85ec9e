#!/usr/bin/env python3
"""Token -> expert assignment on one core: ns a token, beside std::partial_sort, nth_element, a heap, PyTorch and ggml on inputs of the
same distribution.

  moe.py [--rounds N] [--keep-document]     (needs the target swy_moe_bench of the release preset)

Every round runs all sides in turn; the least time of all rounds counts. PyTorch is Debian's; ggml comes with llama.cpp, which
bench/understand.py fetches and builds in out/bench/llama. A side that cannot be had is named with the reason. Raw numbers:
out/bench/moe-TIME-COMMIT.jsonl; the table goes to standard output and between its markers in docs/guide/benchmarks.md.
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = ROOT / "out/bench"
OURS = ROOT / "build/release/bin/swy_moe_bench"
GGML = HOME / "llama/moe_ggml"
PAGE = ROOT / "docs/guide/benchmarks.md"
MARKERS = ("<!-- moe:begin -->", "<!-- moe:end -->")
SHAPES = ("8/2", "64/8", "128/8", "256/8g", "384/8", "896/16")
TOKENS = (1, 16, 512, 16384)
CORE = 1


def output_of(command, timeout=900):
    return subprocess.run(["taskset", "-c", str(CORE), *map(str, command)], check=True, capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL).stdout


def build_ggml():
    """None, or why there is no ggml."""
    source = HOME / "llama-source/llama.cpp"
    if not source.exists():
        return "llama.cpp is not there: run bench/understand.py once"
    for command in (["cmake", "-G", "Ninja", "-S", ROOT / "bench/understand/llama", "-B", HOME / "llama", f"-DLLAMA={source.resolve()}"],
                    ["ninja", "-C", HOME / "llama", "moe_ggml"]):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return (done.stderr or done.stdout).strip().splitlines()[-1]
    return None


class Times:
    """Least ns by (side, shape, tokens); other counters by name."""

    def __init__(self):
        self.ns, self.other, self.raw = {}, {}, []

    def add(self, side, shape, tokens, ns):
        key = (side, shape, int(tokens))
        self.ns[key] = min(ns, self.ns.get(key, float("inf")))
        self.raw.append({"side": side, "shape": shape, "tokens": int(tokens), "ns": ns})

    def at(self, side, shape, tokens):
        return self.ns.get((side, shape, tokens))


def ours(times):
    text = output_of([OURS, "--benchmark_format=json", "--benchmark_min_time=0.03"])
    for b in json.loads(text)["benchmarks"]:
        parts = b["name"].split("/")
        if parts[0] == "assign":
            shape, tokens, kind, how = "/".join(parts[1:3]), parts[3], parts[4], parts[5]
            times.add(f"{how} {kind}", shape, tokens, 1e9 * b["token"])
        else:
            value = b.get("entry", b.get("token"))
            value = 1e9 * value if value else b.get("bytes", 0) and 1 / b["bytes"]
            name = b["name"]
            times.other[name] = min(value, times.other.get(name, float("inf")))
            if "bytes" in b:
                times.other[name + " bytes/s"] = max(b["bytes"], times.other.get(name + " bytes/s", 0))


def peers(times, missing):
    commands = {"ggml": [GGML, 20], "torch": ["/usr/bin/python3", ROOT / "bench/moe_torch.py", 20]}
    for side, command in commands.items():
        if side in missing:
            continue
        try:
            lines = output_of(command).splitlines()
        except (subprocess.SubprocessError, OSError) as e:
            missing[side] = str(e).splitlines()[0]
            continue
        for line in map(json.loads, lines):
            times.add(f"{side} {line.get('type', 'f32')}", f"{line['experts']}/{line['k']}", line["tokens"], line["ns"])


def number(v):
    return "" if v is None else f"{v:.1f}" if v < 100 else f"{v:,.0f}"


def assign_rows(times, kernels):
    out = []
    for shape in SHAPES:
        for tokens in TOKENS:
            at = lambda side: times.at(side, shape, tokens)
            best = min((at(f"{k} f32") for k in kernels if at(f"{k} f32")), default=None)
            half = min((at(f"{k} bf16") for k in kernels if at(f"{k} bf16")), default=None)
            plain = at("partial_sort f32")
            others = [at("nth_element f32"), at("heap f32"), at("torch f32"), at("ggml f32")]
            ratio = [f"{v / best:.1f} x" if v and best else "" for v in (plain, others[2], others[3])]
            cells = [shape, f"{tokens:,}", number(best), number(half), number(at("scalar f32")), number(plain), *map(number, others), *ratio]
            out.append("| " + " | ".join(cells) + " |")
    return out


RULES = {"none": "assignment with a bias, no rule", "loss-free": "loss-free bias", "quantile": "quantile balancing",
         "bip4": "BIP, 4 rounds", "bip-mid4": "midpoint BIP, 4 rounds"}


def update_rows(ns):
    """ns a token by rule: with the assignment, the rule alone, both beside the plain top-k."""
    plain, biased = ns.get("unbiased"), ns.get("none")
    if not plain or not biased:
        return []
    out = [f"Balance rules, 4,096 tokens, 128/8, beside the plain top-k of the same batch ({number(plain)} ns a token). A bias on probabilities needs all of "
           "them, so the assignment itself costs more.", "",
           "| rule | rule alone, ns a token | of the plain top-k | with its assignment | of the plain top-k |", "|---|---|---|---|---|"]
    for rule, text in RULES.items():
        alone = ns[rule] - biased
        shown = ["", ""] if rule == "none" else [f"{max(alone, 0):.1f}", f"{max(alone, 0) / plain:.2f} x"]
        out.append("| " + " | ".join([text, *shown, number(ns[rule]), f"{ns[rule] / plain:.2f} x"]) + " |")
    sinkhorn = ns["sinkhorn5"]
    return [*out, f"| Sinkhorn, 5 rounds | {number(sinkhorn)} | {sinkhorn / plain:.2f} x | | |", ""]


def table(times, missing, kernels):
    lines = ["| experts / k | tokens | ours fp32 | bf16 | scalar | partial_sort | nth_element | heap | PyTorch | ggml | partial_sort / ours | PyTorch / ours | ggml / ours |",
             "|---|" + "---|" * 12, *assign_rows(times, kernels), ""]
    lines += update_rows({n.removeprefix("update/128/8/4096/"): v for n, v in times.other.items() if n.startswith("update/128/8/4096/")})
    copy = times.other.get("copy/64MiB bytes/s")
    plans = [(n, v) for n, v in times.other.items() if n.startswith("plan/") and not n.endswith("bytes/s")]
    if copy and plans:
        lines += [f"STREAM's copy (64 MiB, as memcpy) moves {copy / 1e9:.1f} GB/s here; an entry of a plan is 4 bytes read and 4 written.", "",
                  "| plan: experts / k / tokens | ns an entry | fraction of STREAM |", "|---|---|---|"]
        for name, value in plans:
            lines.append(f"| {name.removeprefix('plan/')} | {value:.2f} | {100 * times.other[name + ' bytes/s'] / copy:.0f} % |")
    lines += [f"\nNot there: {side} ({why})." for side, why in missing.items()]
    return "\n".join(lines) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--keep-document", action="store_true", help="only print the table")
    args = p.parse_args()
    times, missing = Times(), {}
    why = build_ggml()
    if why:
        missing["ggml"] = why
    for r in range(args.rounds):
        print(f"round {r + 1} of {args.rounds} ...", file=sys.stderr)
        ours(times)
        peers(times, missing)
    kernels = {side.split()[0] for side, _, _ in times.ns} - {"scalar", "partial_sort", "nth_element", "heap", "torch", "ggml"} or {"scalar"}
    commit = subprocess.run(["git", "describe", "--always", "--dirty=+changes"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    HOME.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    with open(HOME / f"moe-{now:%Y%m%dT%H%M%S}-{commit}.jsonl", "w", encoding="utf-8") as f:
        for row in times.raw:
            f.write(json.dumps(row) + "\n")
        f.write(json.dumps(times.other) + "\n")
    text = f"Run of {now:%Y-%m-%d %H:%M} UTC, {args.rounds} rounds, the least of each; one core; kernels {', '.join(sorted(kernels))}.\n\n" + table(times, missing, kernels)
    print(text)
    page = PAGE.read_text(encoding="utf-8")
    if not args.keep_document and MARKERS[0] in page:
        before, rest = page.split(MARKERS[0])
        PAGE.write_text(before + MARKERS[0] + "\n" + text + MARKERS[1] + rest.split(MARKERS[1])[1], encoding="utf-8")


if __name__ == "__main__":
    main()
