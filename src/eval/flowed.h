// Lines of rules that ask more than once: the same loop that serves, its calls answered from the
// answers recorded beside the outcome tables, at the costs of the tables. Every call is paid for.
//
// When to use: by routed_line(). Threading: none shared. Ownership: a Line owns its numbers.
#pragma once

#include "eval/line.h"
#include "route/plan.h"

namespace swy::eval {

[[nodiscard]] bool has_flow(const route::RuleSet& rules);

// A strategy over all models of the pool. What it leaves open is swept: the mean budget of one that
// learns thresholds, the quorum of `agreement`. Learns from the train part only.
Result<Line> flow_line(const Pool& pool, const RouterSpec& spec, const route::Registry& registry,
                       std::size_t points);
// A rule set of a configuration. model_of: the pool's model for every card.
Result<Line> flow_line(const Pool& pool, const std::string& name, const route::Plan& plan,
                       const route::RuleSet& rules, const std::vector<std::size_t>& model_of);

}  // namespace swy::eval
