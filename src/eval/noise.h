// The same question in slightly other clothes: what a router should not care about.
//
// When to use: robustness figures (`switchyard eval --noise N`) and tests. Threading: pure.
// Ownership: values. Deterministic for a seed and an id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace swy::eval {

// One of: two letters swapped in some words, letters of the keyboard's neighbourhood, all lower
// case, no punctuation, doubled spaces and line ends, a polite opening, a polite end. Only letters,
// spaces and punctuation of ASCII are touched, so UTF-8 stays valid. Always another text.
std::string perturbed(std::string_view prompt, std::string_view id, std::uint64_t seed);

}  // namespace swy::eval
