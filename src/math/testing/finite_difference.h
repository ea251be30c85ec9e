// A RowLoss against differences of its own values. For tests of gradients written by hand.
// Header-only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "math/descend.h"

namespace swy::math::testing {

// Losses are computed with floats: steps of 1/100 leave about three digits.
inline void expect_gradient(const RowLoss& loss, std::uint32_t row, std::vector<float> w) {
  constexpr float kStep = 0.01F;
  std::vector<float> grad(w.size());
  const double with = loss(row, w, grad);
  EXPECT_NEAR(with, loss(row, w, {}), 1e-9);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float at = w[i];
    w[i] = at + kStep;
    const double above = loss(row, w, {});
    w[i] = at - kStep;
    const double below = loss(row, w, {});
    w[i] = at;
    const double slope = (above - below) / (2 * static_cast<double>(kStep));
    EXPECT_NEAR(static_cast<double>(grad[i]), slope, 2e-3 + 2e-3 * std::fabs(slope))
        << "row " << row << ", weight " << i;
  }
}

}  // namespace swy::math::testing
