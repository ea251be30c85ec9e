// What a registry contains, with every option: for the reference pages, `switchyard plugins` and
// the tests that keep the pages true. Called outside the request path.
#pragma once

#include <string>
#include <vector>

#include "base/options.h"
#include "switchyard/registry.h"

namespace swy::route {

struct PluginInfo {
  std::string kind;  // "encoder", "signal", "guard", "estimator", "policy", "strategy"
  std::string name;
  std::vector<base::OptionInfo> options;
};

// In order of kind, then name.
std::vector<PluginInfo> describe(const Registry& registry);
// The options of one plug-in as a Markdown table.
std::string options_table(const PluginInfo& info);

}  // namespace swy::route
