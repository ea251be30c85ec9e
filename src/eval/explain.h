// A record for a person: what was asked, what was known, who was a candidate and why not, what was
// chosen and why, what it cost and what that saved.
//
// When to use: `switchyard explain ID`. Pure. The record line is the one of
// docs/reference/records.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::eval {

// line: a record of kind "request"; feedback: later lines about it, if any. kParse when the line is
// no record.
Result<std::string> explain(std::string_view line, const std::vector<std::string>& feedback,
                            bool color);

}  // namespace swy::eval
