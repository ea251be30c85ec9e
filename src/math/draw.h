// A draw from shares that need not sum to exactly 1.
//
// When to use: wherever one of few is drawn by its share. Threading: pure. Ownership: none.
#pragma once

#include <cstddef>

namespace swy::math {

// The one of n into whose part of the sum u, of 0..1, falls; rounding beyond the sum falls to the
// last with a share. 0 when there is none. share_of(i): of 0..1; anything else is no share.
template <typename ShareOf>
std::size_t draw(std::size_t n, double u, const ShareOf& share_of) {
  std::size_t last = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!(share_of(i) > 0)) continue;
    last = i;
    u -= share_of(i);
    if (u < 0) break;
  }
  return last;
}

}  // namespace swy::math
