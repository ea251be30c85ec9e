// A Spec as text, printed and read back.
//
// When to use: command lines, files, bindings; the library itself needs none of it. Threading:
// pure. Ownership: results are the caller's. This header and its .cc may allocate and report errors
// as the outside world's.
#pragma once

#include <string>
#include <string_view>

#include "switchyard/moe.h"
#include "switchyard/result.h"

namespace swy::moe {

// One line of YAML (and nearly of JSON): {transform: softmax, select: topk, k: 2, ...}, every field
// or only those that differ from `base`. parse_spec() reads it back to the same Spec.
[[nodiscard]] std::string to_text(const Spec& spec);
[[nodiscard]] std::string to_text(const Spec& spec, const Spec& base);

// A map of fields over `start`; the key `preset` names another start. kInvalidArgument names the
// field, its place and the nearest known names.
[[nodiscard]] Result<Spec> parse_spec(std::string_view yaml, const Spec& start = {});

}  // namespace swy::moe
