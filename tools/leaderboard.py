#!/usr/bin/env python3
"""docs/guide/leaderboard.md again, from the shared outcome tables.

Usage: leaderboard.py PROGRAM DATA [--page FILE] [--out DIR] [--jobs N] [--only WORD] [--router SPEC]... [--limit SECONDS]

Every estimator of src/builtin.def that can be made without options and says something of quality is in every table, with its
defaults and the policy of the evaluator, and so are published methods that are an option of one (VARIANTS); --router adds others. Runs that are there in --out and newer than the program are not
made again. Only the standard library is needed.
"""
import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import random
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASELINES = ["clusters:by=domain", "knn", "prior"]  # of every table, first

# Published methods that are an option of an estimator.
VARIANTS = ["linear:loss=hinge", "carrot:by=knn", "uniroute:map=learned", "p2l:ties=bag", "zooter:beta=1,target=share", "linear_bandit:hidden=32"]

# Name, what it is, files below DATA, options.
IN_DISTRIBUTION = [
    ("routellm-mmlu", "RouteLLM MMLU", ["routellm/routellm-mmlu.jsonl.gz"], []),
    ("routellm-gsm8k", "RouteLLM GSM8K", ["routellm/routellm-gsm8k.jsonl.gz"], []),
    ("routellm-mtbench", "RouteLLM MT-Bench", ["routellm/routellm-mtbench.jsonl.gz"], []),
    ("zeroeval", "ZeroEval: GSM8K, CRUX, MATH level 5, MMLU-Redux", ["zeroeval"], []),
    ("mmlu_pro", "MMLU-Pro", ["mmlu_pro/mmlu_pro.jsonl.gz"], []),
    ("bfcl", "BFCL, tool calls", ["bfcl/bfcl.jsonl.gz"], []),
    ("llmrouter_dc", "LLMRouter, eleven tasks", ["llmrouter/llmrouter_dc-train.jsonl.gz"], []),
    ("routeprofile", "RouteProfile, twelve tasks", ["llmrouter/routeprofile-test.jsonl.gz"], []),
    ("lineage_b", "Lineage-Bench, reasoning models", ["lineage/lineage_b.jsonl.gz"], []),
    ("alpaca_eval2", "AlpacaEval 2 (measured only: CC BY-NC)", ["alpaca_eval/alpaca_eval2.jsonl.gz"], []),
    ("alpaca_eval1", "AlpacaEval 1 (measured only: CC BY-NC)", ["alpaca_eval/alpaca_eval1.jsonl.gz"], []),
    ("swebench_agents", "SWE-bench, whole agents, no costs", ["swebench_agents/swebench_agents.jsonl.gz"], []),
]
PAIRS = [
    ("zeroeval", "gpt-4o-2024-05-13", "gpt-4o-mini-2024-07-18"),
    ("zeroeval", "claude-3-5-sonnet-20240620", "Meta-Llama-3.1-8B-Instruct"),
    ("zeroeval", "claude-3-5-sonnet-20240620", "gemini-1.5-flash"),
    ("mmlu_pro/mmlu_pro.jsonl.gz", "gemini-1.5-pro-002", "Phi-3-mini-4k-instruct"),
    ("mmlu_pro/mmlu_pro.jsonl.gz", "Meta-Llama-3-8B-Instruct", "llama-3-8b-quantized"),
    ("bfcl/bfcl.jsonl.gz", "claude-3-5-sonnet-20240620", "gemini-1.5-flash-preview-0514"),
    ("bfcl/bfcl.jsonl.gz", "gpt-4-0125-preview-FC", "open-mixtral-8x7b"),
    ("llmrouter/llmrouter_dc-train.jsonl.gz", "llama-3.1-nemotron-51b-instruct", "gemma-2-9b-it"),
    ("llmrouter/routeprofile-test.jsonl.gz", "llama-3.3-70b-instruct", "llama-3.2-3b-instruct"),
    ("alpaca_eval/alpaca_eval2.jsonl.gz", "gpt4_1106_preview", "gemma-7b-it"),
]
# Name, files, option, what is left out in turn (together where commas stand).
LEFT_OUT = [
    ("routellm", ["routellm"], "--leave-out", ["routellm-mmlu", "routellm-gsm8k", "routellm-mtbench"]),
    ("zeroeval", ["zeroeval"], "--leave-out", ["zeroeval-gsm", "zeroeval-crux", "zeroeval-math-l5", "zeroeval-mmlu-redux"]),
    ("llmrouter_dc", ["llmrouter/llmrouter_dc-train.jsonl.gz"], "--leave-out-domains", ["mmlu", "gsm8k", "natural_qa", "commonsense_qa",
     "math", "arc_challenge", "mbpp", "openbook_qa", "trivia_qa", "human_eval", "agentverse-logicgrid"]),
    ("mmlu_pro", ["mmlu_pro/mmlu_pro.jsonl.gz"], "--leave-out-domains",
     ["math,physics,chemistry,engineering,computer science", "economics,business,law,history,philosophy,psychology", "health,biology,other"]),
]
# Several calls, on pools with recorded answers: name, what it is, files, models (the cheapest first, the strong one last).
SEVERAL = [
    ("mmlu_pro", "MMLU-Pro, two cheap models before one that is 7 times as dear", ["mmlu_pro/mmlu_pro.jsonl.gz"],
     ["Phi-3-mini-4k-instruct", "deepseek-chat", "gemini-1.5-pro-002"]),
    ("zeroeval", "ZeroEval", ["zeroeval"], ["deepseek-v2.5-0908", "gpt-4o-mini-2024-07-18", "gpt-4o-2024-05-13"]),
    ("routellm-gsm8k", "RouteLLM GSM8K", ["routellm/routellm-gsm8k.jsonl.gz"], ["mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"]),
]
SEVERAL_ROUTERS = ["agreement", "cascade", "cascade:last=best", "cascade_routing", "cascade_routing:beliefs=true+knn", "prism+knn",
                   "auto", "knn", "clusters:by=domain"]
