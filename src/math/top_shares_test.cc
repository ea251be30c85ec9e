#include "math/top_shares.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace swy::math {
namespace {

TEST(TopShares, GivesTheKnownSharesOfTwoGates) {
  // request-routing.md 4.17 f: gates (1, 0) and (0, 1), u = (2, 0), d = 2.
  const std::array score{2 / std::sqrt(2.0), 0.0};
  EXPECT_NEAR(score[0], 1.414214, 1e-6);
  std::array<double, 2> share{};
  top_shares(score, 2, false, share);
  EXPECT_NEAR(share[0], .804430, 1e-6);
  EXPECT_NEAR(share[1], .195570, 1e-6);
  top_shares(std::array{0.0, 0.0}, 2, false, share);  // u = 0
  EXPECT_EQ(share[0], share[1]);
}

TEST(TopShares, ChangesOnlyTheNormalisationWhenAGateIsAdded) {
  std::array<double, 2> two{};
  std::array<double, 3> three{};
  top_shares(std::array{1.4, 0.3}, 3, false, two);
  top_shares(std::array{1.4, 0.3, 0.0}, 3, false, three);
  EXPECT_NEAR(three[0] / three[1], two[0] / two[1], 1e-12);
  EXPECT_LT(three[0], two[0]);
}

TEST(TopShares, CountsTheHighestOnlyAndOfEqualsTheFirst) {
  std::array<double, 4> share{};
  top_shares(std::array{1.0, 2.0, 1.0, 0.5}, 2, false, share);
  EXPECT_NEAR(share[1], 1 / (1 + std::exp(-1.0)), 1e-12);
  EXPECT_NEAR(share[0] + share[1], 1, 1e-12);
  EXPECT_EQ(share[2] + share[3], 0);
}

TEST(TopShares, LeavesSomethingToTheBaseWhenNothingFits) {
  std::array<double, 2> share{};
  top_shares(std::array{-5.0, -6.0}, 2, true, share);
  EXPECT_NEAR(share[0], std::exp(-5.0) / (1 + std::exp(-5.0) + std::exp(-6.0)), 1e-12);
  EXPECT_LT(share[0] + share[1], 0.01);
}

}  // namespace
}  // namespace swy::math
