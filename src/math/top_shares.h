// Shares of the highest scores: softmax over the k highest, 0 for the others.
//
// When to use: gates over experts. Threading: pure. Ownership: spans are borrowed for the call.
#pragma once

#include <cstddef>
#include <span>

namespace swy::math {

// base: one more expert of score 0 shares in it, which is always among those that count; what is
// missing to 1 is its. Of equals at the edge the lower index counts. REQUIRES: equal sizes, k > 0.
void top_shares(std::span<const double> score, std::size_t k, bool base, std::span<double> share);

}  // namespace swy::math
