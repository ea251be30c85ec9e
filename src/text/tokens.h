// An estimate of how many tokens a GPT-style byte-pair tokeniser makes of a text, without its
// vocabulary.
//
// When to use: budgets, price forecasts and context-fit checks before a provider has counted. A
// provider's own count replaces it. Threading: pure. Ownership: nothing is kept; no allocation.
#pragma once

#include <cstdint>
#include <string_view>

namespace swy::text {

// At least 1 for a text that is not empty; 0 for the empty one. Never more than the number of
// bytes.
std::int64_t estimate_tokens(std::string_view text);

}  // namespace swy::text
