// Outcome tables from the files of other projects.
//
// When to use: `switchyard data import`. Threading: one thread, nothing shared. Ownership: the
// table owns what it holds. The formats: docs/reference/outcome-tables.md.
#pragma once

#include <span>
#include <string>

#include "record/outcome.h"

namespace swy::record {

enum class ImportFormat {
  kAuto,         // told by the first line of every file
  kTable,        // our own
  kRouterBench,  // wide: sample_id, prompt, eval_name, MODEL, MODEL|total_cost; CSV or JSON lines
  kRouterArena,  // cached results (JSON lines) or predictions (one JSON list)
};

// All files as one table. Errors begin with file:line. kParse for a file of no known format.
Result<OutcomeTable> import_outcomes(std::span<const std::string> paths, ImportFormat format,
                                     const LoadOptions& options = {});

}  // namespace swy::record
