// RouterSpec: what a person writes after --router. Grammar (docs/reference/eval.md):
//
//   always:MODEL | random | oracle | length
//   ESTIMATOR[:OPTIONS][+POLICY[:OPTIONS]]      OPTIONS = key=value[,key=value...]
//   STRATEGY[:OPTIONS][+ESTIMATOR[:OPTIONS]]    several calls a question, on recorded answers
//   FILE.yaml:RULESET                           (or .yml)
//
// Values are configuration (YAML) values; commas inside [], {} or quotes belong to the value.
// Threading: pure. Ownership: value.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "switchyard/registry.h"

namespace swy::eval {

struct RouterSpec {
  enum class Kind { kAlways, kRandom, kOracle, kLength, kPlugin, kStrategy, kConfig };
  using Options = std::vector<std::pair<std::string, std::string>>;
  Kind kind = Kind::kRandom;
  std::string text;    // as written
  std::string name;    // model, estimator, strategy or file
  Options options;     // of the estimator or strategy
  std::string policy;  // "": chosen for the pool
  Options policy_options;
  std::string estimator;  // of a strategy's rule; "": prior
  Options estimator_options;
  std::string rule_set;  // of a configuration

  [[nodiscard]] bool states(std::string_view key) const;  // an option of the estimator or strategy
  [[nodiscard]] bool policy_states(std::string_view key) const;
};

// kParse for text outside the grammar, kNotFound for an unknown estimator or policy, with the
// nearest.
Result<RouterSpec> parse_router(std::string_view text, const route::Registry& registry);

}  // namespace swy::eval
