// The test part as one batch: least cost for a mean quality, with loads per model (OmniRouter's
// problem), by what an estimator believes; reckoned with what is recorded.
//
// When to use: `switchyard eval batch`. Threading: one thread; no shared state. Ownership: a report
// owns everything in it. What the numbers mean: docs/reference/eval.md.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "eval/batch_planners.h"
#include "eval/pool.h"
#include "switchyard/registry.h"

namespace swy::eval {

struct BatchOptions {
  PoolOptions pool;
  std::string estimator = "clusters";  // ESTIMATOR[:OPTIONS]
  std::vector<double> floors;  // believed mean quality; empty: four steps from cheapest to best
  std::vector<std::pair<std::string, double>> loads;  // model: largest share of the batch
  Planner planner = Planner::kExact;  // others plan at the price that the exact plan found
};

struct BatchRow {
  double floor = 0;
  bool reached = true;
  double believed_quality = 0;
  double believed_cost = 0;  // USD a question, as all costs
  double quality = 0;        // recorded
  double cost = 0;
  double price = 0;  // quality per USD at which the plan was made
  // The same price without loads, question by question: what serving would do with `utility`.
  double alone_quality = 0;
  double alone_cost = 0;
  std::vector<double> share;  // by model
  double worth_lost = 0;      // believed quality - price * cost, a question, below the exact plan's
};

struct BatchReport {
  std::vector<std::string> models;
  std::size_t questions = 0;
  Planner planner = Planner::kExact;
  std::vector<BatchRow> rows;
  std::vector<std::string> notes;
};

// Errors as of parse_router() and load_pool(); kInvalidArgument without costs, for loads that do
// not suffice for the batch, and kNotFound for models that are not there.
Result<BatchReport> evaluate_batch(const BatchOptions& options, const route::Registry& registry);
Result<BatchReport> evaluate_batch(const Pool& pool, const BatchOptions& options,
                                   const route::Registry& registry);
std::string to_table(const BatchReport& report, bool color);

}  // namespace swy::eval
