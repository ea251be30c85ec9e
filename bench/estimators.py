#!/usr/bin/env python3
"""What it costs to train and to ask the learned estimators, beside scikit-learn on the same numbers.

  estimators.py [--data ../shared/data] [--rounds N]     (needs the targets swy_fit and swy_estimate_bench of the release preset)

Writes an outcome table of 30,000 rows x 20 models (MMLU-Pro, its rows in turn under new ids until there are enough) and one of
100,000, runs both sides in turn and keeps the least time of all rounds. Packages of the other side: tests/reference/requirements.txt, installed
into out/bench/reference. Raw numbers: out/bench/estimators-TIME-COMMIT.jsonl; the table goes to standard output and between its
markers in docs/guide/benchmarks.md.
"""
import argparse
import datetime
import gzip
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = ROOT / "out/bench"
WORK = HOME / "work-estimators"
BIN = ROOT / "build/release/bin"
PAGE = ROOT / "docs/guide/benchmarks.md"
MARKERS = ("<!-- estimators:begin -->", "<!-- estimators:end -->")
ROWS, MODELS, MANY, FEW = 30_000, 20, 100_000, 5_262
MOST_S = {"knn": 30, "clusters": 30, "linear": 30, "irt": 30, "matrix_factorisation": 120, "mlp": 120}
EQUIVALENT = {"knn": "NearestNeighbors (brute, sparse)", "clusters": "KMeans", "linear": "Ridge, 5 penalties x 3 folds and the rest",
              "matrix_factorisation": "MLPRegressor (identity)", "irt": "20 x LogisticRegression", "mlp": "MLPRegressor (relu)"}


def write_table(data, path, count):
    """The rows of MMLU-Pro in turn; the first 20 models that have all of them."""
    with gzip.open(data / "mmlu_pro/mmlu_pro.jsonl.gz", "rt") as f:
        rows = [json.loads(line) for line in f]
    names = [m for m in rows[0]["models"] if all(m in r["models"] for r in rows)][:MODELS]
    with open(path, "w") as out:
        for i in range(count):
            row = rows[i % len(rows)]
            models = {m: row["models"][m] for m in names}
            out.write(json.dumps({"id": f"{i}", "dataset": row["dataset"], "domain": row["domain"], "prompt": row["prompt"],
                                  "models": models}) + "\n")
    return f"MMLU-Pro's {len(rows):,} questions in turn"


def lines_of(command, **env):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **env})
    return done.stdout


def serving(table, only, what):
    """Processor time of estimate() by Google Benchmark, us; with the wall clock's beside."""
    env = {"SWY_ESTIMATE_TABLE": str(table)} if table else {}
    out = lines_of([BIN / "swy_estimate_bench", "--benchmark_format=json", f"--benchmark_filter={only}"], **env)
    found = json.loads(out[out.index("{"):])["benchmarks"]
    return [{"what": what, "type": b["name"].split("/")[1], "cpu_us": b["cpu_time"], "wall_us": b["real_time"]} for b in found]