# Of three models or more: {cheap} is all but the last, {middle} the last but one.
SEVERAL_OF_MODELS = ["automix:verifiers={middle}", "acar:probe=[{cheap}]"]


# ---- running


def estimators():
    return re.findall(r"^ESTIMATOR\((\w+)\)", (ROOT / "src/builtin.def").read_text(), re.M)


def trial_table(path):
    """300 made-up questions of two kinds, three models: whether a router can be made at all."""
    rng = random.Random(1)
    words = [["ring", "ideal", "lemma", "proof", "field", "norm", "kernel", "module", "group", "limit", "measure", "basis"],
             ["apple", "pear", "shop", "price", "coin", "bread", "milk", "bag", "friend", "garden", "ball", "book"]]
    with open(path, "w") as f:
        for i in range(300):
            kind = rng.random() < 0.5
            row = {"id": f"q{i}", "dataset": "trial", "domain": "hard" if kind else "easy",
                   "prompt": " ".join(rng.choice(words[not kind]) for _ in range(5)) + f" {i}", "models": {}}
            for m, strength in enumerate((0.3, 0.6, 0.9)):
                p = 0.2 + 0.6 * strength if kind else 0.8 + 0.1 * strength
                row["models"][f"m{m}"] = {"correct": int(rng.random() < p), "tokens_in": 20 + i % 30, "tokens_out": 50 + i % 70,
                                          "cost": 1e-5 * 4 ** m * (1 + i % 100 / 100)}
            f.write(json.dumps(row) + "\n")


def call(program, args, limit):
    try:
        done = subprocess.run([program, "eval", *args, "--json"], capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return None, f"not done after {limit} s"
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1].removeprefix("switchyard: ") if done.stderr else "failed"
    return json.loads(done.stdout), ""


def usable(program, out, limit):
    """Estimators that can be made without options and know something of quality; and why the others are not."""
    table = out / "trial.jsonl"
    trial_table(table)
    good, bad = [], {}
    for name in estimators():
        report, why = call(program, ["--data", str(table), "--router", name, "--bootstrap", "0"], min(limit, 120))
        if report is None:
            bad[name] = why
            continue
        line = next(l for l in report["lines"] if l["name"] == name)
        if "calibration_all" not in line.get("choices", {}):
            bad[name] = "says nothing of quality"
        else:
            good.append(name)
    return good, bad


