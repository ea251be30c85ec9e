"""The table of bench/understand.py."""
from report import median, spread, verdict

MARKERS = ("<!-- understand:begin -->", "<!-- understand:end -->")
SIDES = (("switchyard", "switchyard"), ("onnxruntime", "ONNX Runtime"), ("llama", "llama.cpp"), ("torch", "PyTorch"))
MOST_MS = {("int8", 32): 2.5, ("int8", 128): 9, ("int8", 512): 45}
LEAST_SHARE = {"int8": 45, "f32": 55}
LENGTHS = (32, 128, 512)


def at_least(value, target):
    return f"met, {100 * (value / target - 1):.0f} % above" if value >= target else f"**not met**, {100 * (1 - value / target):.0f} % below"


def digits_for(values):
    return 2 if median(values) < 20 else 1


def cell(values):
    return spread(values, digits_for(values)) if values else ""


def row(what, ours, target, result, others=("", "", "")):
    return "| " + " | ".join([what, ours, *others, target, result]) + " |"


def encode_rows(found):
    out = []
    for how in ("int8", "f32", "f16"):
        for n in LENGTHS:
            at = lambda side: [m["ms"] for m in found["encode"] if (m["side"], m["how"], m["tokens"]) == (side, how, n)]
            cells = [cell(at(side)) for side, _ in SIDES]
            target = MOST_MS.get((how, n))
            ours = at("switchyard")
            result = []
            if target:
                result.append(verdict(median(ours), target))
            best = min((median(at(side)) for side, _ in SIDES[1:] if at(side)), default=None)
            if ours and best:
                result.append(f"{best / median(ours):.2f} x the speed of the best other")
            name = {"int8": "int8 (q8_0)", "f32": "fp32", "f16": "fp16 weights"}[how]
            out.append(row(f"MiniLM {name}, {n} tokens, ms", cells[0], f"at most {target}" if target else "", "; ".join(result), cells[1:]))
    return out


def peak_rows(found):
    out = []
    for how, unit in (("int8", "VNNI"), ("f32", "AVX-512 FMA")):
        ours = [m for m in found["encode"] if m["side"] == "switchyard" and m["how"] == how]
        peak = [m["peak_gops"] for m in ours]
        if not all(peak):
            continue  # a CPU without these instructions
        for n in LENGTHS:
            share = [100 * m["gops"] / m["peak_gops"] for m in ours if m["tokens"] == n]
            out.append(row(f"share of the {unit} peak ({median(peak):.0f} Gop/s), {n} tokens, %", spread(share), f"at least {LEAST_SHARE[how]}",
                           at_least(median(share), LEAST_SHARE[how])))
    return out


def batch_rows(found):
    out = []
    for how in ("int8", "f32"):
        for n in sorted({m["tokens"] for m in found["batch"]}):
            gain = [m["singles_ms"] / m["batch_ms"] for m in found["batch"] if m["how"] == how and m["tokens"] == n]
            name = "int8" if how == "int8" else "fp32"
            out.append(row(f"16 texts of {n} tokens in one batch over one by one, {name}", spread(gain, 2), "at least 1.5", at_least(median(gain), 1.5)))
    return out


def cheap_rows(found):
    all_of = lambda what, key: [m[key] for m in found[what]]
    speed, table, signals = all_of("tokenize", "mb_per_s"), all_of("static", "us"), all_of("signals", "all_us")
    return [row("WordPiece, 1 KB prompts, MB/s", spread(speed), "at least 40", at_least(median(speed), 40)),
            row("static embedding of 100 tokens, us", spread(table, 2), "at most 15", verdict(median(table), 15)),
            row(f"all {found['signals'][0]['count']} heuristic and linear signals, 1 KB prompt, us", spread(signals), "at most 100", verdict(median(signals), 100))]


def cascade_rows(found):
    names = {"never": "cheap stage alone", "head": "as the head asks", "most": "the 30 % least sure ask", "always": "encoder on every text"}
    out = []
    for when, name in names.items():
        rows = [m for m in found["cascade"] if m["when"] == when]
        mean = [m["mean_us"] for m in rows]
        what = f"cascade, {rows[0]['tokens']:.0f} tokens, {name} (encoder on {100 * rows[0]['share']:.0f} %), mean us"
        out.append(row(what, spread(mean), "less than 1000" if when in ("head", "most") else "", verdict(median(mean), 1000) if when in ("head", "most") else ""))
    return out


def memory_rows(found):
    out = []
    for how, name in (("int8", "int8"), ("f32", "fp32")):
        rows = [m for m in found["memory"] if m["how"] == how]
        ratio = [m["loaded_kb"] / m["file_kb"] for m in rows]
        worker = [(m["with_workers_kb"][-1] - m["loaded_kb"]) / len(m["with_workers_kb"]) / 1024 for m in rows]
        out.append(row(f"memory of a loaded {name} encoder over its weight file ({rows[0]['file_kb'] / 1024:.0f} MB)", spread(ratio, 2), "at most 1.2",
                       verdict(median(ratio), 1.2)))
        out.append(row(f"each further worker of it after 512 tokens, MB ({name})", spread(worker), "no copy of the weights", ""))
    return out


def agreement(found):
    """Least cosine of every side's vectors with ours in full precision."""
    truth = {m["tokens"]: m["vector"] for m in found["encode"] if m["side"] == "switchyard" and m["how"] == "f32"}
    least = {}
    for m in found["encode"]:
        cosine = sum(a * b for a, b in zip(m["vector"], truth[m["tokens"]]))
        key = (m["side"], m["how"])
        least[key] = min(cosine, least.get(key, 1))
    names = dict(SIDES)
    return ", ".join(f"{names[side]} {how} {c:.4f}" for (side, how), c in least.items())


def table(found, rounds, repeats):
    m = found["machine"][0]
    prompts = found["prompts"][0]
    out = [f"Machine: {m['cpu']}, {m['cores']} cores, Linux {m['kernel']}; compiler: {m['compiler']}, release preset; commit {m['commit']}; {m['date']}; "
           f"load average before the run {m['load_before']:.1f}. {rounds} rounds, each figure of a round the least of {repeats} or more repetitions in "
           "processor time. Cells: median of the rounds (lowest to highest).", "",
           "| what | " + " | ".join(name for _, name in SIDES) + " | target | result |", "|---|---|---|---|---|---|---|"]
    out += cheap_rows(found) + cascade_rows(found) + encode_rows(found) + peak_rows(found) + batch_rows(found) + memory_rows(found)
    missing = [f"{dict(SIDES)[side]}: {why}" for side, why in found["missing"][0].items()]
    out += ["", f"Not run: {'; '.join(missing) if missing else 'nothing'}.",
            f"Short prompts of the cascade: {prompts['short']} of {prompts['source']}. Least cosine with switchyard fp32: {agreement(found)}."]
    alone = found["signals"][0]["alone_us"]
    names = ", ".join(f"{k} {median([s['alone_us'][k] for s in found['signals']]):.1f}" for k in sorted(alone, key=lambda k: -alone[k]))
    out += [f"Signals on their own, us: {names}."]
    return "\n".join(out)
