// Experiments of a configuration, on recorded outcomes: what each arm is worth, and what the
// gateway's sequential test would do with it: which arm goes out or wins, after how many requests,
// and what finding out costs.
//
// When to use: `switchyard eval experiments`, before an experiment is declared on live traffic.
// Threading: one thread. Ownership: a report owns everything in it. What the numbers mean:
// docs/reference/eval.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "eval/pool.h"
#include "route/experiment.h"
#include "switchyard/registry.h"

namespace swy::eval {

struct TrialOptions {
  PoolOptions pool;
  std::string config;             // a configuration file with `experiments`
  std::string experiment;         // "": all of them
  std::size_t runs = 200;         // of simulated traffic
  std::size_t requests = 20'000;  // of a run at most
};

// Over runs: mean and three quantiles; NaN without any.
struct Spread {
  double mean = 0, p10 = 0, median = 0, p90 = 0;
};

struct TrialArm {
  std::string name;
  std::string rules;
  double share = 0;
  Interval value;       // of the metric, over the questions
  Interval difference;  // from the control's, paired; NaN for the control
  double compared = 0;  // shadow: share of the questions on which it chooses what the control does
  std::size_t out = 0;  // runs in which it was put out
  std::size_t won = 0;
  Spread until;  // observations of this arm when it was decided about
};

struct TrialReport {
  route::ExperimentSpec spec;
  std::size_t questions = 0;
  std::size_t runs = 0;
  std::size_t requests = 0;
  std::vector<TrialArm> arms;                 // the control first
  std::map<std::string, std::size_t> states;  // at the end of the runs: "rolled back", ...
  std::size_t one_pass = 0;  // runs that had ended after as many requests as there are questions
  Spread until;              // requests until the experiment ended, of the runs in which it did
  // What the requests up to the end were worth less than the control's would have been, by request
  // and in all, in the metric's unit (more when cost or latency): mean over runs.
  double loss_each = 0;
  double loss = 0;
};

// Errors as of load_pool() and parse_router(); kInvalidArgument for a configuration with errors or
// without experiments, and for a metric that the outcomes do not have; kNotFound for the name.
Result<std::vector<TrialReport>> evaluate_trials(const TrialOptions& options,
                                                 const route::Registry& registry);
Result<std::vector<TrialReport>> evaluate_trials(const Pool& pool, const TrialOptions& options,
                                                 const route::Registry& registry);

std::string to_table(const TrialReport& report, bool color);
std::string to_json(const std::vector<TrialReport>& reports);

}  // namespace swy::eval