class Runner:
    def __init__(self, args):
        self.args, self.done, self.total, self.start = args, 0, 0, time.time()

    def run(self, name, options, routers):
        """One evaluation; routers that fail or are too slow are left out, one by one."""
        path = self.args.out / f"{name}.json"
        key = " ".join(options + routers)
        if path.exists() and path.stat().st_mtime > os.path.getmtime(self.args.program):
            kept = json.loads(path.read_text())
            if kept["key"] == key:
                return kept
        begin = time.time()
        flags = [a for r in routers for a in ("--router", r)]
        report, why = call(self.args.program, options + flags, self.args.limit * max(1, len(routers)))
        left_out = {}
        if report is None:
            fit = []
            for r in routers:
                one, why = call(self.args.program, options + ["--router", r, "--bootstrap", "0"], self.args.limit)
                if one is None:
                    left_out[r] = why
                else:
                    fit.append(r)
            report, why = call(self.args.program, options + [a for r in fit for a in ("--router", r)],
                               self.args.limit * max(1, len(fit)))
        kept = {"key": key, "name": name, "options": options, "report": report, "left_out": left_out, "why": why,
                "seconds": time.time() - begin}
        path.write_text(json.dumps(kept))
        return kept

    def all(self, jobs):
        """jobs: name, options and routers of each."""
        self.total = len(jobs)
        results = {}
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            waiting = {pool.submit(self.run, *job): job[0] for job in jobs}
            for future in concurrent.futures.as_completed(waiting):
                kept = future.result()
                results[kept["name"]] = kept
                self.done += 1
                print(f"[{self.done}/{self.total}] {time.time() - self.start:5.0f} s  {kept['name']}: {kept['seconds']:.1f} s"
                      + (f"  FAILED: {kept['why']}" if kept["report"] is None else "")
                      + "".join(f"\n    without {r}: {w}" for r, w in kept["left_out"].items()), file=sys.stderr, flush=True)
        return results


# ---- numbers


def short(v, decimals=3, sign=False):
    if v is None or math.isnan(v):
        return "–"
    text = f"{v:+.{decimals}f}" if sign else f"{v:.{decimals}f}"
    text = re.sub(r"^([+-]?)0\.", r"\1.", text)
    return text.replace("-", "−")


def interval(i, decimals=3, sign=False):
    if not i:
        return "–"
    return f"{short(i['value'], decimals, sign)} [{short(i['lo'], decimals, sign)}, {short(i['hi'], decimals, sign)}]"


def pick(line, *by):
    for want in by:
        for p in line.get("picks", []):
            if p["by"] in (want, "only"):
                return p
    return {}


def standard_error(i):
    return (i["hi"] - i["lo"]) / 3.92  # a 95 % interval


def by_name(report):
    return {l["name"]: l for l in report["lines"]}


def routers_of(report):
    return [l for l in report["lines"] if l["kind"] == "router"]


def usd(v):
    return "–" if v is None else f"{1000 * v:.3g}"


# ---- pages


