// Learning online: a router decides question after question, sees the outcome of its own choice
// only, and learns from it as a serving gateway would.
//
// When to use: `switchyard eval online`; comparing bandits. Threading: one thread; no shared state.
// Ownership: a report owns everything in it. What the numbers mean: docs/reference/eval.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "eval/pool.h"
#include "switchyard/registry.h"

namespace swy::eval {

struct OnlineOptions {
  PoolOptions pool;
  std::vector<std::string> routers;  // ESTIMATOR[:OPTIONS]+POLICY[:OPTIONS]
  std::size_t runs = 20;             // orders of the questions
  std::size_t rounds = 0;            // questions a run; 0: all
  std::size_t every = 10;            // outcomes from one published plan to the next
  // Estimators with an option `table` learn from the train part first, and only the test part is
  // asked online. False: nothing is known at the start and every question is asked.
  bool warm = false;
};

inline constexpr std::size_t kTenths = 10;
inline constexpr std::size_t kSteps = 200;  // at most, of what is drawn over time

struct OnlineLine {
  std::string name;
  bool learns = false;        // an estimator learned from single outcomes
  Interval quality;           // mean over runs, 95 % interval over runs
  Interval cost;              // USD a question; NaN when not priced
  Interval regret;            // quality of the best single model, in hindsight, above it
  Interval oracle_regret;     // quality of the best model of each question, above it
  std::vector<double> curve;  // mean quality by tenth of the run
  std::vector<double> share;  // by model, in the last tenth
  // After each of at most kSteps equal parts of a run, means over the runs: the price of money of a
  // policy that keeps an account (quality per USD; empty: it keeps none) and the USD a question so
  // far.
  std::vector<double> price;
  std::vector<double> spent;
};

struct OnlineReport {
  std::vector<std::string> models;
  std::size_t questions = 0;  // that are there to be asked
  std::size_t rounds = 0;
  std::size_t runs = 0;
  std::size_t every = 0;
  bool priced = false;
  std::size_t best_single = 0;  // in hindsight
  double best_quality = 0;
  double oracle_quality = 0;
  std::vector<OnlineLine> lines;  // random first
  std::vector<std::string> notes;
};

// Errors as of parse_router() and load_pool(); kInvalidArgument for routers that are no plug-ins.
Result<OnlineReport> evaluate_online(const OnlineOptions& options, const route::Registry& registry);
Result<OnlineReport> evaluate_online(const Pool& pool, const OnlineOptions& options,
                                     const route::Registry& registry);

std::string to_table(const OnlineReport& report, bool color);
std::string to_json(const OnlineReport& report);
// Price of money, spending and quality over time.
std::string to_svg(const OnlineReport& report);

}  // namespace swy::eval
