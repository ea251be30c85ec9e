"""The Markdown table of a benchmark run, and its place in the document."""
import statistics

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def median(values):
    return statistics.median(values)


def spread(values, digits=1):
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def verdict(value, target):
    if value <= target:
        return f"met, {100 * (1 - value / target):.0f} % below" if target else "met"
    return f"**not met**, {100 * (value / target - 1):.0f} % above" if target else "**not met**"


def cpu_row(result, kind, name):
    gateway = [m["cpu_us"] for m in result[f"closed_{kind}"]["gateway"]]
    nginx = [m["cpu_us"] for m in result[f"closed_{kind}"]["nginx"]]
    ratios = [g / n for g, n in zip(gateway, nginx)]
    return (f"| CPU per {name}, us | {spread(gateway)} | {spread(nginx)} | ratio at most 2.0 | "
            f"{spread(ratios, 2)}: {verdict(median(ratios), 2.0)} |")


def rate_row(result, kind, name):
    side = lambda n: spread([m["rps"] for m in result[f"closed_{kind}"][n]], 0)
    return f"| {name} a second, one core, closed loop | {side('gateway')} | {side('nginx')} | | |"


def latency_rows(result, kind, name):
    found = result[f"open_{kind}"]
    rows = []
    rate = found["gateway"][0]["rate"]
    for q, target in (("p50", 150), ("p99", 1000)):
        at = {n: [m["total_us" if kind == "plain" else "first_us"][q] for m in found[n]] for n in found}
        added = [g - d for g, d in zip(at["gateway"], at["direct"])]
        other = [g - d for g, d in zip(at["nginx"], at["direct"])]
        rows.append(f"| {name}, {q} at {rate:.0f}/s, us | {spread(at['gateway'], 0)} | {spread(at['nginx'], 0)} | "
                    f"added at most {target} | added {spread(added, 0)} (nginx {spread(other, 0)}; direct {spread(at['direct'], 0)}): "
                    f"{verdict(median(added), target)} |")
    return rows


def slow_rows(result):
    g, n = result["slow"]["gateway"], result["slow"]["nginx"]
    gap = lambda s: f"{s['longest_gap_us'].get('p50', 0) / 1e6:.2f} / {s['longest_gap_us'].get('max', 0) / 1e6:.2f}"
    bad = g["starved"] + g["failed"] + g["unfinished"]
    return [f"| resident KB per open stream, {g['open']} streams | {g['kb_per_stream']:.1f} | {n['kb_per_stream']:.1f} | at most 40 | "
            f"{verdict(g['kb_per_stream'], 40)} |",
            f"| streams starved, broken or unfinished | {bad} | {n['starved'] + n['failed'] + n['unfinished']} | none | "
            f"{'met' if bad == 0 and g['begun'] == g['streams'] else '**not met**'} |",
            f"| longest gap between chunks due every 1.00 s: median / worst stream, s | {gap(g)} | {gap(n)} | | |"]


def decide_rows(result):
    d = result["decide"]
    rows = []
    for key, name, target in (("decide_rules/10", "`decide()`, 10 decisions x 3 facts, us", 2),
                              ("decide_known_facts/1000", "`decide()`, 1,000 decisions, facts known, us", 50),
                              ("decide_rules/1000", "`decide()`, 1,000 decisions, 3,000 facts computed too, us", None)):
        v = d[key]
        rows.append(f"| {name} | {spread(v, 2)} | | {f'at most {target}' if target else ''} | {verdict(median(v), target) if target else ''} |")
    return rows


def table(result):
    m, a = result["machine"], result["args"]
    out = [f"Machine: {m['cpu']}, {m['cores']} cores, Linux {m['kernel']}; compiler: {m['compiler']}, release preset; nginx {m['nginx']}; "
           f"commit {m['commit']}; {m['date']}; load average before the run {m['load_before']:.1f}. {a['pairs']} pairs of {a['seconds']} s, "
           f"{a['connections']} connections. Cells: median (lowest to highest).", "",
           "| what | switchyard | nginx | target | result |", "|---|---|---|---|---|"]
    if "closed_plain" in result:
        out += [cpu_row(result, "plain", "request, plain"), cpu_row(result, "sse", "SSE stream of 50 chunks"),
                rate_row(result, "plain", "requests"), rate_row(result, "sse", "streams")]
        out += latency_rows(result, "plain", "latency, plain") + latency_rows(result, "sse", "time to first chunk, SSE, 50 chunks 1 ms apart")
    if "decide" in result:
        out += decide_rows(result)
    if "slow" in result:
        out += slow_rows(result)
    if "icount" in result:
        out += [f"| instructions per request: decode, decide, record, splice | {result['icount']['instructions']:,.0f} | | within 2 % of the last run | |"]
    if "evaluated" in result:
        e = result["evaluated"]
        shares = lambda d: ", ".join(f"{k} {100 * v:.0f} %" for k, v in sorted(d.items(), key=lambda x: -x[1]))
        out += ["", f"Evaluated, by the records of the run: {shares(e['asked'])}. Rules that fired: {shares(e['fired'])}."]
    return "\n".join(out)


def rewrite(path, text, begin=BEGIN, end=END):
    old = path.read_text()
    head, rest = old.split(begin, 1)
    tail = rest.split(end, 1)[1]
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}")
