// Order statistics of long lists of floats. See order.cc. Threading: pure on the caller's memory.
#pragma once

#include <cmath>
#include <cstddef>

#include "moe/detail/kernels.h"

namespace swy::moe::detail {

// x, or the middle between x and the next larger; 0 where that is not a number.
inline float settle(float x, float larger, bool middle) {
  if (middle) x = 0.5F * x + 0.5F * larger;
  return std::isfinite(x) ? x + 0.0F : 0.0F;  // -0 is 0
}

// The (rank + 1)-th largest of v[0, n), or the middle between it and the rank-th; 0 where that is
// not finite. Exact. Reorders v, which is padded with -inf. scratch: padded(n) + kLanes.
// REQUIRES: 0 < rank < n; no NaN.
float order_statistic(const Kernels& kernels, float* v, std::size_t n, std::size_t rank,
                      bool middle, float* scratch);

}  // namespace swy::moe::detail
