// One page: what was asked (with the command), the curve, what a person would serve, who beats
// whom, calibration, domains, confusion with the oracle, which questions are missed, notes. Tables
// are HTML, so that a screen reader and a clipboard can use them; colour only repeats a number that
// stands there. Everything is well-formed XML. Tests: html_test.cc (parsed; every name escaped;
// nothing fetched).
#include "eval/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "eval/plot.h"
#include "eval/summary.h"

namespace swy::eval {
namespace {

using Kind = LineReport::Kind;
constexpr std::size_t kMostDomains = 60;
constexpr std::size_t kMostModels = 12;  // of a confusion table
constexpr std::size_t kMostTests = 60;

constexpr std::string_view kStyle = R"(
:root{--paper:#fff;--ink:#161616;--soft:#5a5a5a;--rule:#dcdcdc;--tint:#f5f6f7;--good:0,114,178;--bad:213,94,0}
@media (prefers-color-scheme:dark){:root{--paper:#15171a;--ink:#e8e8e8;--soft:#a2a7ad;--rule:#34383d;--tint:#1d2024;--good:64,160,230;--bad:240,130,50}
svg [fill="#ffffff"]{fill:#15171a}
svg [fill="#111"],svg [fill="#111111"],svg [fill="#222"],svg [fill="#222222"]{fill:#ececec}
svg [fill="#444"],svg [fill="#555"],svg [fill="#555555"],svg [fill="#777"]{fill:#b0b5bb}
svg [stroke="#e6e6e6"]{stroke:#2c3036}svg [stroke="#444"]{stroke:#8b9096}svg [stroke="#222222"]{stroke:#dddddd}svg [stroke="#ffffff"]{stroke:#15171a}
svg [fill="#0072b2"]{fill:#4aa3df}svg [stroke="#0072b2"]{stroke:#4aa3df}svg [fill="#009e73"]{fill:#2fc79a}svg [stroke="#009e73"]{stroke:#2fc79a}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1120px;padding:28px 24px 60px;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
h1{font-size:25px;margin:0 0 4px}h2{font-size:18px;margin:38px 0 6px}p{margin:6px 0;max-width:78ch}
.soft{color:var(--soft)}.wide{overflow-x:auto}svg{max-width:100%;height:auto}
pre{background:var(--tint);border:1px solid var(--rule);border-radius:6px;padding:10px 12px;white-space:pre-wrap;word-break:break-word;font:13px/1.45 ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
table{border-collapse:collapse;font-size:13px;margin:8px 0;font-variant-numeric:tabular-nums}
th,td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--rule)}td{white-space:nowrap}
th{color:var(--soft);font-weight:500;vertical-align:bottom}td:first-child,th:first-child{text-align:left}
thead th{border-bottom:1px solid var(--soft)}tr.best td{font-weight:600}tr.dim td{color:var(--soft)}
.i{color:var(--soft);font-size:11.5px}.row{display:flex;flex-wrap:wrap;gap:14px}
.warn{border-left:3px solid rgb(var(--bad));padding:2px 10px;margin:6px 0}
details{margin:6px 0}summary{cursor:pointer}
.heat td{border-bottom:1px solid var(--paper);border-left:1px solid var(--paper)}
.heat th.v{vertical-align:bottom;padding:8px 4px;text-align:center}.heat th.v span{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap;max-height:200px;overflow:hidden}
dt{font-weight:600;margin-top:8px}dd{margin:0 0 0 16px;max-width:78ch}
)";

// ---- numbers

std::string number(double v, int decimals, bool sign = false) {
  if (std::isnan(v) || std::isinf(v)) return "–";
  std::string s = sign ? fmt::format("{:+.{}f}", v, decimals) : fmt::format("{:.{}f}", v, decimals);
  if (s[0] == '-') s.replace(0, 1, "−");
  return s;
}

std::string with_interval(const Interval& i, int decimals = 3, bool sign = false) {
  std::string out = number(i.value, decimals, sign);
  if (!std::isnan(i.value) && !std::isnan(i.lo)) {
    out += fmt::format(" <span class=\"i\">[{}, {}]</span>", number(i.lo, decimals, sign),
                       number(i.hi, decimals, sign));
  }
  return out;
}

std::string per_thousand(double usd) {
  if (std::isnan(usd)) return "–";
  return fmt::format("{:.3g}", 1000 * usd);
}

std::string percent(double v) { return std::isnan(v) ? "–" : fmt::format("{:.1f} %", 100 * v); }

// A cell whose tint says how far v is from 0, full at `most`.
std::string heat_cell(double v, double most, std::string_view text, std::string_view title) {
  if (std::isnan(v)) return "<td>–</td>";
  const double strength = most > 0 ? std::min(1.0, std::fabs(v) / most) : 0;
  return fmt::format("<td style=\"background:rgba(var(--{}),{:.2f})\" title=\"{}\">{}</td>",
                     v >= 0 ? "good" : "bad", 0.65 * strength, html_text(title), text);
}

// ---- tables

class Table {
 public:
  explicit Table(const std::vector<std::string>& head, std::string_view css = "") {
    out_ = fmt::format("<div class=\"wide\"><table{}>\n<thead><tr>",
                       css.empty() ? "" : fmt::format(" class=\"{}\"", css));
    for (const std::string& h : head)
      out_ += h.compare(0, 3, "<th") == 0 ? h : "<th>" + h + "</th>";
    out_ += "</tr></thead>\n<tbody>\n";
  }
  // cells: content, or whole <td> elements.
  void row(const std::vector<std::string>& cells, std::string_view css = "") {
    out_ += css.empty() ? "<tr>" : fmt::format("<tr class=\"{}\">", css);
    for (const std::string& c : cells)
      out_ += c.compare(0, 3, "<td") == 0 ? c : "<td>" + c + "</td>";
    out_ += "</tr>\n";
  }
  [[nodiscard]] std::string text() const { return out_ + "</tbody></table></div>\n"; }

 private:
  std::string out_;
};

const PickReport* pick_of(const LineReport& l, Picked::By by) {
  for (const PickReport& p : l.picks) {
    if (p.by == by || p.by == Picked::By::kOnly) return &p;
  }
  return nullptr;
}

class Page {
 public:
  Page(const Report& report, std::string_view command) : report_(report), command_(command) {
    for (const LineReport& l : report.lines) {
      if (l.kind == Kind::kRouter) routers_.push_back(&l);
    }
  }

  std::string text() {
    head();
    if (report_.priced) out_ += to_svg(report_);
    served();
    curves();
    if (report_.pair) pairs();
    tests();
    calibration();
    domains();
    confusion();
    recall();
    robustness();
    singles();
    notes();
    words();
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
        "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\"/>\n<meta name=\"color-scheme\" "
        "content=\"light dark\"/>\n<title>Routers: cost and quality</title>\n<style>{}</style>\n"
        "</head>\n<body>\n{}</body>\n</html>\n",
        kStyle, out_);
  }

 private:
  void section(std::string_view title, std::string_view lead) {
    out_ += fmt::format("<h2>{}</h2>\n<p class=\"soft\">{}</p>\n", title, lead);
  }

  void head() {
    const PointReport& best = report_.best().points[0];
    out_ += fmt::format(
        "<h1>Routers on recorded outcomes</h1>\n<p>{} test questions, {} models; routers learned "
        "from "
        "{} other questions{}. The best single model there is <b>{}</b>: quality {}{}.</p>\n",
        report_.test, report_.models.size(), report_.train,
        report_.validation > 0
            ? fmt::format(", their settings were chosen on {} of these", report_.validation)
            : "",
        html_text(report_.models[report_.best_single]), with_interval(best.quality),
        report_.priced ? fmt::format(" at {} USD for 1,000 questions", per_thousand(best.cost))
                       : "");
    if (!command_.empty()) out_ += fmt::format("<pre>{}</pre>\n", html_text(command_));
    for (const std::string& w : warnings(report_))
      out_ += fmt::format("<p class=\"warn\">{}</p>\n", html_text(w));
  }

  void served() {
    if (report_.validation == 0) return;
    section("What you would serve",
            "Settings were chosen on validation questions and are measured on test questions that "
            "nothing was chosen or learned on. Intervals are 95 %, paired by question.");
    Table table({"router", "quality", "over best single", "at its cost: over best single",
                 "same quality: cost", "same quality: over best single", "regret to oracle",
                 "arena score", "IBC lift"});
    for (const LineReport* l : routers_) {
      if (l->picks.empty()) continue;
      const PickReport& quality = l->picks[0];
      const PickReport* budget = pick_of(*l, Picked::By::kBudget);
      const PickReport* equal = pick_of(*l, Picked::By::kEqual);
      const PickReport* arena = pick_of(*l, Picked::By::kArena);
      const PickReport* lift = pick_of(*l, Picked::By::kLift);
      table.row({html_text(l->name), with_interval(quality.quality),
                 with_interval(quality.over_best, 3, true),
                 budget != nullptr ? with_interval(budget->over_best, 3, true) : "–",
                 equal != nullptr ? percent(equal->cost_ratio.value) : "–",
                 equal != nullptr ? with_interval(equal->over_best, 3, true) : "–",
                 budget != nullptr ? with_interval(budget->regret) : "–",
                 arena != nullptr ? number(100 * arena->arena, 2) : "–",
                 lift != nullptr ? number(lift->lift, 3, true) : "–"});
    }
    out_ += table.text();
  }

  void curves() {
    if (!report_.priced) return;
    section("Curves",
            "Frontiers over all settings, read on the test questions themselves (a little "
            "optimistic for every router). AIQ is the area under the frontier.");
    Table table({"curve", "AIQ", "over mixtures", "USD for 95 %", "for 100 %", "nAUC", "peak",
                 "QNC", "PerfGain", "CostSave", "Pareto distance"});
    for (const LineReport& l : report_.lines) {
      if (l.kind == Kind::kSingle || l.kind == Kind::kRandom) continue;
      const CurveReport& c = l.curve;
      const PublishedReport& p = l.published;
      table.row({html_text(l.name), with_interval(c.aiq),
                 l.kind == Kind::kMixture ? "" : with_interval(c.aiq_gain, 3, true),
                 per_thousand(c.cost_95), per_thousand(c.cost_100), number(p.nauc, 3),
                 number(p.peak, 3), number(p.qnc, 3), number(p.perf_gain, 3, true),
                 number(p.cost_save, 3, true), number(p.pareto_distance, 3)},
                l.kind == Kind::kRouter ? "" : "dim");
    }
    out_ += table.text();
  }

  void pairs() {
    section("Two models",
            "RouteLLM's figures: performance gap recovered over the share of calls of "
            "the stronger model. Random: .500, 50 %, 80 %.");
    Table table({"router", "APGR", "CPT 50", "CPT 80"});
    for (const LineReport* l : routers_) {
      table.row({html_text(l->name), with_interval(l->curve.apgr), percent(l->curve.cpt_50),
                 percent(l->curve.cpt_80)});
    }
    out_ += table.text();
  }

  void tests() {
    if (report_.tests.empty() || report_.resamples == 0) return;
    section("Who beats whom",
            "Paired bootstrap: second minus first on the same questions; p is two-sided, not "
            "corrected for the number of comparisons.");
    std::size_t shown = 0;
    Table table({"of", "first", "second", "difference", "p"});
    for (const PairedTest& t : report_.tests) {
      if (shown++ == kMostTests) break;
      const std::string_view of = t.of == PairedTest::Of::kAiq      ? "AIQ"
                                  : t.of == PairedTest::Of::kBudget ? "quality at that cost"
                                                                    : "quality";
      table.row({std::string(of), html_text(t.a), html_text(t.b),
                 with_interval(t.difference, 4, true), number(t.p, 3)},
                t.p < 0.05 ? "best" : "");
    }
    out_ += fmt::format("<details{}><summary>{} comparisons{}</summary>\n{}</details>\n",
                        report_.tests.size() <= 12 ? " open=\"open\"" : "", report_.tests.size(),
                        report_.tests.size() > kMostTests
                            ? fmt::format(", the first {} here, all in report.json", kMostTests)
                            : "",
                        table.text());
  }

  void calibration() {
    std::string charts;
    for (const LineReport* l : routers_) {
      if (l->choices && l->choices->chosen.count > 0)
        charts += calibration_svg(*l->choices, l->name);
    }
    if (charts.empty()) return;
    section(
        "Calibration",
        "Believed quality against the outcome. Blue: of the model that was chosen; grey: of every "
        "candidate. On the dashed line beliefs are right; below it the router believes too much.");
    out_ += "<div class=\"row\">\n" + charts + "</div>\n";
  }

  // Quality above the best single model by domain.
  void domains() {
    const LineReport& best = report_.best();
    if (!best.choices || best.choices->domains.size() < 2) return;
    std::vector<DomainReport> rows = best.choices->domains;
    std::sort(rows.begin(), rows.end(), [](const DomainReport& a, const DomainReport& b) {
      return a.questions != b.questions ? a.questions > b.questions : a.name < b.name;
    });
    std::vector<const LineReport*> columns;
    for (const LineReport* l : routers_) {
      if (l->choices) columns.push_back(l);
    }
    for (const LineReport& l : report_.lines) {
      if (l.kind == Kind::kOracle && l.choices) columns.push_back(&l);
    }
    section(
        "By domain",
        fmt::format("Quality above {} on the questions of each domain, at the setting chosen for "
                    "quality. Blue is better, orange worse.{}",
                    html_text(best.name),
                    rows.size() > kMostDomains
                        ? fmt::format(" The {} largest of {} domains.", kMostDomains, rows.size())
                        : ""));
    std::vector<std::string> head{"domain", "questions", "best single"};
    for (const LineReport* l : columns) head.push_back(html_text(l->name));
    Table table(head, "heat");
    if (rows.size() > kMostDomains) rows.resize(kMostDomains);
    for (const DomainReport& d : rows) {
      std::vector<std::string> cells{html_text(d.name), std::to_string(d.questions),
                                     number(d.quality, 3)};
      for (const LineReport* l : columns) {
        const auto& all = l->choices->domains;
        const auto it = std::find_if(all.begin(), all.end(),
                                     [&](const DomainReport& o) { return o.name == d.name; });
        const double v = it == all.end() ? kNone : it->quality - d.quality;
        cells.push_back(heat_cell(v, 0.15, number(v, 3, true), l->name + ", " + d.name));
      }
      table.row(cells);
    }
    out_ += table.text();
  }

  // The models that the oracle or the router choose most, the others together.
  [[nodiscard]] std::vector<std::size_t> frequent(const std::vector<double>& confusion) const {
    const std::size_t k = report_.models.size();
    std::vector<std::pair<double, std::size_t>> weight(k);
    for (std::size_t m = 0; m < k; ++m) {
      weight[m].second = m;
      for (std::size_t o = 0; o < k; ++o)
        weight[m].first += confusion[m * k + o] + confusion[o * k + m];
    }
    std::sort(weight.begin(), weight.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < std::min(k, kMostModels); ++i) out.push_back(weight[i].second);
    return out;
  }

  void confusion() {
    bool any = false;
    for (const LineReport* l : routers_) {
      if (!l->choices) continue;
      if (!any) {
        section(
            "Confusion with the oracle",
            "Rows: the model that would have been right and cheapest; columns: what the router "
            "chose; per cent of the questions. Where several models are right only the cheapest "
            "is the oracle's, so a low exact rate is normal: <i>any best</i> counts ties.");
      }
      out_ += fmt::format(
          "<details{}><summary>{}: exact {}, any best {}, entropy {:.2f} "
          "bits</summary>\n{}</details>\n",
          any ? "" : " open=\"open\"", html_text(l->name), percent(l->choices->exact_oracle),
          percent(l->choices->any_best), l->choices->entropy, confusion_table(*l->choices));
      any = true;
    }
  }

  // The confusion of `models`, then of all others together, then of all: (models + 2) squared.
  [[nodiscard]] std::vector<double> folded(const std::vector<double>& confusion,
                                           const std::vector<std::size_t>& models) const {
    const std::size_t k = report_.models.size();
    const std::size_t side = models.size() + 2;
    std::vector<std::size_t> slot(k, models.size());
    for (std::size_t i = 0; i < models.size(); ++i) slot[models[i]] = i;
    std::vector<double> out(side * side, 0.0);
    for (std::size_t o = 0; o < k; ++o) {
      for (std::size_t m = 0; m < k; ++m) {
        const double v = confusion[o * k + m];
        for (const std::size_t row : {slot[o], side - 1}) {
          for (const std::size_t column : {slot[m], side - 1}) out[row * side + column] += v;
        }
      }
    }
    return out;
  }

  [[nodiscard]] std::string confusion_table(const ChoiceReport& c) const {
    const std::vector<std::size_t> models = frequent(c.confusion);
    const std::vector<double> cells = folded(c.confusion, models);
    const std::size_t side = models.size() + 2;
    std::vector<std::string> names;
    for (const std::size_t m : models) names.push_back(html_text(report_.models[m]));
    names.emplace_back("others");
    names.emplace_back("all");
    // Without others their row and column stay away.
    const bool rest = models.size() < report_.models.size();
    const auto shown = [&](std::size_t i) { return rest || i != models.size(); };
    std::vector<std::string> head{"oracle \\ router"};
    for (std::size_t i = 0; i < side; ++i) {
      if (shown(i)) head.push_back("<th class=\"v\"><span>" + names[i] + "</span></th>");
    }
    Table table(head, "heat");
    for (std::size_t r = 0; r < side; ++r) {
      if (!shown(r)) continue;
      std::vector<std::string> row{names[r]};
      for (std::size_t m = 0; m < side; ++m) {
        const double v = cells[r * side + m];
        const std::string text = v < 0.0005 ? "" : number(100 * v, 1);  // below .1 %
        const bool sum = r == side - 1 || m == side - 1;
        if (shown(m)) row.push_back(sum ? text : heat_cell(v, 0.25, text, ""));
      }
      table.row(row);
    }
    return table.text();
  }

  void recall() {
    const LineReport& best = report_.best();
    if (!best.choices) return;
    section(
        "Which questions are missed",
        "Share of the questions for which the router chose a model that solves them, by the "
        "number of models that do. What only few can answer is where the gap to the oracle lies.");
    std::vector<std::string> head{"models that solve it", "questions", "random"};
    std::vector<const LineReport*> columns{&best};
    columns.insert(columns.end(), routers_.begin(), routers_.end());
    std::erase_if(columns, [](const LineReport* l) { return !l->choices; });
    for (const LineReport* l : columns)
      head.push_back(l == &best ? "always " + html_text(l->name) : html_text(l->name));
    Table table(head, "heat");
    for (std::size_t i = 0; i < best.choices->recall.size(); ++i) {
      const Recall& r = best.choices->recall[i];
      if (r.questions == 0) continue;
      std::vector<std::string> cells{
          r.from == r.to ? std::to_string(r.from) : fmt::format("{}–{}", r.from, r.to),
          std::to_string(r.questions), number(r.chance, 3)};
      for (const LineReport* l : columns) {
        const double v = l->choices->recall[i].found;
        cells.push_back(heat_cell(v, 1.3, number(v, 3), l->name));
      }
      table.row(cells);
    }
    out_ += table.text();
  }

  void robustness() {
    section(
        "Time and robustness",
        "Microseconds a decision takes, reading the prompt included; decisions unchanged on "
        "perturbed questions; how well the router's own confidence tells familiar questions from "
        "these (AUROC, where whole data sets were left out).");
    Table table(
        {"router", "median us", "90 %", "99 %", "unchanged", "evidence", "certainty", "spread"});
    for (const LineReport* l : routers_) {
      const double kept = l->noise.asked == 0 ? kNone
                                              : static_cast<double>(l->noise.unchanged) /
                                                    static_cast<double>(l->noise.asked);
      table.row({html_text(l->name), number(l->us_p50, 1), number(l->us_p90, 1),
                 number(l->us_p99, 1), percent(kept), number(l->familiarity.evidence, 3),
                 number(l->familiarity.certainty, 3), number(l->familiarity.spread, 3)});
    }
    out_ += table.text();
  }

  void singles() {
    section("Single models", "By quality on the test questions.");
    Table table({"model", "quality", "USD / 1,000"});
    for (const LineReport& l : report_.lines) {
      if (l.kind != Kind::kSingle) continue;
      table.row(
          {html_text(l.name), with_interval(l.points[0].quality), per_thousand(l.points[0].cost)},
          l.name == report_.models[report_.best_single] ? "best" : "");
    }
    out_ += fmt::format("<details{}><summary>{} models</summary>\n{}</details>\n",
                        report_.models.size() <= 12 ? " open=\"open\"" : "", report_.models.size(),
                        table.text());
  }

  void notes() {
    if (report_.notes.empty()) return;
    out_ += "<h2>Notes</h2>\n<ul>\n";
    for (const std::string& n : report_.notes) out_ += "<li>" + html_text(n) + "</li>\n";
    out_ += "</ul>\n";
  }

  void words() {
    out_ += R"(<h2>What the numbers mean</h2>
<dl>
<dt>best single</dt><dd>the model of highest quality on the questions that were learned from.</dd>
<dt>over best single</dt><dd>quality of the router minus quality of that model, on the same questions.</dd>
<dt>same quality</dt><dd>the cheapest setting that had the best single model's quality on the validation questions, with one standard error to spare: its cost as a share of that model's, and what it lost or gained on the test questions.</dd>
<dt>mixtures</dt><dd>what choosing between single models by lot would reach; a router has skill where it is above.</dd>
<dt>regret to oracle</dt><dd>quality of perfect choices for the same money, above the router's.</dd>
<dt>calibration error</dt><dd>mean distance between believed quality and outcome, over ten bins.</dd>
<dt>AIQ, nAUC, QNC, PerfGain, CostSave, IBC lift, arena score, APGR, CPT</dt><dd>figures of RouterBench, MMR-Bench, LLMRouterBench, AutoMix, RouterArena and RouteLLM; the variants are in docs/reference/eval.md.</dd>
</dl>
)";
  }

  const Report& report_;
  std::string_view command_;
  std::vector<const LineReport*> routers_;
  std::string out_;
};

}  // namespace

std::string to_html(const Report& report, std::string_view command) {
  return Page(report, command).text();
}

}  // namespace swy::eval
