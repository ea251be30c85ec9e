// A Report for programs. Every number of the report is in the JSON; what is unknown is left out.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "eval/print.h"
#include "eval/summary.h"

namespace swy::eval {
namespace {

using Kind = LineReport::Kind;

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

void write_picks(base::JsonWriter& w, const LineReport& l) {
  w.key("picks").begin_array();
  for (const PickReport& p : l.picks) {
    w.begin_object().field("by", name_of(p.by)).field("knob", p.knob);
    write_interval(w, "quality", p.quality);
    write_known(w, "cost_usd", p.cost);
    write_interval(w, "over_best_single", p.over_best);
    write_interval(w, "over_mixture", p.over_mixture);
    write_interval(w, "cost_over_best_single", p.cost_ratio);
    write_interval(w, "regret_to_oracle", p.regret);
    write_known(w, "ibc_lift", p.lift);
    write_known(w, "arena_score", p.arena);
    w.end_object();
  }
  w.end_array();
}

void write_published(base::JsonWriter& w, const PublishedReport& p) {
  w.key("published").begin_object();
  write_known(w, "nauc", p.nauc);
  write_known(w, "peak_quality", p.peak);
  if (!std::isinf(p.qnc)) write_known(w, "qnc", p.qnc);
  write_known(w, "perf_gain", p.perf_gain);
  write_known(w, "cost_save", p.cost_save);
  write_known(w, "pareto_distance", p.pareto_distance);
  write_known(w, "pareto_ratio", p.pareto_ratio);
  write_known(w, "gain_random", p.gain_random);
  write_known(w, "gain_best_single", p.gain_best);
  write_known(w, "gap_oracle", p.gap_oracle);
  w.end_object();
}

void write_calibration(base::JsonWriter& w, std::string_view name, const Calibration& c) {
  if (c.count == 0) return;
  w.key(name)
      .begin_object()
      .field("ece", c.ece)
      .field("brier", c.brier)
      .field("count", std::uint64_t{c.count});
  w.key("bins").begin_array();
  for (const CalibrationBin& b : c.bins) {
    w.begin_object()
        .field("believed", b.believed)
        .field("observed", b.observed)
        .field("count", std::uint64_t{b.count})
        .end_object();
  }
  w.end_array().end_object();
}

void write_choices(base::JsonWriter& w, const ChoiceReport& c, const Report& report) {
  w.key("choices").begin_object();
  w.field("exact_oracle", c.exact_oracle).field("any_best", c.any_best);
  write_known(w, "opt_sel", c.opt_sel);
  write_known(w, "opt_cost", c.opt_cost);
  write_known(w, "opt_acc", c.opt_acc);
  w.field("entropy_bits", c.entropy)
      .field("favourite", report.models[c.favourite])
      .field("favourite_share", c.favourite_share)
      .field("collapsed_domains", std::uint64_t{c.collapsed_domains});
  w.key("recall").begin_array();
  for (const Recall& r : c.recall) {
    w.begin_object()
        .field("solvers_from", std::uint64_t{r.from})
        .field("solvers_to", std::uint64_t{r.to})
        .field("questions", std::uint64_t{r.questions});
    write_known(w, "found", r.found);
    write_known(w, "chance", r.chance);
    w.end_object();
  }
  w.end_array();
  write_calibration(w, "calibration_chosen", c.chosen);
  write_calibration(w, "calibration_all", c.all);
  w.key("domains").begin_array();
  for (const DomainReport& d : c.domains) {
    w.begin_object()
        .field("name", d.name)
        .field("questions", std::uint64_t{d.questions})
        .field("quality", d.quality);
    write_known(w, "cost_usd", d.cost);
    w.end_object();
  }
  w.end_array().key("confusion").begin_array();
  for (const double v : c.confusion) w.number(v);
  w.end_array().end_object();
}

void write_robustness(base::JsonWriter& w, const LineReport& l) {
  write_known(w, "us_p50", l.us_p50);
  write_known(w, "us_p90", l.us_p90);
  write_known(w, "us_p99", l.us_p99);
  if (l.noise.asked > 0) {
    w.field("perturbed", std::uint64_t{l.noise.asked})
        .field("unchanged", std::uint64_t{l.noise.unchanged});
  }
  const Familiarity& f = l.familiarity;
  if (std::isnan(f.evidence) && std::isnan(f.certainty) && std::isnan(f.spread)) return;
  w.key("familiar_auroc").begin_object();
  write_known(w, "evidence", f.evidence);
  write_known(w, "certainty", f.certainty);
  write_known(w, "spread", f.spread);
  w.end_object();
}

void write_line(base::JsonWriter& w, const LineReport& l, const Report& report) {
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
  write_picks(w, l);
  write_published(w, l.published);
  write_robustness(w, l);
  // Of a single model all of this follows from its name.
  if (l.choices && l.kind != Kind::kSingle) write_choices(w, *l.choices, report);
  w.end_object();
}

void write_tests(base::JsonWriter& w, const Report& r) {
  w.key("tests").begin_array();
  for (const PairedTest& t : r.tests) {
    w.begin_object().field("of", name_of(t.of)).field("a", t.a).field("b", t.b);
    write_interval(w, "difference", t.difference);
    write_known(w, "p", t.p);
    w.end_object();
  }
  w.end_array();
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

std::string csv_number(double v) {
  return std::isnan(v) || std::isinf(v) ? "" : fmt::format("{:.9g}", v);
}

// A router's figures beyond its curve, by name.
std::vector<std::pair<std::string, double>> figures_of(const LineReport& l) {
  std::vector<std::pair<std::string, double>> out;
  const CurveReport& c = l.curve;
  const PublishedReport& p = l.published;
  for (const auto& [name, i] : {std::pair{"aiq", &c.aiq},
                                {"aiq_over_mixtures", &c.aiq_gain},
                                {"over_best_single", &c.over_best},
                                {"apgr", &c.apgr}}) {
    out.emplace_back(name, i->value);
    out.emplace_back(std::string(name) + "_lo", i->lo);
    out.emplace_back(std::string(name) + "_hi", i->hi);
  }
  out.insert(out.end(), {{"cpt_50", c.cpt_50},
                         {"cpt_80", c.cpt_80},
                         {"regret", c.regret},
                         {"nauc", p.nauc},
                         {"peak_quality", p.peak},
                         {"qnc", p.qnc},
                         {"perf_gain", p.perf_gain},
                         {"cost_save", p.cost_save},
                         {"pareto_distance", p.pareto_distance},
                         {"pareto_ratio", p.pareto_ratio},
                         {"gain_random", p.gain_random},
                         {"gain_best_single", p.gain_best},
                         {"gap_oracle", p.gap_oracle},
                         {"us_p50", l.us_p50},
                         {"us_p90", l.us_p90},
                         {"us_p99", l.us_p99}});
  ChoiceReport none;
  for (double* rate : {&none.exact_oracle, &none.any_best, &none.opt_sel, &none.opt_cost,
                       &none.opt_acc, &none.entropy})
    *rate = kNone;
  const ChoiceReport& o = l.choices ? *l.choices : none;
  out.insert(out.end(), {{"exact_oracle", o.exact_oracle},
                         {"any_best", o.any_best},
                         {"opt_sel", o.opt_sel},
                         {"opt_cost", o.opt_cost},
                         {"opt_acc", o.opt_acc},
                         {"entropy_bits", o.entropy},
                         {"ece_chosen", o.chosen.ece},
                         {"ece_all", o.all.ece},
                         {"familiar_evidence", l.familiarity.evidence},
                         {"familiar_certainty", l.familiarity.certainty},
                         {"familiar_spread", l.familiarity.spread}});
  return out;
}

}  // namespace

std::string to_json(const Report& r) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("questions", std::uint64_t{r.questions})
      .field("train", std::uint64_t{r.train})
      .field("test", std::uint64_t{r.test})
      .field("validation", std::uint64_t{r.validation});
  w.key("models").begin_array();
  for (const std::string& m : r.models) w.string(m);
  w.end_array()
      .field("best_single", r.models[r.best_single])
      .field("priced", r.priced)
      .field("resamples", std::uint64_t{r.resamples});
  w.key("lines").begin_array();
  for (const LineReport& l : r.lines) write_line(w, l, r);
  w.end_array();
  write_tests(w, r);
  w.key("warnings").begin_array();
  for (const std::string& text : warnings(r)) w.string(text);
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

std::string to_routers_csv(const Report& r) {
  std::string out;
  for (const LineReport& l : r.lines) {
    const auto figures = figures_of(l);
    if (out.empty()) {
      out = "router,kind";
      for (const auto& [name, value] : figures) out += "," + name;
      out += "\n";
    }
    out += csv_text(l.name) + "," + std::string(kind_name(l.kind));
    for (const auto& [name, value] : figures) out += "," + csv_number(value);
    out += "\n";
  }
  return out;
}

}  // namespace swy::eval
