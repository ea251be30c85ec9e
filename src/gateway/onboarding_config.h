// Reads `onboarding:` of a configuration (docs/reference/onboarding.md). Pure but for looking at
// the document; part of load_config().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/doc.h"
#include "base/options.h"
#include "gateway/config.h"

namespace swy::gateway {

// node: the value of `onboarding`; config: the whole document; directory: where relative paths
// start. What is wrong goes to diag; nullopt after an error.
std::optional<OnboardingOptions> read_onboarding(const base::Doc& node, const base::Doc& config,
                                                 const Config& read, const std::string& directory,
                                                 base::Diagnostics& diag);

// The keys of `onboarding`, for the reference page.
std::vector<base::OptionInfo> onboarding_keys();

}  // namespace swy::gateway
