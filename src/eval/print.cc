#include "eval/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/terminal.h"
#include "eval/grid.h"
#include "eval/plot.h"
#include "eval/summary.h"

namespace swy::eval {
namespace {

constexpr std::size_t kAllSingles = 12;  // pools up to this size are listed whole
constexpr std::size_t kTopSingles = 5;
constexpr std::size_t kNameColumns = 36;

using Kind = LineReport::Kind;

// ---- cells
// -----------------------------------------------------------------------------------------------------------

std::string number(double v, int decimals, bool sign = false) {
  if (std::isnan(v)) return "-";
  std::string s = sign ? fmt::format("{:+.{}f}", v, decimals) : fmt::format("{:.{}f}", v, decimals);
  const std::size_t zero = s.find("0.");  // .812 reads better than 0.812 in a column of shares
  if (zero == (s[0] == '+' || s[0] == '-' ? 1U : 0U)) s.erase(zero, 1);
  return s;
}

std::string with_interval(const Interval& i, int decimals, bool sign = false) {
  if (std::isnan(i.value)) return "-";
  if (std::isnan(i.lo)) return number(i.value, decimals, sign);
  return fmt::format("{} [{}, {}]", number(i.value, decimals, sign), number(i.lo, decimals, sign),
                     number(i.hi, decimals, sign));
}

// USD for a thousand questions, three significant digits.
std::string per_thousand(double usd) {
  if (std::isnan(usd)) return "-";
  const double v = usd * 1000;
  if (v == 0) return "0";
  const int decimals = std::clamp(2 - static_cast<int>(std::floor(std::log10(v))), 0, 6);
  return fmt::format("{:.{}f}", v, decimals);
}

std::string percent(double v) { return std::isnan(v) ? "-" : fmt::format("{:.1f} %", 100 * v); }

std::string short_name(const std::string& name) { return base::fit_columns(name, kNameColumns); }

std::string_view style_of(const LineReport& line, const Report& report) {
  if (line.kind == Kind::kRouter) return "green";
  if (line.kind == Kind::kOracle) return "dim";
  return line.name == report.models[report.best_single] ? "bold" : "";
}

// Which singles the table shows: all of a small pool, else the best, those on the frontier of
// mixtures and the best on the train part.
std::vector<bool> shown_singles(const Report& report) {
  const std::size_t k = report.models.size();
  std::vector<bool> shown(k, k <= kAllSingles);
  if (k <= kAllSingles) return shown;
  std::vector<std::string> wanted{report.models[report.best_single]};
  for (const LineReport& l : report.lines) {
    if (l.kind != Kind::kMixture) continue;
    for (const PointReport& p : l.points) wanted.push_back(p.knob);
  }
  for (std::size_t i = 0; i < k; ++i) {
    shown[i] = i < kTopSingles ||
               std::find(wanted.begin(), wanted.end(), report.lines[i].name) != wanted.end();
  }
  return shown;
}

std::string quality_table(const Report& report, bool color) {
  const std::string interval = report.resamples > 0 ? "quality [95 %]" : "quality";
  Grid grid({"best setting, in hindsight", interval, "USD / 1000", "over mixture", "us / decision"},
            color);
  const std::vector<bool> shown = shown_singles(report);
  std::size_t hidden = 0;
  for (std::size_t i = 0; i < report.lines.size(); ++i) {
    const LineReport& l = report.lines[i];
    if (i < shown.size() && !shown[i]) {
      ++hidden;
      continue;
    }
    if (l.kind == Kind::kMixture) continue;
    const PointReport& p = l.points[l.best];
    const std::string prefix = l.kind == Kind::kSingle ? "always " : "";
    grid.add({short_name(prefix + l.name), with_interval(p.quality, 3), per_thousand(p.cost),
              l.kind == Kind::kSingle ? "" : with_interval(p.over_mixture, 3, true),
              std::isnan(l.decide_us) ? "" : fmt::format("{:.1f}", l.decide_us)},
             style_of(l, report));
  }
  std::string out = grid.text();
  if (hidden > 0)
    out += fmt::format("  ({} more models below; all of them are in --json and in points.csv)\n",
                       hidden);
  return out;
}

std::string curve_table(const Report& report, bool color) {
  const std::string b = fmt::format("at {} USD / 1000", per_thousand(report.best().points[0].cost));
  Grid grid({"curve", "AIQ", "over mixtures", b, "over best single", "regret", "USD for 95 %",
             "for 100 %"},
            color);
  for (const LineReport& l : report.lines) {
    if (l.kind == Kind::kSingle || l.kind == Kind::kRandom) continue;
    const CurveReport& c = l.curve;
    grid.add({short_name(l.name), number(c.aiq.value, 3),
              l.kind == Kind::kMixture ? "" : with_interval(c.aiq_gain, 3, true),
              number(c.at_best.value, 3), with_interval(c.over_best, 3, true), number(c.regret, 3),
              per_thousand(c.cost_95), per_thousand(c.cost_100)},
             style_of(l, report));
  }
  return grid.text();
}

const PickReport* pick_of(const LineReport& l, Picked::By by) {
  for (const PickReport& p : l.picks) {
    if (p.by == by || p.by == Picked::By::kOnly) return &p;
  }
  return nullptr;
}

// What a person would serve: settings chosen without the test questions.
std::string pick_table(const Report& report, bool color) {
  Grid grid({fmt::format("chosen on {} other questions", report.validation), "quality",
             "over best single", "any-best", "calib.", "at its cost", "same quality for",
             "quality then", "arena"},
            color);
  for (const LineReport& l : report.lines) {
    if (l.kind != Kind::kRouter || l.picks.empty()) continue;
    const PickReport& quality = l.picks[0];
    const PickReport* budget = pick_of(l, Picked::By::kBudget);
    const PickReport* equal = pick_of(l, Picked::By::kEqual);
    const PickReport* arena = pick_of(l, Picked::By::kArena);
    const bool priced = report.priced;
    grid.add({short_name(l.name), number(quality.quality.value, 3),
              with_interval(quality.over_best, 3, true),
              l.choices ? number(l.choices->any_best, 3) : "-",
              l.choices ? number(l.choices->chosen.ece, 3) : "-",
              priced && budget != nullptr ? with_interval(budget->over_best, 3, true) : "-",
              priced && equal != nullptr ? percent(equal->cost_ratio.value) : "-",
              priced && equal != nullptr ? with_interval(equal->over_best, 3, true) : "-",
              priced && arena != nullptr ? number(100 * arena->arena, 1) : "-"},
             style_of(l, report));
  }
  return grid.text();
}

// Whether routers keep their mind: only where it was asked.
std::string noise_table(const Report& report, bool color) {
  Grid grid({"perturbed questions", "asked", "unchanged decisions"}, color);
  bool any = false;
  for (const LineReport& l : report.lines) {
    if (l.noise.asked == 0) continue;
    any = true;
    grid.add({short_name(l.name), fmt::format("{}", l.noise.asked),
              percent(static_cast<double>(l.noise.unchanged) / static_cast<double>(l.noise.asked))},
             style_of(l, report));
  }
  return any ? "\n" + grid.text() : "";
}

// Whether routers know that they do not know.
std::string familiarity_table(const Report& report, bool color) {
  Grid grid({"familiar questions told from these (AUROC) by", "evidence", "certainty", "spread"},
            color);
  bool any = false;
  for (const LineReport& l : report.lines) {
    const Familiarity& f = l.familiarity;
    if (std::isnan(f.evidence) && std::isnan(f.certainty) && std::isnan(f.spread)) continue;
    any = true;
    grid.add(
        {short_name(l.name), number(f.evidence, 3), number(f.certainty, 3), number(f.spread, 3)},
        style_of(l, report));
  }
  return any ? "\n" + grid.text() : "";
}

std::string pair_table(const Report& report, bool color) {
  Grid grid(
      {fmt::format("calls of {}", report.models[report.best_single]), "APGR", "CPT 50", "CPT 80"},
      color);
  grid.add({"random", ".500", "50.0 %", "80.0 %"});
  for (const LineReport& l : report.lines) {
    if (l.kind != Kind::kRouter) continue;
    grid.add({short_name(l.name), with_interval(l.curve.apgr, 3), percent(l.curve.cpt_50),
              percent(l.curve.cpt_80)},
             style_of(l, report));
  }
  return grid.text();
}

}  // namespace

std::string to_table(const Report& r, bool color) {
  std::string out = fmt::format(
      "{} questions ({} to learn from, {} to test on), {} models; best single model on the train "
      "part: {}\n\n",
      r.questions, r.train, r.test, r.models.size(), r.models[r.best_single]);
  out += quality_table(r, color);
  if (r.priced) out += "\n" + curve_table(r, color);
  if (r.pair) out += "\n" + pair_table(r, color);
  if (r.validation > 0) out += "\n" + pick_table(r, color);
  out += noise_table(r, color) + familiarity_table(r, color);
  for (const std::string& w : warnings(r)) out += "\n" + base::styled(w, "yellow", color) + "\n";
  out += fmt::format("\n{} paired bootstrap resamples, {:.1f} s\n", r.resamples, r.seconds);
  return out;
}

Result<std::vector<std::string>> write_files(const Report& report, const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    return fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", directory, error.message()));
  std::vector<std::pair<std::string, std::string>> files{{"points.csv", to_csv(report)},
                                                         {"routers.csv", to_routers_csv(report)},
                                                         {"report.json", to_json(report)}};
  if (report.priced) files.emplace_back("plot.svg", to_svg(report));
  std::vector<std::string> written;
  for (const auto& [name, text] : files) {
    written.push_back((std::filesystem::path(directory) / name).string());
    std::ofstream file(written.back(), std::ios::binary);
    file << text;
    file.close();
    if (!file) return fail(ErrorCode::kIo, fmt::format("cannot write {}", written.back()));
  }
  return written;
}

}  // namespace swy::eval
