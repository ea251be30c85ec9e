// A file of what a gateway keeps over a restart: JSON with its kind, format, the hash of the
// configuration that it belongs to and a hash of its content. Written whole or not at all.
//
// When to use: learning and drift (docs/reference/configuration.md, `state`). Threading: any; one
// writer a file. Ownership: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "switchyard/result.h"

namespace swy::gateway {

struct StateMark {
  std::string_view kind;      // "drift"
  std::uint64_t belongs = 0;  // hash of the configuration that it is of
};

// content: one JSON value. Makes the directory if only its last part is missing.
Status write_state(const std::string& path, const StateMark& mark, std::string_view content);
// The content; nullopt: there is no file. kParse: damaged, of another kind or format;
// kInvalidArgument: of another configuration. The message is a sentence that names the file.
Result<std::optional<std::string>> read_state(const std::string& path, const StateMark& mark);

}  // namespace swy::gateway
