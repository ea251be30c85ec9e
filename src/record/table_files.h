// Which files of a directory are outcome tables and which are recorded answers. Pure reading, any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::record {

// path itself if it is a file; of a directory the *.jsonl and *.jsonl.gz directly in it, by name,
// that are tables (no ".responses.", ".services.", ".catalogue.", ".trajectories." in the name) or,
// with responses, answer files. kNotFound when there is none.
Result<std::vector<std::string>> table_files(const std::string& path, bool responses);

}  // namespace swy::record
