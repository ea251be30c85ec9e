// A model that is new: how much of what it is worth to a router is there after n probe outcomes.
//
// When to use: `switchyard eval --leave-model-out`, acceptance of estimators. Threading: one
// thread. Ownership: the report owns its numbers. What the numbers mean: docs/reference/eval.md.
#pragma once

#include <string>
#include <vector>

#include "eval/evaluate.h"

namespace swy::eval {

struct OnboardOptions {
  std::vector<std::string> models;  // each is new in turn; "all": every one
  std::vector<std::size_t> probes{10, 30, 100};
  std::size_t draws = 10;  // of the probe questions, averaged: of three, chance moves a share by .3
  bool at_random = false;  // else the questions that a gateway's onboarding would ask
};

// A router's figures, its area under the curve (without costs: its quality), with a model that it
// does not have, has `probes` outcomes of, or knows as well as the others.
struct OnboardRow {
  std::string router;
  std::string model;  // "" : all models together
  Interval ignored{kNone, kNone, kNone};
  Interval full{kNone, kNone, kNone};
  Interval gain{kNone, kNone, kNone};  // full - ignored
  std::vector<Interval> known;         // by number of probes
  // (known - ignored) / (full - ignored); NaN where the gain is below kLeastGain.
  std::vector<Interval> way;
};

struct OnboardReport {
  std::vector<std::size_t> probes;
  bool priced = false;
  std::vector<OnboardRow> rows;  // by router, models in the order asked, all together last
  std::vector<std::string> notes;
};

inline constexpr double kLeastGain = 0.002;

// kInvalidArgument for fewer than three models (a router needs two without the new one), no
// routers, or a spec that is not an estimator; kNotFound for unknown models.
Result<OnboardReport> onboard(const Pool& pool, const EvalOptions& options,
                              const OnboardOptions& onboarding, const route::Registry& registry);

std::string to_table(const OnboardReport& report, bool color);
std::string to_json(const OnboardReport& report);

}  // namespace swy::eval
