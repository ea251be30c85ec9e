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
  const GaussianGroups g(x_, group_, 3, 0);
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
  const GaussianGroups g(x_, group_, 3, 0);
  std::vector<float> share(3);
  g.belong(std::vector<float>{0, -0.2F, 0}, share);
  EXPECT_NEAR(share[0], share[1], 0.3);
  EXPECT_LT(share[2], 0.01F);
}

TEST_F(Clouds, WhatLiesBetweenTheCloudsIsStrangerThanWhatLiesInOne) {
  const GaussianGroups g(x_, group_, 3, 0);
  std::vector<float> share(3);
  const double inside = g.belong(std::vector<float>{3, 0, 0}, share).strangeness;
  EXPECT_GT(g.belong(std::vector<float>{0, 0, 0}, share).strangeness, inside + 1);
  EXPECT_GT(g.belong(std::vector<float>{3, 0, 5}, share).strangeness, inside);
}

TEST_F(Clouds, SurenessFallsFromZeroInACloudToTheLogarithmBetweenThem) {
  const GaussianGroups g(x_, group_, 3, 0);
  std::vector<float> share(3);
  EXPECT_NEAR(g.belong(std::vector<float>{3, 0, 0}, share).sureness, 0, 0.05);
  EXPECT_NEAR(g.belong(std::vector<float>{0, -0.2F, 0}, share).sureness, -std::log(2.0), 0.05);
}

TEST_F(Clouds, AGroupThatIsLeftOutHasNoShareAndItsRowsAreStrange) {
  const GaussianGroups g(x_, group_, 3, 0);
  std::vector<float> share(3);
  const std::vector<float> x{3, 0, 0};
  const double usual = g.belong(x, share).strangeness;
  const double without = g.belong(x, share, {0, true}).strangeness;
  EXPECT_EQ(share[0], 0);
  EXPECT_NEAR(share[1] + share[2], 1, 1e-6);
  EXPECT_GT(without, usual + 1);
}

// What remains of the table when one row is taken out says nearly the same as the correction.
TEST_F(Clouds, ARowWithoutItselfIsAsStrangeAsToATableWithoutIt) {
  math::Matrix few(40, 3);
  std::vector<std::uint32_t> of(40);
  for (std::size_t i = 0; i < 40; ++i) {
    const std::size_t from = i < 20 ? i : 400 + i;
    std::copy(x_.row(from).begin(), x_.row(from).end(), few.row(i).begin());
    of[i] = i < 20 ? 0 : 1;
  }
  const GaussianGroups all(few, of, 2, 0);
  std::vector<float> share(2);
  double with = 0;
  double corrected = 0;
  double truth = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    math::Matrix rest(39, 3);
    std::vector<std::uint32_t> group;
    for (std::size_t k = 0; k < 40; ++k) {
      if (k == i) continue;
      std::copy(few.row(k).begin(), few.row(k).end(), rest.row(group.size()).begin());
      group.push_back(of[k]);
    }
    with += all.belong(few.row(i), share).strangeness;
    corrected += all.belong(few.row(i), share, {of[i]}).strangeness;
    truth += GaussianGroups(rest, group, 2, 0).belong(few.row(i), share).strangeness;
  }
  EXPECT_LT(std::fabs(corrected - truth), 0.5 * std::fabs(with - truth));
}

// Two groups that differ in a count alone: 1 and 5 deviations, written in tenths.
TEST(GaussianGroups, FormIsTheNearestGroupsCounts) {
  math::Matrix x(80, 2);
  std::vector<std::uint32_t> group(80);
  for (std::size_t i = 0; i < 80; ++i) {
    group[i] = i < 40 ? 0 : 1;
    x.row(i)[0] = static_cast<float>(i % 7);
    x.row(i)[1] = (i < 40 ? 0.1F : 0.5F) + (i % 2 == 0 ? 0.01F : -0.01F);
  }
  const GaussianGroups g(x, group, 2, 1);
  std::vector<float> share(2);
  const auto form = [&](float count, Left left = {}) {
    return g.belong(std::vector<float>{3, count}, share, left).form;
  };
  EXPECT_NEAR(form(0.1F), form(0.5F), 0.02);
  EXPECT_GT(form(0.1F), form(0.3F) + 0.3);
  EXPECT_GT(form(0.3F), form(0.9F));
  EXPECT_LT(form(0.1F, {0, true}), form(0.1F) - 0.3) << "of the other group's form it is not";
}

TEST(GaussianGroups, HoldsForOneRowAndForColumnsThatNeverVary) {
  math::Matrix x(1, 4);
  const std::vector<std::uint32_t> group = {0};
  const GaussianGroups g(x, group, 1, 2);
  std::vector<float> share(1);
  for (const Left left : {Left{}, Left{0}}) {
    const Lies lies = g.belong(std::vector<float>{1, 0, 0, 0}, share, left);
    EXPECT_TRUE(std::isfinite(lies.strangeness));
    EXPECT_TRUE(std::isfinite(lies.form));
    EXPECT_EQ(lies.sureness, 0);
    EXPECT_EQ(share[0], 1);
  }
  EXPECT_EQ(share[0], 1);
}

}  // namespace
}  // namespace swy::route
