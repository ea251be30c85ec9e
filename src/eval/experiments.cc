// Offline experiments. An arm's value: the mean over the questions of the metric under the
// probabilities that its rule set states (exact, no draw), with the paired bootstrap. A run: up to
// `requests` questions drawn from the table with replacement, each dealt to an arm by the gateway's
// assign(), a model drawn by that arm's probabilities, and its recorded outcome given to the
// gateway's own Experiment, until that has decided. Right because the test sees what it would see
// of such traffic: independent questions, one outcome a request, looked at after each. Every
// request is a unit of its own: with sessions there are as many observations as sessions. Cost: one
// decision a question and arm, then runs * requests draws. Loses where traffic is unlike the table,
// outcomes are not judged on every request (multiply the requests), or arms learn meanwhile.
// Test: experiments_test.cc (exact values; the figures of docs/reference/experiments.md).
#include "eval/experiments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "base/hash.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/terminal.h"
#include "eval/grid.h"
#include "eval/line.h"
#include "eval/spec.h"
#include "route/experiments_config.h"

namespace swy::eval {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kTrafficStage = 17;  // of the random numbers: any of its own
constexpr std::uint64_t kBootstrapSeed = 20240521;
constexpr std::size_t kResamples = 1000;

// What an arm does with the questions: by question, what may be observed and how likely.
struct ArmOutcomes {
  struct Cell {
    double probability = 0;
    double value = kUnknown;  // NaN: it says nothing
    std::uint32_t model = 0;
  };
  std::vector<std::vector<Cell>> of;  // by question
  std::vector<float> mean;            // by question, of what says something; NaN: nothing does
};

double value_of(const Pool& pool, std::size_t row, std::size_t model,
                route::ExperimentMetric metric) {
  const record::Cell& cell = pool.table.cell(row, model);
  switch (metric) {
    case route::ExperimentMetric::kQuality:
      return pool.qualities(row)[model];
    case route::ExperimentMetric::kSuccess:
      return cell.missing ? 0 : 1;
    case route::ExperimentMetric::kCost:
      return pool.costs(row)[model];
    case route::ExperimentMetric::kLatency:
      break;
  }
  return 1e3 * static_cast<double>(cell.latency_s);
}

// Of a rule set whose choice is not of one model (several calls), the question's own figures.
void add_whole(const Line& line, std::size_t t, route::ExperimentMetric metric, ArmOutcomes& out) {
  const Setting& s = line.settings[0];
  const double v =
      static_cast<double>(metric == route::ExperimentMetric::kCost ? s.cost[t] : s.quality[t]);
  out.of[t].push_back({1, v, 0});
}

void add_choices(const Pool& pool, const Line& line, std::size_t t, route::ExperimentMetric metric,
                 ArmOutcomes& out) {
  const auto& probability = line.picked[0].decided.probability;
  for (std::size_t m = 0; m < pool.models(); ++m) {
    const auto p = static_cast<double>(probability[t * pool.models() + m]);
    if (p <= 0) continue;
    out.of[t].push_back(
        {p, value_of(pool, pool.test[t], m, metric), static_cast<std::uint32_t>(m)});
  }
  // Refused: a failure to the client, and nothing to score, pay or time.
  if (out.of[t].empty())
    out.of[t].push_back({1, metric == route::ExperimentMetric::kSuccess ? 0 : kUnknown, 0});
}

Result<ArmOutcomes> outcomes_of(const Pool& pool, const std::string& file, const std::string& rules,
                                route::ExperimentMetric metric, const route::Registry& registry) {
  SWY_TRY(const RouterSpec spec, parse_router(file + ":" + rules, registry));
  SWY_TRY(const Line line, routed_line(pool, spec, registry, 2));
  ArmOutcomes out;
  out.of.resize(pool.test.size());
  const bool whole = line.picked.empty() || line.picked[0].decided.probability.empty();
  if (whole && metric != route::ExperimentMetric::kQuality &&
      metric != route::ExperimentMetric::kCost) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("rule set '{}' makes several calls, of which only quality and cost "
                            "are known, not {}",
                            rules, to_string(metric)));
  }
  std::size_t known = 0;
  for (std::size_t t = 0; t < pool.test.size(); ++t) {
    whole ? add_whole(line, t, metric, out) : add_choices(pool, line, t, metric, out);
    double sum = 0;
    double weight = 0;
    for (const ArmOutcomes::Cell& c : out.of[t]) {
      if (std::isnan(c.value)) continue;
      sum += c.probability * c.value;
      weight += c.probability;
    }
    out.mean.push_back(static_cast<float>(weight > 0 ? sum / weight : kUnknown));
    known += weight > 0 ? 1 : 0;
  }
  if (known == 0) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("the data has no {} of what rule set '{}' chooses", to_string(metric), rules));
  }
  return out;
}