def pool_table(report):
    lines = by_name(report)
    best = lines[report["best_single"]]
    singles = [l for l in report["lines"] if l["kind"] == "single"]
    random_line = lines["random"]
    priced = report["priced"]
    pair = len(report["models"]) == 2
    out = [f"{report['test']} test questions, {report['train']} to learn from ({report['validation']} of them to choose settings on), "
           f"{len(report['models'])} models. Always `{report['best_single']}` (best single): quality {interval(best['points'][0]['quality'])}"
           + (f", {usd(best['points'][0]['cost_usd'])} USD per 1,000." if priced else ".")]
    if priced:
        cheap = min(singles, key=lambda l: l["points"][0]["cost_usd"])
        out[-1] += (f" Always `{cheap['name']}` (cheapest): {short(cheap['points'][0]['quality']['value'])}, "
                    f"{usd(cheap['points'][0]['cost_usd'])} USD.")
    oracle = lines["oracle"]
    out[-1] += (f" Every model with the same probability: {short(random_line['points'][0]['quality']['value'])}. Oracle: "
                f"{short(oracle['points'][oracle['best_point']]['quality']['value'])}.")
    head = ["router"]
    if priced:
        head += ["AIQ − mixtures'", "at best single's cost − its quality", "same quality: cost", "− its quality", "regret"]
    else:
        head += ["quality − best single's"]
    if pair:
        head += ["APGR", "CPT 50", "CPT 80"]
    head += ["any best", "calibration"]
    out += ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]

    def row(line, name):
        budget, equal, quality = pick(line, "budget", "quality"), pick(line, "equal_quality", "quality"), pick(line, "quality")
        curve, choices = line.get("curve", {}), line.get("choices", {})
        cells = [name]
        if priced:
            ratio = equal.get("cost_over_best_single", {}).get("value")
            cells += [interval(curve.get("aiq_over_mixtures"), sign=True), interval(budget.get("over_best_single"), sign=True),
                      "–" if ratio is None else f"{100 * ratio:.0f} %", interval(equal.get("over_best_single"), sign=True),
                      short(budget.get("regret_to_oracle", {}).get("value"))]
        else:
            cells += [interval(quality.get("over_best_single"), sign=True)]
        if pair:
            cells += [interval(curve.get("apgr"))] + ["–" if curve.get(c) is None else f"{100 * curve[c]:.1f} %" for c in ("cpt_50", "cpt_80")]
        cells += [short(choices.get("any_best")), short(choices.get("calibration_chosen", {}).get("ece"))]
        return "| " + " | ".join(cells) + " |"

    def worth(line):
        if priced:
            return -(line["curve"].get("aiq_over_mixtures") or {"value": -9})["value"]
        return -(pick(line, "quality").get("over_best_single") or {"value": -9})["value"]

    for line in sorted(routers_of(report), key=worth):
        label = "prompt length" if line["name"] == "length" else f"`{line['name']}`"
        if line["name"] == "clusters:by=domain":
            label += " (per-domain table)"
        if line["name"] == "knn":
            label += " (TF-IDF kNN)"
        out.append(row(line, label))
    out.append(row(random_line, "random"))
    out.append(row(oracle, "oracle"))
    return "\n".join(out)


