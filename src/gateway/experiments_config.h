// Reads `experiments:` of a configuration (docs/reference/experiments.md). Pure; part of
// load_config().
#pragma once

#include <vector>

#include "base/doc.h"
#include "base/options.h"
#include "route/experiment.h"
#include "route/plan.h"

namespace swy::gateway {

// node: the value of `experiments`; config: the whole document. What is wrong goes to diag.
std::vector<route::ExperimentSpec> read_experiments(const base::Doc& node, const base::Doc& config,
                                                    const route::Plan& plan, bool records,
                                                    base::Diagnostics& diag);

// The keys of an experiment, for the reference page.
std::vector<base::OptionInfo> experiment_keys();

}  // namespace swy::gateway