// Mean over the questions on which it is known of both, and the same of resampled questions.
Interval mean_of(std::span<const float> values) {
  std::vector<float> known;
  std::copy_if(values.begin(), values.end(), std::back_inserter(known),
               [](float v) { return !std::isnan(v); });
  if (known.empty()) return {kUnknown, kUnknown, kUnknown};
  const std::vector<std::span<const float>> columns{known};
  const Resamples r = resample(columns, kResamples, kBootstrapSeed);
  double sum = 0;
  for (const float v : known) sum += static_cast<double>(v);
  return percentile_interval(sum / static_cast<double>(known.size()), r.means);
}

double same_choice(const ArmOutcomes& a, const ArmOutcomes& b) {
  double same = 0;
  for (std::size_t t = 0; t < a.of.size(); ++t) {
    for (const auto& x : a.of[t]) {
      for (const auto& y : b.of[t]) same += x.model == y.model ? x.probability * y.probability : 0;
    }
  }
  return same / static_cast<double>(a.of.size());
}

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {kUnknown, kUnknown, kUnknown, kUnknown};
  std::sort(values.begin(), values.end());
  const auto at = [&](double q) {
    return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
  };
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {sum / static_cast<double>(values.size()), at(0.1), at(0.5), at(0.9)};
}

double drawn(const std::vector<ArmOutcomes::Cell>& cells, double u) {
  for (const ArmOutcomes::Cell& c : cells) {
    if (u < c.probability) return c.value;
    u -= c.probability;
  }
  return cells.back().value;
}

// Runs of one experiment.
class Runs {
 public:
  Runs(const std::vector<ArmOutcomes>& arms, TrialReport& report, std::uint64_t seed)
      : arms_(arms), report_(report), seed_(seed), until_(arms.size()) {}

  void all() {
    for (std::size_t r = 0; r < report_.runs; ++r) one(r);
    report_.until = spread_of(std::move(ends_));
    for (std::size_t i = 0; i < arms_.size(); ++i)
      report_.arms[i].until = spread_of(std::move(until_[i]));
    const auto n = static_cast<double>(report_.runs);
    report_.loss /= n;
    report_.loss_each = served_ > 0 ? report_.loss * n / served_ : kUnknown;
  }

 private:
  void one(std::size_t run) {
    route::Experiment e(report_.spec);
    const std::vector<route::ArmState> none(arms_.size(), route::ArmState::kRunning);
    std::vector<route::ArmState> told = none;
    base::Rng rng(seed_, run, kTrafficStage);
    const double sign = less_is_better() ? -1 : 1;
    const std::size_t questions = arms_[0].of.size();
    std::size_t n = 0;
    while (n < report_.requests && e.running()) {
      const std::size_t t = rng.below(questions);
      const std::uint64_t unit = base::hash64(std::to_string(n), run + 1);
      const std::size_t arm = route::assign(report_.spec, e.shares(), unit);
      const double value = drawn(arms_[arm].of[t], rng.uniform());
      const auto lost = sign * static_cast<double>(arms_[0].mean[t] - arms_[arm].mean[t]);
      if (!std::isnan(lost)) report_.loss += lost;
      ++n;
      if (e.observe(arm, unit, value)) note(e, told);
    }
    served_ += static_cast<double>(n);
    ++report_.states[std::string(e.state())];
    if (e.running()) return;
    ends_.push_back(static_cast<double>(n));
    report_.one_pass += n <= questions ? 1 : 0;
  }

  void note(const route::Experiment& e, std::vector<route::ArmState>& told) {
    for (std::size_t i = 0; i < told.size(); ++i) {
      const route::Experiment::Arm& arm = e.arms()[i];
      if (arm.state == told[i]) continue;
      told[i] = arm.state;
      ++(arm.state == route::ArmState::kOut ? report_.arms[i].out : report_.arms[i].won);
      until_[i].push_back(static_cast<double>(arm.evidence.n()));
    }
  }

  [[nodiscard]] bool less_is_better() const {
    return report_.spec.metric == route::ExperimentMetric::kCost ||
           report_.spec.metric == route::ExperimentMetric::kLatency;
  }

