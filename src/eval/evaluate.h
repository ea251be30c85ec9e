// evaluate(): routers on outcome tables, each along its cost-quality curve, against the single
// models, random mixtures and the oracle, with paired bootstrap intervals.
//
// When to use: `switchyard eval`, benchmarks, acceptance of learned routers. Threading: one thread;
// no shared state. Ownership: a Report owns everything in it. What the numbers mean, and which
// variant of each metric it is: docs/reference/eval.md.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "eval/choices.h"
#include "eval/line.h"
#include "eval/pool.h"
#include "switchyard/registry.h"

namespace swy::eval {

inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct EvalOptions {
  PoolOptions pool;
  std::vector<std::string>
      routers;              // RouterSpec texts; single models, random and oracle are always there
  std::size_t points = 25;  // settings of a sweep, at least 3
  std::size_t bootstrap = 1000;                             // resamples; 0: no intervals
  std::size_t noise = 0;                                    // test questions to ask again perturbed
  std::vector<std::pair<std::string, double>> price_shift;  // model, factor: see shift_prices()
};

struct PointReport {
  std::string knob;
  Interval quality;
  double cost = kNone;  // USD a question
  Interval over_mixture{kNone, kNone,
                        kNone};  // quality above the mixture of single models at this cost
  std::vector<double> share;     // by model
};

// What a line is worth as a curve. All costs in USD a question; NaN where it does not apply.
struct CurveReport {
  Interval aiq{kNone, kNone, kNone};
  Interval aiq_gain{kNone, kNone, kNone};   // over mixtures of single models
  Interval at_best{kNone, kNone, kNone};    // quality at the best single model's cost
  Interval over_best{kNone, kNone, kNone};  // that, above the best single model
  Interval over_mixture{kNone, kNone,
                        kNone};  // that, above the mixture of single models of the same cost
  double regret = kNone;         // the oracle's quality at that cost, above it
  double cost_95 = kNone;        // for 95 % of the best single model's quality
  double cost_100 = kNone;
  Interval apgr{kNone, kNone, kNone};  // pairs only
  double cpt_50 = kNone;               // share of strong calls
  double cpt_80 = kNone;
};

// A setting chosen without the test questions, on the test questions.
struct PickReport {
  Picked::By by = Picked::By::kOnly;
  std::string knob;
  Interval quality;
  double cost = kNone;                         // USD a question
  Interval over_best{kNone, kNone, kNone};     // above the best single model
  Interval over_mixture{kNone, kNone, kNone};  // above the mixture of single models of its cost
  Interval cost_ratio{kNone, kNone, kNone};    // over the best single model's cost
  Interval regret{kNone, kNone, kNone};        // the oracle's frontier at this cost, above it
  double lift = kNone;                         // AutoMix: IBC lift over the cheapest model
  double arena = kNone;                        // RouterArena
};

// Figures as other benchmarks define them, over the settings of a line (metrics.h).
struct PublishedReport {
  double nauc = kNone;  // MMR-Bench
  double peak = kNone;
  double qnc = kNone;
  double perf_gain = kNone;  // LLMRouterBench
  double cost_save = kNone;
  double pareto_distance = kNone;
  double pareto_ratio = kNone;
  double gain_random = kNone;  // of the pick for quality
  double gain_best = kNone;
  double gap_oracle = kNone;
};

struct LineReport {
  enum class Kind { kSingle, kRandom, kMixture, kOracle, kRouter };
  std::string name;
  Kind kind = Kind::kRouter;
  std::vector<PointReport> points;
  std::vector<std::size_t> frontier;  // points on the curve's hull, cheapest first
  std::size_t best = 0;               // point of highest quality; of equals the cheapest
  CurveReport curve;
  double decide_us = kNone;
  double refused = 0;
  std::vector<PickReport> picks;  // kOnly, or kQuality first; empty: nothing to choose on
  PublishedReport published;
  std::optional<ChoiceReport> choices;  // of picks[0]
  double us_p50 = kNone;                // of a decision
  double us_p90 = kNone;
  double us_p99 = kNone;
  Noise noise;
  Familiarity familiarity;  // where whole data sets, domains or files are tested on
};

// Two lines on the same questions: b's figure minus a's, and the two-sided bootstrap probability of
// a difference as large where there is none.
struct PairedTest {
  std::string a;  // names of lines
  std::string b;
  enum class Of { kAiq, kQuality, kBudget } of = Of::kAiq;  // curve, or a pick
  Interval difference;
  double p = kNone;
};

struct Report {
  std::vector<std::string> models;
  std::size_t questions = 0;
  std::size_t train = 0;
  std::size_t test = 0;
  bool priced = false;
  bool pair = false;            // two models: APGR and CPT apply
  std::size_t best_single = 0;  // model, chosen on the train part
  std::size_t resamples = 0;
  double seconds = 0;
  std::vector<LineReport> lines;  // singles by quality, random, mixture, oracle, routers as asked
  std::vector<PairedTest> tests;  // routers against each other and the best single model
  std::size_t validation = 0;     // questions that settings were chosen on
  std::vector<std::string> notes;

  // The line of the best single model.
  [[nodiscard]] const LineReport& best() const;
};

Result<Report> evaluate(const EvalOptions& options, const route::Registry& registry);
// The same on a pool that is there.
Result<Report> evaluate(const Pool& pool, const EvalOptions& options,
                        const route::Registry& registry);

}  // namespace swy::eval
