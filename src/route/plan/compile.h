// Private to route: the pieces of compile(). models.cc reads cards, parts.cc makes plug-ins,
// compile.cc rules, reach.cc finds rules that can never fire and requests that fall through.
#pragma once

#include "route/plan.h"

namespace swy::route {

// `models:` -> catalogue.
void read_models(const base::Doc& models, base::Diagnostics& diag, Catalogue& out);

// Exact over the conditions' operands when their combined states are few enough (else silent):
// reports rules that no assignment of facts can reach and, when the last rule can be missed, an
// example of a request that matches none.
void check_reach(const RuleSet& rules, base::Diagnostics& diag);

// Stands for a signal that is off, or could not be made: always unknown.
std::unique_ptr<Signal> no_signal();

// Of the parts that decide; equal for configurations that are alike there.
std::uint64_t configured_of(const base::Doc& config);
// 16 hex digits, of plan.configured and of what its estimators know: equal for plans that decide
// alike.
std::string version_of(const Plan& plan);

// A list of estimators, first known value per field wins. REQUIRES: not empty.
std::shared_ptr<const Estimator> first_known(std::vector<std::shared_ptr<const Estimator>> chain);

}  // namespace swy::route
