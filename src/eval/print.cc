#include "eval/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "base/terminal.h"
#include "eval/plot.h"

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

// ---- aligned columns
// -------------------------------------------------------------------------------------------------

class Grid {
 public:
  Grid(std::vector<std::string> head, bool color) : color_(color) {
    rows_.push_back({std::move(head), "dim"});
  }
  void add(std::vector<std::string> cells, std::string_view style = "") {
    rows_.push_back({std::move(cells), style});
  }

  [[nodiscard]] std::string text() const {
    std::vector<std::size_t> width;
    for (const Row& r : rows_) {
      width.resize(std::max(width.size(), r.cells.size()));
      for (std::size_t c = 0; c < r.cells.size(); ++c)
        width[c] = std::max(width[c], r.cells[c].size());
    }
    std::string out;
    for (const Row& r : rows_) {
      std::string line;
      for (std::size_t c = 0; c < r.cells.size(); ++c) {
        line += c == 0 ? fmt::format("  {:<{}}", r.cells[c], width[c])
                       : fmt::format("  {:>{}}", r.cells[c], width[c]);
      }
      out += base::styled(line, r.style, color_ && !r.style.empty()) + "\n";
    }
    return out;
  }

 private:
  struct Row {
    std::vector<std::string> cells;
    std::string_view style;
  };
  std::vector<Row> rows_;
  bool color_;
};

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
  Grid grid({"best setting", interval, "USD / 1000", "over mixture", "us / decision"}, color);
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

// ---- JSON
// ------------------------------------------------------------------------------------------------------------

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kSingle:
      return "single";
    case Kind::kRandom:
      return "random";
    case Kind::kMixture:
      return "mixture";
    case Kind::kOracle:
      return "oracle";
    case Kind::kRouter:
      return "router";
  }
  return "router";
}

void write_interval(base::JsonWriter& w, std::string_view name, const Interval& i) {
  if (std::isnan(i.value)) return;
  w.key(name)
      .begin_object()
      .field("value", i.value)
      .field("lo", i.lo)
      .field("hi", i.hi)
      .end_object();
}

void write_known(base::JsonWriter& w, std::string_view name, double value) {
  if (!std::isnan(value)) w.field(name, value);
}

void write_curve(base::JsonWriter& w, const CurveReport& c) {
  w.key("curve").begin_object();
  write_interval(w, "aiq", c.aiq);
  write_interval(w, "aiq_over_mixtures", c.aiq_gain);
  write_interval(w, "quality_at_best_single_cost", c.at_best);
  write_interval(w, "over_best_single", c.over_best);
  write_interval(w, "over_mixture", c.over_mixture);
  write_known(w, "regret_to_oracle", c.regret);
  write_known(w, "cost_95_usd", c.cost_95);
  write_known(w, "cost_100_usd", c.cost_100);
  write_interval(w, "apgr", c.apgr);
  write_known(w, "cpt_50", c.cpt_50);
  write_known(w, "cpt_80", c.cpt_80);
  w.end_object();
}

void write_line(base::JsonWriter& w, const LineReport& l) {
  w.begin_object().field("name", l.name).field("kind", kind_name(l.kind));
  write_known(w, "decide_us", l.decide_us);
  if (l.refused > 0) w.field("refused", l.refused);
  w.field("best_point", std::uint64_t{l.best}).key("points").begin_array();
  for (std::size_t i = 0; i < l.points.size(); ++i) {
    const PointReport& p = l.points[i];
    w.begin_object().field("knob", p.knob);
    write_interval(w, "quality", p.quality);
    write_known(w, "cost_usd", p.cost);
    write_interval(w, "over_mixture", p.over_mixture);
    w.field("frontier", std::find(l.frontier.begin(), l.frontier.end(), i) != l.frontier.end());
    w.key("share").begin_array();
    for (const double s : p.share) w.number(s);
    w.end_array().end_object();
  }
  w.end_array();
  write_curve(w, l.curve);
  w.end_object();
}

// ---- CSV
// -------------------------------------------------------------------------------------------------------------

std::string csv_text(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string csv_number(double v) { return std::isnan(v) ? "" : fmt::format("{:.9g}", v); }

}  // namespace

std::string to_table(const Report& r, bool color) {
  std::string out = fmt::format(
      "{} questions ({} to learn from, {} to test on), {} models; best single model on the train "
      "part: {}\n\n",
      r.questions, r.train, r.test, r.models.size(), r.models[r.best_single]);
  out += quality_table(r, color);
  if (r.priced) out += "\n" + curve_table(r, color);
  if (r.pair) out += "\n" + pair_table(r, color);
  out += fmt::format("\n{} paired bootstrap resamples, {:.1f} s\n", r.resamples, r.seconds);
  return out;
}

std::string to_json(const Report& r) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("questions", std::uint64_t{r.questions})
      .field("train", std::uint64_t{r.train})
      .field("test", std::uint64_t{r.test});
  w.key("models").begin_array();
  for (const std::string& m : r.models) w.string(m);
  w.end_array()
      .field("best_single", r.models[r.best_single])
      .field("priced", r.priced)
      .field("resamples", std::uint64_t{r.resamples});
  w.key("lines").begin_array();
  for (const LineReport& l : r.lines) write_line(w, l);
  w.end_array().key("notes").begin_array();
  for (const std::string& n : r.notes) w.string(n);
  w.end_array().field("seconds", r.seconds).end_object();
  return out + "\n";
}

std::string to_csv(const Report& r) {
  std::string out =
      "router,kind,knob,quality,quality_lo,quality_hi,cost_usd,over_mixture,over_mixture_lo,over_"
      "mixture_hi,frontier";
  for (const std::string& m : r.models) out += "," + csv_text("share:" + m);
  out += "\n";
  for (const LineReport& l : r.lines) {
    for (std::size_t i = 0; i < l.points.size(); ++i) {
      const PointReport& p = l.points[i];
      const bool on = std::find(l.frontier.begin(), l.frontier.end(), i) != l.frontier.end();
      out += fmt::format("{},{},{},{},{},{},{},{},{},{},{}", csv_text(l.name), kind_name(l.kind),
                         csv_text(p.knob), csv_number(p.quality.value), csv_number(p.quality.lo),
                         csv_number(p.quality.hi), csv_number(p.cost),
                         csv_number(p.over_mixture.value), csv_number(p.over_mixture.lo),
                         csv_number(p.over_mixture.hi), on ? 1 : 0);
      for (const double s : p.share) out += "," + csv_number(s);
      out += "\n";
    }
  }
  return out;
}

Result<std::vector<std::string>> write_files(const Report& report, const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    return fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", directory, error.message()));
  std::vector<std::pair<std::string, std::string>> files{{"points.csv", to_csv(report)},
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