def measure(args, note):
    source = write_table(args.data, WORK / "train.jsonl", ROWS)
    write_table(args.data, WORK / "many.jsonl", MANY)
    with gzip.open(args.data / "routellm/routellm-mmlu.jsonl.gz", "rt") as f:
        (WORK / "small.jsonl").write_text("".join(next(f) for _ in range(FEW)))
    setup = subprocess.run([ROOT / "tests/reference/setup.sh", HOME / "reference"])
    if setup.returncode != 0:
        raise SystemExit("scikit-learn cannot be installed: nothing to compare with")
    for _ in range(args.rounds):
        for m in (serving(None, "knn|50_models", "planted") + serving(WORK / "many.jsonl", "rows/knn", "real")
                  + serving(WORK / "small.jsonl", "rows/", "small")):
            note(m)
        for name in ("x.f32", "y.f32", "words.u32", "words.f32"):
            (WORK / name).unlink(missing_ok=True)
        for line in lines_of([BIN / "swy_fit", WORK / "train.jsonl", WORK]).splitlines():
            note(json.loads(line))
            if '"table"' in line:
                shape = json.loads(line)
        out = lines_of([HOME / "reference/venv/bin/python", ROOT / "bench/estimators/baseline.py", WORK, shape["rows"], shape["dims"],
                        shape["models"]], OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")
        for line in out.splitlines():
            note(json.loads(line))
    return source


def least(found, what, kind, field):
    return min(m[field] for m in found if m["what"] == what and m.get("type") == kind)


def verdict(value, target):
    return "met" if value <= target else "**not met**"


def table(found, where):
    get = lambda *a: least(found, *a)
    head = "| estimator | training, s | target | of it the fit, s | scikit-learn's fit, s | one row, us | scikit-learn, us | scikit-learn's |"
    out = [where, "", head, "|---|---|---|---|---|---|---|---|"]
    for kind in MOST_S:
        train = get("train", kind, "train_s")
        out.append(f"| `{kind}` | {train:.1f} | at most {MOST_S[kind]}: {verdict(train, MOST_S[kind])} | {get('fit', kind, 'fit_s'):.2f} "
                   f"| {get('other', kind, 'fit_s'):.2f} | {get('fit', kind, 'row_us'):.1f} | {get('other', kind, 'row_us'):,.0f} | {EQUIVALENT[kind]} |")
    out += ["", "| `estimate()` of a prompt that is read | processor time, us | target |", "|---|---|---|"]
    for what, text in (("planted", "`knn`, 100,000 rows x 20 models, planted prompts of 10 to 60 words"),
                       ("real", "`knn`, 100,000 rows x 20 models, MMLU-Pro's questions (about 100 features)")):
        us = get(what, "knn", "cpu_us")
        out.append(f"| {text} | {us:.0f} | at most 200: {verdict(us, 200)} |")
    for kind in ("knn", "auto"):
        out.append(f"| `{kind}`, {FEW:,} rows x 2 models, MMLU's questions | {get('small', kind, 'cpu_us'):.0f} | |")
    for kind in ("linear", "clusters", "matrix_factorisation", "irt", "mlp"):
        us = get("planted", kind, "cpu_us")
        out.append(f"| `{kind}`, 50 models | {us:.2f} | at most 30: {verdict(us, 30)} |")
    us = get("planted", "graph_router", "cpu_us")
    out.append(f"| `graph_router`, 50 models | {us:.2f} | at most 300: {verdict(us, 300)} |")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "../shared/data")
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    commit = lines_of(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]).strip()
    now = datetime.datetime.now(datetime.timezone.utc)
    found, load = [], [os.getloadavg()[0]]
    with open(HOME / f"estimators-{now:%Y%m%dT%H%M%S}-{commit}.jsonl", "w") as raw:
        def note(m):
            found.append(m)
            raw.write(json.dumps(m) + "\n")
            raw.flush()
        source = measure(args, note)
    load.append(os.getloadavg()[0])
    shape = next(m for m in found if m["what"] == "table")
    where = (f"{shape['rows']:,} rows ({source}) x {shape['models']} models, {shape['dims']} dense features, {os.cpu_count()} cores; commit {commit}; "
             f"{now:%Y-%m-%d %H:%M} UTC; load average {load[0]:.1f} before and {load[1]:.1f} after; least of {args.rounds} round"
             f"{'s' if args.rounds > 1 else ''}. Training: table read, prompts read and embedded, fitted, one thread.")
    text = table(found, where)
    print(text)
    page = PAGE.read_text()
    begin, end = (page.index(m) for m in MARKERS)
    PAGE.write_text(page[:begin + len(MARKERS[0])] + "\n" + text + "\n" + page[end:])


if __name__ == "__main__":
    main()