def combined_table(results):
    """In-distribution AIQ gains over all pools, one column a pool."""
    names = [n for n, *_ in IN_DISTRIBUTION if n in results and results[n]["report"] and results[n]["report"]["priced"]]
    routers, fixed = {}, {}
    for n in names:
        for line in results[n]["report"]["lines"]:
            gain = line.get("curve", {}).get("aiq_over_mixtures", {}).get("value")
            if line["kind"] == "router":
                routers.setdefault(line["name"], {})[n] = gain
            elif line["name"] in ("random", "oracle"):
                fixed.setdefault(line["name"], {})[n] = gain

    def row(label, cells):
        mean = sum(cells.get(n) or 0 for n in names) / len(names)
        return mean, f"| {label} | {short(mean, sign=True)} | " + " | ".join(short(cells.get(n), sign=True) for n in names) + " |"

    # Prompt length has nothing to choose between where the cheapest model is the best: as good as that model, a gain of 0.
    rows = [row("prompt length" if r == "length" else f"`{r}`", c) for r, c in routers.items() if r == "length" or len(c) == len(names)]
    out = ["| router | mean | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    out += [text for _, text in sorted(rows, key=lambda r: -r[0])]
    return "\n".join(out + [row(label, cells)[1] for label, cells in fixed.items()])


def pairs_table(results, jobs):
    rows, routers = [], None
    for name, _ in jobs:
        kept = results.get(name)
        if not kept or not kept["report"]:
            continue
        report = kept["report"]
        lines = by_name(report)
        best = report["best_single"]
        other = next(m for m in report["models"] if m != best)
        gap = lines[best]["points"][0]["quality"]["value"] - lines[other]["points"][0]["quality"]["value"]
        rows.append((kept, best, other, gap, lines))
        names = [l["name"] for l in routers_of(report)]
        routers = names if routers is None else [r for r in routers if r in names]
    if not rows:
        return "None of the pairs is in the data."
    out = ["| set | strong / weak | quality | " + " | ".join(f"`{r}`" for r in routers) + " |", "|---|---|---|" + "---|" * len(routers)]
    for kept, best, other, gap, lines in rows:
        q = [short(lines[m]["points"][0]["quality"]["value"]) for m in (best, other)]
        cells = [kept["name"].split("~")[1], f"{best} / {other}", f"{q[0]} / {q[1]}"]
        cells += [interval(lines[r]["curve"].get("apgr"), 2) if gap >= 0.05 else short(lines[r]["curve"].get("apgr", {}).get("value"), 2) + " (gap below .05)"
                  for r in routers]
        out.append("| " + " | ".join(cells) + " |")
    return "\n".join(out)


def left_out_tables(results, jobs):
    """Pooled over all that was left out: mean weighted by questions, standard errors added as independent."""
    pooled, worst, cells, familiar = {}, {}, {}, {}
    runs = [(n, results[n]["report"]) for n, _ in jobs if n in results and results[n]["report"]]
    common = None
    for _, report in runs:
        names = {l["name"] for l in routers_of(report)}
        common = names if common is None else common & names
    against = {}  # router: differences to knn at equal cost
    for name, report in runs:
        lines = by_name(report)
        for r in common or ():
            line = lines[r]
            b, e = pick(line, "budget", "quality"), pick(line, "equal_quality", "quality")
            p, mix = b.get("over_best_single"), b.get("over_mixture")
            if not p:
                continue
            n = report["test"]
            pooled.setdefault(r, []).append((n, p["value"], standard_error(p),
                                             (e.get("over_best_single") or p)["value"],
                                             e.get("cost_over_best_single", {"value": 1})["value"],
                                             mix["value"] if mix else 0, standard_error(mix) if mix else 0,
                                             b.get("cost_over_best_single", {"value": 1})["value"]))
            cells.setdefault(r, {})[name] = p
            if r not in worst or p["value"] < worst[r][0]:
                worst[r] = (p["value"], name.split("~")[-1])
            for which, value in line.get("familiar_auroc", {}).items():
                familiar.setdefault(r, {}).setdefault(which, []).append((n, value))
        for t in report["tests"]:
            if t["of"] == "budget" and "knn" in (t["a"], t["b"]):
                other, sign = (t["b"], 1) if t["a"] == "knn" else (t["a"], -1)
                d = t["difference"]
                against.setdefault(other, []).append((report["test"], sign * d["value"], standard_error(d)))

    def mean(values, at=1):
        total = sum(v[0] for v in values)
        return sum(v[0] * v[at] for v in values) / total

    def half(values, at=2):
        total = sum(v[0] for v in values)
        return 1.96 * math.sqrt(sum((v[0] * v[at] / total) ** 2 for v in values))

    out = ["| router | at best single's cost − its quality | cost | − mixture of that cost | − `knn` | worst set | same quality: cost | − its quality | knows foreign questions (AUROC): evidence | certainty | spread |",
           "|---|---|---|---|---|---|---|---|---|---|---|"]

    def plus_minus(values, m=1, s=2):
        v, h = mean(values, m), half(values, s)
        return f"{short(v, 3, True)} [{short(v - h, 3, True)}, {short(v + h, 3, True)}]"

    for r in sorted(pooled, key=lambda r: -mean(pooled[r])):
        v = pooled[r]
        f = familiar.get(r, {})
        out.append("| " + " | ".join([
            f"`{r}`", plus_minus(v), f"{100 * mean(v, 7):.0f} %", plus_minus(v, 5, 6), plus_minus(against[r]) if r in against else "–",
            f"{short(worst[r][0], 3, True)} ({worst[r][1]})", f"{100 * mean(v, 4):.0f} %", short(mean(v, 3), 3, True)]
            + [short(mean(f[w])) if w in f else "–" for w in ("evidence", "certainty", "spread")]) + " |")
    groups = []
    for name, files, _, _ in LEFT_OUT:
        columns = [n for n, _ in runs if n.startswith(f"out~{name}~")]
        if not columns:
            continue
        groups += ["", f"{name}: at the best single model's cost, minus its quality, by what was left out.", "",
                   "| router | " + " | ".join(c.split("~")[-1] for c in columns) + " |", "|---|" + "---|" * len(columns)]
        for r in sorted(cells, key=lambda r: -mean(pooled[r])):
            groups.append(f"| `{r}` | " + " | ".join(short(cells[r].get(c, {}).get("value"), 3, True) for c in columns) + " |")
    return "\n".join(out), "\n".join(groups)


def several_table(report):
    """Routers and strategies on one pool, the calls of a question paid for together."""
    best = by_name(report)[report["best_single"]]
    out = [f"{report['test']} test questions, {len(report['models'])} models. Always `{report['best_single']}`: quality {interval(best['points'][0]['quality'])}, "
           f"{usd(best['points'][0]['cost_usd'])} USD per 1,000.", "",
           "| strategy | AIQ − mixtures' | at best single's cost − its quality | cost of 95 % of its quality | of 100 % |", "|---|---|---|---|---|"]
    full = best["points"][0]["cost_usd"]
    for line in sorted(routers_of(report), key=lambda l: -(l["curve"].get("aiq_over_mixtures") or {"value": -9})["value"]):
        curve = line["curve"]
        costs = [f"{100 * curve[c] / full:.0f} %" if curve.get(c) is not None else "–" for c in ("cost_95_usd", "cost_100_usd")]
        out.append(f"| `{line['name']}` | {interval(curve.get('aiq_over_mixtures'), sign=True)} | {interval(curve.get('over_best_single'), sign=True)} | "
                   + " | ".join(costs) + " |")
    return "\n".join(out)


PUBLISHED = """Published, for the same pair of models (gpt-4-1106-preview and Mixtral-8x7B-Instruct), against ours on the open rows:

| set | | CPT 50 | CPT 80 | APGR |
|---|---|---|---|---|
| MMLU | RouteLLM, best of each column among its routers with MMLU labels | 35.4 % | 70.3 % | .603 |
| MMLU | RouteLLM, any router trained on arena votes alone | about random | | |
{mmlu}
| GSM8K | RouteLLM, best: from its savings of 1.49 and 1.27 | 33.6 % | 63.0 % | – |
{gsm8k}

Why they differ:

- **Rows.** RouteLLM tests on 14,037 MMLU and 1,307 GSM8K questions. Here {rows_mmlu} and {rows_gsm8k} are tested on: a fifth of the
  questions is held back, and three fifths of the rest are learned from. The noise of APGR on so many questions is what the intervals say.
- **What is learned from.** RouteLLM's routers saw arena votes and, for these numbers, about 1,500 MMLU validation questions with
  their labels (for GSM8K a judge's labels of other prompts). Ours learn from outcomes of other questions of the same set, so they are in
  distribution and nearer to what RouteLLM's own augmentation gives on MMLU; on GSM8K they see one kind of question only.
- **What is read.** RouteLLM embeds the prompt with a neural encoder (mf, sw_ranking) or fine-tunes one (bert, causal_llm). `knn` and
  `clusters` here read words. On GSM8K wording says little about difficulty: prompt length is as good.
- **Best of a column.** The published row takes the best router for each number; a row of ours is one router.
- **Savings.** The published savings (MMLU 1.41 and 1.14, GSM8K 1.49 and 1.27) are random calls over the router's at the same
  quality: 50 / 35.4 = 1.41, 80 / 70.3 = 1.14. GSM8K's CPT above are read from them the same way."""


def published(results):
    def rows(name, label):
        report = results.get(name, {}).get("report")
        if not report:
            return f"| {label} | no data | | | |", 0
        lines = sorted(routers_of(report), key=lambda l: -l["curve"].get("apgr", {"value": -9})["value"])
        out = []
        for l in lines:
            c = l["curve"]
            out.append(f"| {label} | ours, `{l['name']}` | " + " | ".join("–" if c.get(k) is None else f"{100 * c[k]:.1f} %" for k in ("cpt_50", "cpt_80"))
                       + f" | {interval(c.get('apgr'))} |")
        return "\n".join(out), report["test"]

    mmlu, rows_mmlu = rows("in~routellm-mmlu", "MMLU")
    gsm8k, rows_gsm8k = rows("in~routellm-gsm8k", "GSM8K")
    return PUBLISHED.format(mmlu=mmlu, gsm8k=gsm8k, rows_mmlu=f"{rows_mmlu:,}", rows_gsm8k=f"{rows_gsm8k:,}")


PAGE = """# Leaderboard

Made by `make leaderboard`; do not edit. {routers} routers on {pools} pools of recorded outcomes: {counted} evaluations that took {seconds:.0f} s together.
Every registered estimator is here with its defaults, under the policy that the evaluator sweeps (two models: `threshold`, else
`utility`). What the numbers mean: [evaluation](../reference/eval.md). In short:

- Nothing is chosen on the test questions, but for AIQ and APGR, which are areas under a whole curve. "At best single's cost" and
  "same quality" are settings chosen on validation questions; intervals are 95 %, paired by question.
- Mixtures are random choices between single models, the frontier of them. A router has skill where it is above: AIQ − mixtures' > 0.
- The best single model is the best of the questions that were learned from.
- Prompt length sends the longest prompts to the best single model and the others to the cheapest (of two models: to the other).

{missing}

## All pools at a glance

AIQ minus that of the mixtures, questions of the same sets learned from (in distribution).

{glance}

## Left out: traffic unlike what was learned from

Every data set (or task, or subject) in turn is tested on and the others are learned from; pooled over {out_runs} of them, {out_questions} test
questions. The release gate of the default router is read here: above the best single model, above the mixtures and above `knn`, no set more
than a point below. The mixtures are chosen in hindsight: their frontier is that of the test questions, and the best of the questions learned from
(`prior`) is below it. *Cost*: what the setting chosen for "at best single's cost" did cost, of the best single model's cost.

{pooled}
{groups}

## Several calls

Strategies that ask more than once, on pools with recorded answers; every call of a question is paid for, thresholds come from the questions learned from.
All columns are read off the curve of the settings that were swept, also the last three. What each does: [flows](../reference/flows.md). `auto`, `knn` and `clusters:by=domain` make one call.

{several}

## Against published numbers

{published}

## Two models

APGR (random .5) on the pairs of the usual comparisons that are in the open data. Where the two models are closer than .05 it says nothing.

{pairs}

## Pool by pool

{tables}
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--page", type=pathlib.Path, default=ROOT / "docs/guide/leaderboard.md")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/leaderboard")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="only runs with this in their name; the page is printed")
    parser.add_argument("--router", action="append", default=[], help="besides the registered estimators")
    parser.add_argument("--again", default="", metavar="ROUTER", help="evaluate this router alone, beside the baselines, and replace its numbers on the page")
    parser.add_argument("--limit", type=float, default=60, help="seconds for one router in one run")
    return parser.parse_args()


def present(program, files, option, left_out):
    """What is left out, less the names that these files do not have."""
    report, why = call(program, ["--data", *files, "--router", "prior", "--bootstrap", "0"], 300)
    if report is None:
        sys.exit(f"leaderboard: {why}")
    if option == "--leave-out":
        return left_out
    line = next(l for l in report["lines"] if l["name"] == "prior")
    known = {d["name"] for d in line["choices"]["domains"]}
    groups = [",".join(n for n in group.split(",") if n in known) for group in left_out]
    return [g for g in groups if g]


def all_jobs(args):
    def paths(files):
        return [str(args.data / f) for f in files]

    def there(files):
        return all((args.data / f).exists() for f in files)

    jobs = [(f"in~{n}", ["--data", *paths(files), *options]) for n, _, files, options in IN_DISTRIBUTION if there(files)]
    pairs = []
    for i, (file, strong, weak) in enumerate(PAIRS):
        if there([file]):
            pairs.append((f"pair{i}~{file.split('/')[-1].split('.')[0]}", ["--data", *paths([file]), "--models", f"{strong},{weak}"]))
    out = []
    for name, files, option, sets in LEFT_OUT:
        if there(files):
            out += [(f"out~{name}~{s.replace('/', '_').replace(',', '+')}", ["--data", *paths(files), option, s]) for s in present(args.program, paths(files), option, sets)]
    several = [(f"several~{n}", ["--data", *paths(files), "--models", ",".join(models)]) for n, _, files, models in SEVERAL if there(files)]
    return jobs, pairs, out, several


def strategies(name):
    models = next(m for n, _, _, m in SEVERAL if n == name.split("~")[1])
    words = {"cheap": ",".join(models[:-1]), "middle": models[-2]}
    return SEVERAL_ROUTERS + [r.format(**words) for r in SEVERAL_OF_MODELS if len(models) > 2]


# ---- one router again


def tables_of(page):
    """(heading, number below it, header cells, lines of rows) of every table; lines are indices into page.splitlines()."""
    out, heading, count, lines = [], "", 0, page.splitlines()
    for i, line in enumerate(lines):
        if line.startswith("#"):
            heading, count = line, 0
        if line.startswith("|---"):
            rows = []
            while i + 1 + len(rows) < len(lines) and lines[i + 1 + len(rows)].startswith("|"):
                rows.append(i + 1 + len(rows))
            out.append((heading, count, cells_of(lines[i - 1]), rows))
            count += 1
    return out


def cells_of(line):
    return [c.strip() for c in line.strip().strip("|").split("|")]


def replaced(old, new, router):
    """The old page with this router's rows and columns of the new one; the section of several calls is new as it is."""
    mark = f"`{router}`"
    begin, end = "## Several calls", "## Against published numbers"
    section = new[new.index(begin):new.index(end)]
    at = old.index(begin) if begin in old else old.index(end)
    old = old[:at] + section + old[old.index(end):]
    lines, new_lines = old.splitlines(), new.splitlines()
    fresh = {(h, n): (header, [cells_of(new_lines[r]) for r in rows]) for h, n, header, rows in tables_of(new)}
    for heading, number, header, rows in tables_of(old):
        there = fresh.get((heading, number))
        if there is None:
            continue
        new_header, new_rows = there
        for r in rows:
            cells = cells_of(lines[r])
            column = header.index(mark) if mark in header else None
            same = [c for c in new_rows if (c[:2] == cells[:2] if column is not None or cells[1].startswith("ours, ") else c[0] == cells[0])]
            if not same or (column is None and not any(mark in c.split()[:2] for c in cells[:2]) and f"ours, {mark}" not in cells):
                continue
            names = header if column is None else [mark]
            for name in names:
                if name in new_header and new_header.count(name) == 1:
                    cells[header.index(name)] = same[0][new_header.index(name)]
            lines[r] = "| " + " | ".join(cells) + " |"
    said = f"- {mark} was evaluated again, alone, after the others; strategies of several calls too."
    if said not in lines:
        lines.insert(next(i for i, line in enumerate(lines) if line.startswith("- Prompt length")) + 1, said)
    return "\n".join(lines) + "\n"


def main():
    args = arguments()
    if not args.data.exists():
        sys.exit(f"leaderboard: no data at {args.data}")
    args.out.mkdir(parents=True, exist_ok=True)
    good, bad = ([args.again], {}) if args.again else usable(args.program, args.out, args.limit)
    routers = list(dict.fromkeys(BASELINES + good + ([] if args.again else VARIANTS) + args.router))
    print(f"{len(routers)} routers: {', '.join(routers)}", file=sys.stderr)
    for name, why in bad.items():
        print(f"not in the tables: {name}: {why}", file=sys.stderr)
    jobs, pairs, out, several = all_jobs(args)
    wanted = [(*j, routers) for j in jobs + pairs + out] + [(*j, strategies(j[0])) for j in several]
    runner = Runner(args)
    results = runner.all([j for j in wanted if args.only in j[0]])
    plain = {n.removeprefix("in~"): k for n, k in results.items() if n.startswith("in~")}
    pooled, groups = left_out_tables(results, out)
    left = [results[n]["report"] for n, _ in out if n in results and results[n]["report"]]
    tables = "\n\n".join(f"### {title}\n\n{pool_table(plain[n]['report'])}" for n, title, *_ in IN_DISTRIBUTION if n in plain and plain[n]["report"])
    missing = "Not in the tables: " + "; ".join(f"`{n}` ({w})" for n, w in bad.items()) + "." if bad else ""
    slow = sorted({(r, w) for k in results.values() for r, w in k["left_out"].items()})
    if slow:
        missing += "\n\nIn some tables only: " + "; ".join(f"`{r}` ({w})" for r, w in slow) + "."
    page = PAGE.format(routers=len(routers), pools=len(plain), counted=len(results), seconds=sum(k["seconds"] for k in results.values()), missing=missing,
                       glance=combined_table(plain), out_runs=len(left), out_questions=f"{sum(r['test'] for r in left):,}", pooled=pooled,
                       groups=groups, several="\n\n".join(f"### {title}\n\n{several_table(results[f'several~{n}']['report'])}" for n, title, *_ in SEVERAL
                                                           if results.get(f"several~{n}", {}).get("report")), published=published(results), pairs=pairs_table(results, pairs), tables=tables)
    if args.only:
        print(page)
    elif args.again:
        args.page.write_text(replaced(args.page.read_text(), page, args.again))
        print(f"{args.again} again in {args.page}", file=sys.stderr)
    else:
        args.page.write_text(page)
        print(f"wrote {args.page}", file=sys.stderr)
    failed = [n for n, k in results.items() if k["report"] is None]
    if failed:
        sys.exit(f"leaderboard: not evaluated: {', '.join(failed)}")


if __name__ == "__main__":
    main()
