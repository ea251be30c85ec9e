// Made-up tables for the tests of fits. Header-only.
#pragma once

#include <cstddef>
#include <limits>

#include "base/rng.h"
#include "math/matrix.h"

namespace swy::math::testing {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

// Uniform in -1..1, the same every time.
inline Matrix random_rows(std::size_t rows, std::size_t dims) {
  base::Rng rng(1, 2, 3);
  Matrix x(rows, dims);
  for (float& v : x.all()) v = static_cast<float>(rng.uniform() * 2 - 1);
  return x;
}

}  // namespace swy::math::testing
