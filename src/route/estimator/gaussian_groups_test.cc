#include "route/estimator/gaussian_groups.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace swy::route {
namespace {

// Two clouds of 400 rows around (3, 0, 0) and (-3, 0, 0), and one of 50 around (0, 4, 0).
class Clouds : public ::testing::Test {
 protected:
  Clouds() : x_(850, 3), group_(850) {
    base::Rng rng(3, 1, 4);
    for (std::size_t i = 0; i < 850; ++i) {
      group_[i] = i < 400 ? 0 : i < 800 ? 1 : 2;
      for (float& v : x_.row(i)) v = static_cast<float>(rng.uniform() * 2 - 1);
      x_.row(i)[0] += group_[i] == 0 ? 3.0F : group_[i] == 1 ? -3.0F : 0.0F;
      x_.row(i)[1] += group_[i] == 2 ? 4.0F : 0.0F;
    }
  }
  math::Matrix x_;
  std::vector<std::uint32_t> group_;
};

TEST_F(Clouds, AVectorBelongsToTheCloudItLiesIn) {
  const GaussianGroups g(x_, group_, 3);
  std::vector<float> share(3);
  std::size_t right = 0;
  for (std::size_t i = 0; i < x_.rows(); ++i) {
    g.belong(x_.row(i), share);
    EXPECT_NEAR(share[0] + share[1] + share[2], 1, 1e-5);
    right += share[group_[i]] > 0.5F ? 1 : 0;
  }
  EXPECT_GE(right, 840U);
}

TEST_F(Clouds, BetweenTwoEqualCloudsItIsUndecided) {
  const GaussianGroups g(x_, group_, 3);
  std::vector<float> share(3);
  g.belong(std::vector<float>{0, -0.2F, 0}, share);
  EXPECT_NEAR(share[0], share[1], 0.3);
  EXPECT_LT(share[2], 0.01F);
}

TEST_F(Clouds, WhatLiesBetweenTheCloudsIsStrangerThanWhatLiesInOne) {
  const GaussianGroups g(x_, group_, 3);
  std::vector<float> share(3);
  const double inside = g.belong(std::vector<float>{3, 0, 0}, share);
  EXPECT_GT(g.belong(std::vector<float>{0, 0, 0}, share), inside + 1);
  EXPECT_GT(g.belong(std::vector<float>{3, 0, 5}, share), inside);
}

TEST(GaussianGroups, HoldsForOneRowAndForColumnsThatNeverVary) {
  math::Matrix x(1, 4);
  const std::vector<std::uint32_t> group = {0};
  const GaussianGroups g(x, group, 1);
  std::vector<float> share(1);
  EXPECT_TRUE(std::isfinite(g.belong(std::vector<float>{1, 0, 0, 0}, share)));
  EXPECT_EQ(share[0], 1);
}

}  // namespace
}  // namespace swy::route
