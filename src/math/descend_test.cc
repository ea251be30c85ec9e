#include "math/descend.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace swy::math {
namespace {

// (w0 x + w1 - y)^2 with y = 2x - 1.
RowLoss line(std::span<const float> x) {
  return [x](std::uint32_t i, std::span<const float> w, std::span<float> grad) {
    const float d = w[0] * x[i] + w[1] - (2 * x[i] - 1);
    if (!grad.empty()) {
      grad[0] += 2 * d * x[i];
      grad[1] += 2 * d;
    }
    return static_cast<double>(d * d);
  };
}

std::vector<float> numbers(std::size_t n) {
  base::Rng rng(3, 1, 4);
  std::vector<float> x(n);
  for (float& v : x) v = static_cast<float>(rng.uniform() * 2 - 1);
  return x;
}

TEST(Descend, FindsTheLineThatThePointsLieOn) {
  const auto x = numbers(400);
  const auto w = descend({0, 0}, x.size(), line(x), {.rate = 0.05, .decay = 0, .epochs = 200});
  EXPECT_NEAR(w[0], 2, 0.01);
  EXPECT_NEAR(w[1], -1, 0.01);
  EXPECT_EQ(w, descend({0, 0}, x.size(), line(x), {.rate = 0.05, .decay = 0, .epochs = 200}));
}

TEST(Descend, KeepsTheStartWhereNothingIsBetter) {
  const auto x = numbers(50);
  EXPECT_EQ(descend({2, -1}, x.size(), line(x)), (std::vector<float>{2, -1}));
}

TEST(Descend, LearnsFromFewerRowsThanItCouldHoldOut) {
  const auto x = numbers(3);
  const auto w = descend({0, 0}, x.size(), line(x), {.rate = 0.05, .decay = 0, .epochs = 500});
  EXPECT_NEAR(w[0] * x[0] + w[1], 2 * x[0] - 1, 0.05);
  EXPECT_EQ(descend({5}, 0, line(x)), std::vector<float>{5});
}

TEST(Descend, DecayDrawsWeightsToZero) {
  const auto x = numbers(400);
  const auto w = descend({0, 0}, x.size(), line(x), {.rate = 0.05, .decay = 2, .epochs = 100});
  EXPECT_LT(std::fabs(w[0]), 1.5);
}

}  // namespace
}  // namespace swy::math
