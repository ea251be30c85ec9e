#include "eval/curve.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace swy::eval {
namespace {

// The T4 fixture's sweep over true outcomes (request-routing.md 3.7): mean costs 1, 2.5, 7.25.
constexpr std::array<double, 3> kCost{1, 2.5, 7.25};
constexpr std::array<double, 3> kQuality{.25, .75, 1};

TEST(Curve, BudgetIsMetByMixingTheTwoNeighbouringSettings) {
  const auto hull = frontier(kCost, kQuality);
  const auto mix = mix_at_cost(hull, 5);
  ASSERT_TRUE(mix);
  EXPECT_NEAR(mix->share, .526316, 1e-6);
  EXPECT_NEAR(mix->quality, .881579, 1e-6);
  EXPECT_EQ(mix->low, 1U);
  EXPECT_EQ(mix->high, 2U);
  EXPECT_DOUBLE_EQ(mix->cost, 5);
}

TEST(Curve, NothingIsReachedBelowTheCheapestAndNoMoreAboveTheDearest) {
  const auto hull = frontier(kCost, kQuality);
  EXPECT_FALSE(mix_at_cost(hull, 0.99));
  EXPECT_DOUBLE_EQ(mix_at_cost(hull, 100)->quality, 1);
  EXPECT_DOUBLE_EQ(mix_at_cost(hull, 100)->cost, 7.25);
}

TEST(Curve, FrontierLeavesOutWhatAMixtureBeats) {
  const std::array<double, 5> cost{1, 4, 20, 10, 1};
  const std::array<double, 5> quality{.25, .75, .75, .76, .2};
  const auto hull = frontier(cost, quality);
  ASSERT_EQ(hull.size(), 3U);
  EXPECT_EQ(hull[0].point, 0U);
  EXPECT_EQ(hull[1].point, 1U);
  EXPECT_EQ(hull[2].point, 3U);
}

TEST(Curve, FrontierPassesOverUnknowns) {
  const std::array<double, 2> cost{NAN, 2};
  const std::array<double, 2> quality{.9, .5};
  EXPECT_EQ(frontier(cost, quality).size(), 1U);
}

TEST(Curve, AreaOfTheMetricsFixtureIsTheOneOfTheSpecification) {
  // 3.10: points (1,.25),(4,.75),(8,1): area 5 over 7.
  const auto hull = frontier(std::array<double, 3>{1, 4, 8}, std::array<double, 3>{.25, .75, 1});
  EXPECT_NEAR(mean_quality(hull, 1, 8), .714286, 1e-6);
  EXPECT_NEAR(mean_quality(hull, 1, 20), (5 + 12.0) / 19, 1e-12);
  // QNC: the first cost that reaches L's .75, over L's 20.
  EXPECT_NEAR(cost_at_quality(hull, .75) / 20, .2, 1e-12);
  EXPECT_TRUE(std::isnan(cost_at_quality(hull, 1.01)));
  EXPECT_DOUBLE_EQ(cost_at_quality(hull, .1), 1);
}

TEST(Curve, RandomCallsRecoverTheGapInProportion) {
  const auto curve = pair_curve({}, {}, .6, .8);
  EXPECT_NEAR(apgr(curve), .5, 1e-12);
  EXPECT_NEAR(call_share(curve, .5), .5, 1e-12);
  EXPECT_NEAR(call_share(curve, .8), .8, 1e-12);
}

TEST(Curve, AnOracleRecoversMoreThanTheGap) {
  const auto curve = pair_curve(std::array<double, 1>{.2}, std::array<double, 1>{.9}, .6, .8);
  EXPECT_GT(apgr(curve), 1);
  EXPECT_NEAR(call_share(curve, .5), .2 / 3, 1e-12);
}

TEST(Curve, CallShareIsUnknownWhereTheGapIsNeverRecovered) {
  EXPECT_TRUE(std::isnan(call_share(pair_curve({}, {}, .6, .8), 1.1)));
}

}  // namespace
}  // namespace swy::eval
