// Every known answer of the specification's metrics, and rows of published tables.
#include "eval/metrics.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace swy::eval {
namespace {

TEST(Metrics, MmrBenchsFixtureGivesTheNumbersOfTheSpecification) {
  // request-routing.md 3.10: points (1,.25),(4,.75),(8,1): area 5, nAUC .714286, P_s 1, QNC .2 with
  // L (.75 at 20) as best single model.
  const std::array<CostQuality, 4> points{{{8, 1}, {1, .25}, {4, .75}, {5, .7}}};
  const auto front = pareto(points);
  ASSERT_EQ(front.size(), 3U);
  EXPECT_NEAR(nauc(front), .714286, 1e-5);
  EXPECT_NEAR(peak_quality(front), 1, 1e-12);
  EXPECT_NEAR(qnc(front, {20, .75}), .2, 1e-12);
  EXPECT_TRUE(std::isinf(qnc(front, {20, 1.01})));
  EXPECT_TRUE(std::isnan(nauc(std::span(front).first(1))));
}

TEST(Metrics, AutoMixsFixtureGivesTheLiftsOfTheSpecification) {
  // request-routing.md 5.7: v = (1,.5,.25,0), S right on the first, L on the first three; S costs
  // 1, L 50, the verifier 1, an escalated question pays both; retry iff v <= t.
  const CostQuality small{1, .25};
  const CostQuality large{50, .75};
  constexpr std::array<double, 4> kVerified{1, .5, .25, 0};
  constexpr std::array<double, 4> kSmall{1, 0, 0, 0};
  constexpr std::array<double, 4> kLarge{1, 1, 1, 0};
  const auto at = [&](double t) {
    CostQuality m{2, 0};  // S and its verification always
    for (std::size_t i = 0; i < 4; ++i) {
      const bool retry = kVerified[i] <= t;
      m.quality += (retry ? kLarge[i] : kSmall[i]) / 4;
      m.cost += retry ? 50.0 / 4 : 0;
    }
    return m;
  };
  EXPECT_NEAR(ibc_lift(at(0), small, large), -1.0, 1e-5);
  EXPECT_NEAR(ibc_lift(at(.25), small, large), -.057692, 1e-5);
  EXPECT_NEAR(at(.5).cost, 39.5, 1e-12);
  EXPECT_NEAR(at(.5).quality, .75, 1e-12);
  EXPECT_NEAR(ibc_lift(at(.5), small, large), .272727, 1e-5);
  EXPECT_NEAR(ibc_lift(at(1), small, large), -.039216, 1e-5);
  EXPECT_TRUE(std::isnan(ibc_lift(small, small, large)));
}

TEST(Metrics, ArenaScoreReproducesThePublishedPoints) {
  // routing-benchmarks.md 4.4, accuracy and USD for 1,000 questions.
  EXPECT_NEAR(arena_score(.690, .0475), .697, 1e-3);
  EXPECT_NEAR(arena_score(.523, .176), .533, 1e-3);
  EXPECT_NEAR(arena_score(.741, .0568), .743, 1e-3);
  // 3.2, August 2026: KT-ModelRouter, Sqwish, Hybrid Router, vLLM-SR. Costs there have two digits.
  EXPECT_NEAR(arena_score(.7814, .27), .7628, 2e-3);
  EXPECT_NEAR(arena_score(.7976, .70), .7621, 2e-3);
  EXPECT_NEAR(arena_score(.7138, .04), .7208, 2e-3);
  EXPECT_NEAR(arena_score(.7718, .30), .7530, 2e-3);
}

TEST(Metrics, ArenaScoreIsCutAtItsLimitsOfCost) {
  EXPECT_EQ(arena_score(1, 1000), 0);
  EXPECT_NEAR(arena_score(1, 1e-9), 1, 1e-12);
  EXPECT_EQ(arena_score(0, .01), 0);
}

TEST(Metrics, GraphRoutersRewardsAreThoseOfItsTable) {
  // routing-benchmarks.md 3.4: performance / cost / reward under (1,0), (.5,.5), (.2,.8).
  EXPECT_NEAR(reward(.539, .725, 1, 0), .539, 1e-9);
  EXPECT_NEAR(reward(.431, .871, .5, .5), -.220, 1e-5);
  EXPECT_NEAR(reward(.448, .031, .5, .5), .209, 6e-4);
  EXPECT_NEAR(reward(.446, .031, .2, .8), .064, 6e-4);
  EXPECT_NEAR(reward(.483, .031, .2, .8), .072, 6e-4);
  // The two rows that the table prints otherwise: by formula.
  EXPECT_NEAR(reward(.431, .871, .2, .8), -.611, 6e-4);
  EXPECT_NEAR(reward(.279, .031, .2, .8), .031, 6e-4);
}

TEST(Metrics, GainsAndGapsAreRelative) {
  // LLMRouterBench's older table: oracle 91.64, Avengers 71.94, random 48.79.
  EXPECT_NEAR(relative_gain(71.94, 48.79), .474, 1e-3);
  EXPECT_NEAR(relative_gap(71.94, 91.64), .215, 1e-3);
  EXPECT_NEAR(relative_gain(70.29, 48.79), .441, 1e-3);
  EXPECT_NEAR(relative_gap(61.33, 91.64), .331, 1e-3);
}

TEST(Metrics, CostSaveIsTheLeastCostOfTheSameQuality) {
  const std::array<CostQuality, 3> settings{{{2, .7}, {3, .81}, {9, .84}}};
  EXPECT_NEAR(cost_save(settings, {10, .8}), .7, 1e-12);
  EXPECT_TRUE(std::isnan(cost_save(settings, {10, .85})));
  EXPECT_NEAR(perf_gain(settings, .8), .05, 1e-12);
}

TEST(Metrics, DistanceToTheJointFrontIsZeroOnIt) {
  const std::array<CostQuality, 2> mine{{{1, .5}, {2, .5}}};
  const std::array<CostQuality, 4> all{{{1, .5}, {2, .5}, {2, 1}, {3, .75}}};
  const ParetoStanding s = pareto_standing(mine, all);
  EXPECT_NEAR(s.ratio, .5, 1e-12);
  EXPECT_NEAR(s.distance, .25, 1e-12);  // (2,.5) is half a cost range from (1,.5)
}

TEST(Metrics, EntropyOfSharesIsInBits) {
  EXPECT_NEAR(entropy_bits(std::array<double, 4>{.25, .25, .25, .25}), 2, 1e-12);
  EXPECT_NEAR(entropy_bits(std::array<double, 2>{1, 0}), 0, 1e-12);
}

TEST(Metrics, CalibrationErrorIsTheWeightedGapOfTheBins) {
  const std::array<float, 5> believed{.95F, .95F, .25F, .25F, NAN};
  const std::array<float, 5> observed{1, 0, 0, .5F, 1};
  const Calibration c = calibrate(believed, observed);
  EXPECT_EQ(c.count, 4U);
  EXPECT_NEAR(c.ece, .5 * .45 + .5 * 0, 1e-6);
  EXPECT_NEAR(c.bins[9].believed, .95, 1e-6);
  EXPECT_NEAR(c.bins[9].observed, .5, 1e-6);
  EXPECT_NEAR(c.brier, (.05 * .05 + .95 * .95 + .25 * .25 + .25 * .25) / 4, 1e-6);
  EXPECT_TRUE(std::isnan(calibrate({}, {}).ece));
}

TEST(Metrics, ABeliefOfOneBelongsToTheLastBin) {
  const std::array<float, 1> one{1};
  EXPECT_EQ(calibrate(one, one).bins[9].count, 1U);
}

TEST(Metrics, FamiliarAndForeignAreToldApartByRank) {
  const std::array<double, 4> in{5, 6, 7, NAN};
  EXPECT_NEAR(auroc_between(in, std::array<double, 2>{1, 2}), 1, 1e-12);
  EXPECT_NEAR(auroc_between(in, std::array<double, 2>{6, 6}), .5, 1e-12);
  EXPECT_TRUE(std::isnan(auroc_between(in, {})));
  EXPECT_NEAR(false_positives_at_95(in, std::array<double, 4>{1, 5, 6, 7}), .75, 1e-12);
}

TEST(Metrics, PercentilesAreLinearBetweenNeighbours) {
  EXPECT_NEAR(percentile({4, 1, 3, 2, NAN}, 50), 2.5, 1e-12);
  EXPECT_NEAR(percentile({1}, 99), 1, 1e-12);
  EXPECT_TRUE(std::isnan(percentile({}, 50)));
}

}  // namespace
}  // namespace swy::eval