  const std::vector<ArmOutcomes>& arms_;
  TrialReport& report_;
  std::uint64_t seed_;
  std::vector<std::vector<double>> until_;
  std::vector<double> ends_;
  double served_ = 0;
};

Result<TrialReport> evaluate_one(const Pool& pool, const TrialOptions& options,
                                 const route::ExperimentSpec& spec,
                                 const route::Registry& registry) {
  if (spec.metric == route::ExperimentMetric::kCost && !pool.priced)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("experiment '{}' is about cost, and the data has none", spec.name));
  TrialReport report;
  report.spec = spec;
  report.questions = pool.test.size();
  report.runs = options.runs;
  report.requests = options.requests;
  std::vector<ArmOutcomes> arms;
  base::Progress progress(spec.name, spec.arms.size());
  for (const route::ExperimentArm& arm : spec.arms) {
    SWY_TRY(auto outcomes, outcomes_of(pool, options.config, arm.rules, spec.metric, registry));
    arms.push_back(std::move(outcomes));
    TrialArm a;
    a.name = arm.name;
    a.rules = arm.rules;
    a.share = arm.share;
    a.value = mean_of(arms.back().mean);
    std::vector<float> less;
    for (std::size_t t = 0; t < arms.back().mean.size(); ++t)
      less.push_back(arms.back().mean[t] - arms[0].mean[t]);
    a.difference = arms.size() > 1 ? mean_of(less) : Interval{kUnknown, kUnknown, kUnknown};
    a.compared = same_choice(arms[0], arms.back());
    report.arms.push_back(std::move(a));
    progress.advance();
  }
  if (spec.kind == route::ExperimentKind::kShadow) {
    report.runs = 0;  // nothing is decided
    report.states["shadowing"] = 0;
    report.until = spread_of({});
    return report;
  }
  Runs(arms, report, options.pool.seed).all();
  return report;
}

}  // namespace

Result<std::vector<TrialReport>> evaluate_trials(const Pool& given, const TrialOptions& options,
                                                 const route::Registry& registry) {
  SWY_TRY(const std::string text, base::read_file(options.config));
  base::Diagnostics diag(options.config);
  const auto doc = base::parse_yaml(text, diag);
  const std::string parent = std::filesystem::path(options.config).parent_path().string();
  const auto plan =
      doc ? route::compile(*doc, parent.empty() ? "." : parent, registry, diag) : nullptr;
  const base::Doc* node = plan != nullptr ? doc->find("experiments") : nullptr;
  std::vector<route::ExperimentSpec> specs;
  if (node != nullptr) specs = route::read_experiments(*node, *doc, *plan, true, diag);
  if (plan == nullptr || !diag.ok()) return fail(ErrorCode::kInvalidArgument, diag.to_text());
  std::vector<std::string> names;
  for (const auto& s : specs) names.push_back(s.name);
  if (specs.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} declares no experiments", options.config));
  }
  if (!options.experiment.empty() &&
      std::find(names.begin(), names.end(), options.experiment) == names.end()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} has no experiment '{}'{}", options.config, options.experiment,
                            base::did_you_mean(options.experiment, names)));
  }
  Pool pool = given;  // every question is asked: rule sets learn from the tables that they name
  pool.test.insert(pool.test.end(), pool.train.begin(), pool.train.end());
  std::sort(pool.test.begin(), pool.test.end());
  pool.train = pool.test;
  pool.validation.clear();
  std::vector<TrialReport> out;
  for (const route::ExperimentSpec& spec : specs) {
    if (!options.experiment.empty() && spec.name != options.experiment) continue;
    SWY_TRY(auto report, evaluate_one(pool, options, spec, registry));
    out.push_back(std::move(report));
  }
  return out;
}

Result<std::vector<TrialReport>> evaluate_trials(const TrialOptions& options,
                                                 const route::Registry& registry) {
  SWY_TRY(const Pool pool, load_pool(options.pool));
  return evaluate_trials(pool, options, registry);
}

// ---- for people and programs
// -------------------------------------------------------------------------------------

