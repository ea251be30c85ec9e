// Opening the outcome tables that options of plug-ins name. For the estimators and policies that
// learn from them, while the configuration is read. Findings go to the context's diagnostics; the
// table returned is the caller's.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/doc.h"
#include "record/outcome.h"
#include "switchyard/registry.h"

namespace swy::route {

// All tables in one. Paths start from the configuration's directory. A directory that is missing or
// holds no table is a note (outcomes may come later); a named file that is missing, or one that
// cannot be read, is an error. nullopt: nothing to learn from, or an error was reported.
std::optional<record::OutcomeTable> load_tables(std::span<const std::string> paths, base::Mark mark,
                                                BuildContext& ctx);

}  // namespace swy::route
