// What an option names: a model or a signal of the configuration, or an error with the nearest
// names.
//
// When to use: in factories. Threading: as BuildContext. Ownership: none.
#pragma once

#include <optional>
#include <string_view>

#include "switchyard/registry.h"

namespace swy::route {

// `option` begins the finding. nullopt: an error was reported at `mark`.
std::optional<ExpertId> model_named(std::string_view name, std::string_view option, base::Mark mark,
                                    BuildContext& ctx);
std::optional<FactId> signal_named(std::string_view name, std::string_view option, base::Mark mark,
                                   BuildContext& ctx);

}  // namespace swy::route