namespace {

std::string with_interval(const Interval& i) {
  if (std::isnan(i.value)) return "-";
  if (std::isnan(i.lo)) return fmt::format("{:.4g}", i.value);
  return fmt::format("{:.4g} [{:.4g}, {:.4g}]", i.value, i.lo, i.hi);
}

std::string with_quantiles(const Spread& s) {
  if (std::isnan(s.mean)) return "-";
  return fmt::format("{:.0f} ({:.0f} to {:.0f})", s.median, s.p10, s.p90);
}

void write_interval(base::JsonWriter& w, std::string_view name, const Interval& i) {
  if (std::isnan(i.value)) return;
  w.key(name).begin_array().number(i.value).number(i.lo).number(i.hi).end_array();
}

void write_spread(base::JsonWriter& w, std::string_view name, const Spread& s) {
  if (std::isnan(s.mean)) return;
  w.key(name).begin_object().field("mean", s.mean).field("p10", s.p10);
  w.field("median", s.median).field("p90", s.p90).end_object();
}

std::string states_of(const TrialReport& r) {
  std::string out;
  for (const auto& [state, n] : r.states) {
    out += fmt::format("{}{} in {:.1f} %", out.empty() ? "" : ", ", state,
                       100.0 * static_cast<double>(n) / static_cast<double>(r.runs));
  }
  return out;
}

}  // namespace

std::string to_table(const TrialReport& r, bool color) {
  const bool shadow = r.spec.kind == route::ExperimentKind::kShadow;
  std::string out =
      fmt::format("\n  experiment '{}': {} on rule set '{}', {} of {} questions\n\n", r.spec.name,
                  to_string(r.spec.kind), r.spec.rules, to_string(r.spec.metric), r.questions);
  std::vector<std::string> head{"arm", "rules", "share", std::string(to_string(r.spec.metric)),
                                "from the control"};
  if (shadow) {
    head.emplace_back("same choice");
  } else {
    head.insert(head.end(), {"out", "won", "its observations by then"});
  }
  Grid grid(std::move(head), color);
  for (const TrialArm& a : r.arms) {
    std::vector<std::string> cells{a.name, a.rules, fmt::format("{:g}", a.share),
                                   with_interval(a.value), with_interval(a.difference)};
    const auto share = [&](std::size_t n) {
      return fmt::format("{:.1f} %", 100.0 * static_cast<double>(n) / static_cast<double>(r.runs));
    };
    if (shadow) {
      cells.push_back(fmt::format("{:.1f} %", 100 * a.compared));
    } else {
      cells.insert(cells.end(), {share(a.out), share(a.won), with_quantiles(a.until)});
    }
    grid.add(std::move(cells));
  }
  out += grid.text();
  if (shadow) return out + "\n  a shadow decides nothing\n";
  out += fmt::format("\n  after at most {} requests, in {} runs: {}\n", r.requests, r.runs,
                     states_of(r));
  out += fmt::format("  requests until the end: {}; over by one pass of the data: {:.1f} %\n",
                     with_quantiles(r.until),
                     100.0 * static_cast<double>(r.one_pass) / static_cast<double>(r.runs));
  out += fmt::format("  what finding out costs: {:.4g} {} in all, {:.4g} a request\n", r.loss,
                     to_string(r.spec.metric), r.loss_each);
  return out;
}

std::string to_json(const std::vector<TrialReport>& reports) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().key("experiments").begin_array();
  for (const TrialReport& r : reports) {
    w.begin_object().field("name", r.spec.name).field("rules", r.spec.rules);
    w.field("kind", to_string(r.spec.kind)).field("metric", to_string(r.spec.metric));
    w.field("alpha", r.spec.alpha).field("margin", r.spec.margin);
    w.field("questions", std::uint64_t{r.questions}).field("runs", std::uint64_t{r.runs});
    w.field("requests", std::uint64_t{r.requests}).key("arms").begin_array();
    for (const TrialArm& a : r.arms) {
      w.begin_object().field("name", a.name).field("rules", a.rules).field("share", a.share);
      write_interval(w, "value", a.value);
      write_interval(w, "difference", a.difference);
      w.field("same_choice", a.compared);
      w.field("out", std::uint64_t{a.out}).field("won", std::uint64_t{a.won});
      write_spread(w, "until", a.until);
      w.end_object();
    }
    w.end_array().key("states").begin_object();
    for (const auto& [state, n] : r.states) w.field(state, std::uint64_t{n});
    w.end_object();
    write_spread(w, "until", r.until);
    w.field("one_pass", std::uint64_t{r.one_pass}).field("loss", r.loss);
    w.field("loss_each", r.loss_each).end_object();
  }
  w.end_array().end_object();
  return out;
}

}  // namespace swy::eval
