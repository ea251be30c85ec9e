// Reads `experiments:` of a configuration (docs/reference/experiments.md). Pure; part of
// the gateway's load_config() and of `switchyard eval experiments`.
#pragma once

#include <vector>

#include "base/doc.h"
#include "base/options.h"
#include "route/experiment.h"
#include "route/plan.h"

namespace swy::route {

// node: the value of `experiments`; config: the whole document. What is wrong goes to diag.
std::vector<ExperimentSpec> read_experiments(const base::Doc& node, const base::Doc& config,
                                             const Plan& plan, bool records,
                                             base::Diagnostics& diag);

// The keys of an experiment, for the reference page.
std::vector<base::OptionInfo> experiment_keys();

}  // namespace swy::route
