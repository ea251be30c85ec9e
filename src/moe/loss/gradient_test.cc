#include "moe/gradient.h"

#include <gtest/gtest.h>

#include "moe/testing/golden_file.h"

namespace swy::moe {
namespace {

TEST(Bernoulli, ScoreFunctionIsUnbiasedForEveryBaseline) {
  // a = 0, L(1) = 1, L(0) = 3: the true slope is p (1 - p) (1 - 3) = -.5.
  for (const double baseline : {0.0, 2.0, -7.0, best_baseline_bernoulli(.5, 1, 3)}) {
    EXPECT_NEAR(.5 * score_function_bernoulli(true, .5, 1, baseline) +
                    .5 * score_function_bernoulli(false, .5, 3, baseline),
                -.5, 1e-12);
  }
  // The best baseline leaves no variance here: both outcomes say the same.
  const double b = best_baseline_bernoulli(.5, 1, 3);
  EXPECT_NEAR(score_function_bernoulli(true, .5, 1, b), score_function_bernoulli(false, .5, 3, b),
              1e-12);
  EXPECT_EQ(straight_through_bernoulli(2, .5, false), 2);
  EXPECT_EQ(straight_through_bernoulli(2, .5, true), .5);
}

TEST(NoisyRectifier, HasTheMeanOfItsNoiseAndTheSlopeOfThatMean) {
  const int n = 200'000;
  for (const double a : {-.5, 0.0, .7}) {
    double mean = 0;
    double slope = 0;
    double above = 0;
    for (int i = 0; i < n; ++i) {
      base::Rng rng(57, static_cast<std::uint64_t>(i), 0);
      base::Rng same = rng;
      const NoisyUnit u = noisy_rectifier(a, 2, rng);
      mean += u.value / n;
      slope += u.slope / n;
      above += noisy_rectifier(a + 1e-4, 2, same).value / n;
    }
    // E max(0, N(a, sd^2)) = a Phi(a / sd) + sd phi(a / sd), whose slope is Phi(a / sd).
    const double phi = std::exp(-a * a / 8) / std::sqrt(2 * 3.141592653589793);
    const double cdf = .5 * std::erfc(-a / 2 / std::sqrt(2.0));
    EXPECT_NEAR(mean, a * cdf + 2 * phi, .02);
    EXPECT_NEAR(slope, cdf, .01);
    EXPECT_NEAR((above - mean) / 1e-4, slope, 1e-3);
  }
}

TEST(StochasticTimesSmooth, IsAProbabilityOnAverageAndPassesHalfItsSlope) {
  const int n = 200'000;
  double mean = 0;
  double slope = 0;
  for (int i = 0; i < n; ++i) {
    base::Rng rng(58, static_cast<std::uint64_t>(i), 0);
    const NoisyUnit u = stochastic_times_smooth(0, rng);
    ASSERT_TRUE(u.value == 0 || std::fabs(u.value - std::sqrt(.5)) < 1e-15);
    ASSERT_NEAR(u.slope, u.value / 4, 1e-15);
    mean += u.value / n;
    slope += u.slope / n;
  }
  EXPECT_NEAR(mean, .5, .005);
  EXPECT_NEAR(slope, .125, .002);
}

TEST(StraightThrough, IsTheSlopeOfALossLinearInTheProbabilities) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(51, c, 0);
    std::vector<double> z(2 + rng.below(6));
    std::vector<double> g(z.size());
    for (double& v : z) v = normal(rng);
    for (double& v : g) v = normal(rng);
    std::vector<double> p(z.size());
    std::vector<double> dz(z.size());
    softmax(z, p);
    EXPECT_TRUE(straight_through(p, g, dz).ok());
    testing::expect_slopes(
        [&] {
          softmax(z, p);
          return inner(p, g);
        },
        z, dz);
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(SparseMixer, SolvesTheWorkedExample) {
  const std::vector<double> z = {2, 1.99, .5};
  std::vector<double> p(3);
  const SparseMixerPick first = sparsemixer_pick(z, {}, .01, nullptr, p);
  EXPECT_EQ(first.expert, 0);
  EXPECT_NEAR(first.weight(), .502499979, 1e-8);
  const std::int32_t taken[] = {0};
  const SparseMixerPick second = sparsemixer_pick(z, taken, .01, nullptr, p);
  EXPECT_EQ(second.expert, 1);
  EXPECT_NEAR(second.weight(), 1, 1e-12);
  const std::int32_t all[] = {0, 1, 2};
  EXPECT_EQ(sparsemixer_pick(z, all, .01, nullptr, p).expert, -1);
}

TEST(SparseMixer, IsNotInvariantToAConstant) {
  std::vector<double> p(2);
  const std::vector<double> z = {.011, .010};
  const std::vector<double> moved = {10.011, 10.010};
  EXPECT_NEAR(sparsemixer_pick(z, {}, .01, nullptr, p).weight(), 1, 1e-12);
  EXPECT_LT(sparsemixer_pick(moved, {}, .01, nullptr, p).weight(), .51);
}

TEST(SparseMixer, DrawsFromItsProbabilitiesAndItsFactorsMean) {
  const std::vector<double> z = {2, 1.99, .5};
  std::vector<double> p(3);
  int other = 0;
  double factor = 0;
  const int n = 20'000;
  for (int i = 0; i < n; ++i) {
    base::Rng rng(53, static_cast<std::uint64_t>(i), 0);
    const SparseMixerPick pick = sparsemixer_pick(z, {}, .01, &rng, p);
    ASSERT_NE(pick.expert, 2);
    if (pick.expert == 0) {
      ASSERT_EQ(pick.factor, 1);
    } else {
      ++other;
      factor += pick.factor;
    }
  }
  EXPECT_NEAR(static_cast<double>(other) / n, 1 - .5025, .02);
  EXPECT_NEAR(factor / other, .25 + .75 * .3333, .02);
}

TEST(SparseMixer, BackwardIsTheSlopeOfTheProbability) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(52, c, 0);
    std::vector<double> z(2 + rng.below(6));
    for (double& v : z) v = 1 + .001 * normal(rng);  // inside the mask, away from its edge
    std::vector<double> p(z.size());
    base::Rng draw(54, c, 0);
    SparseMixerPick pick = sparsemixer_pick(z, {}, .05, &draw, p);
    std::vector<double> dz(z.size());
    EXPECT_TRUE(sparsemixer_backward(pick, p, 1.7, dz).ok());
    testing::expect_slopes(
        [&] {
          EXPECT_TRUE(sparsemixer_pick(z, {}, .05, nullptr, p).ok());
          return 1.7 * p[static_cast<std::size_t>(pick.expert)];
        },
        z, dz);
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(InOrder, SolvesTheWorkedExample) {
  const std::vector<double> z = {std::log(4), std::log(3), std::log(2), std::log(1)};
  const auto q = [&](std::int32_t a, std::int32_t b) {
    const std::int32_t id[] = {a, b};
    return std::exp(log_probability_in_order(z, id, 0, {}));
  };
  EXPECT_NEAR(q(0, 1), .2, 1e-12);
  EXPECT_NEAR(q(0, 1) + q(1, 0), .3714, 5e-5);
  EXPECT_NEAR(q(0, 3) + q(3, 0), .1111, 5e-5);
  EXPECT_NEAR(q(2, 3) + q(3, 2), .0472, 5e-5);
  std::vector<double> c(3);
  EXPECT_TRUE(leave_one_out(std::vector<double>{1, 2, 3}, c).ok());
  testing::expect_near(c, {-.5, 0, .5}, 1e-12);
  EXPECT_NEAR(effective_number(std::vector<double>{.25, .25, .25, .25}), 4, 1e-12);
  EXPECT_NEAR(effective_number(std::vector<double>{1, 0, 0, 0}), 1, 1e-12);
}

TEST(InOrder, HasTheSlopesOfItsLogarithm) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(55, c, 0);
    std::vector<double> z(2 + rng.below(6));
    for (double& v : z) v = normal(rng);
    std::vector<std::int32_t> id(1 + rng.below(z.size()));
    EXPECT_TRUE(sample_in_order(z, rng, id).ok());
    std::vector<double> dz(z.size());
    EXPECT_TRUE(log_probability_in_order(z, id, 1, dz).ok());
    testing::expect_slopes([&] { return log_probability_in_order(z, id, 0, {}); }, z, dz);
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(InOrder, SamplesWithTheirProbabilities) {
  const std::vector<double> z = {std::log(4), std::log(3), std::log(2), std::log(1)};
  std::vector<int> seen(16);
  const int n = 50'000;
  for (int i = 0; i < n; ++i) {
    base::Rng rng(56, static_cast<std::uint64_t>(i), 0);
    std::vector<std::int32_t> id(2);
    EXPECT_TRUE(sample_in_order(z, rng, id).ok());
    ASSERT_NE(id[0], id[1]);
    ++seen[4 * static_cast<std::size_t>(id[0]) + static_cast<std::size_t>(id[1])];
  }
  for (std::int32_t a = 0; a < 4; ++a)
    for (std::int32_t b = 0; b < 4; ++b) {
      if (a == b) continue;
      const std::int32_t id[] = {a, b};
      EXPECT_NEAR(
          static_cast<double>(seen[4 * static_cast<std::size_t>(a) + static_cast<std::size_t>(b)]) /
              n,
          std::exp(log_probability_in_order(z, id, 0, {})), .01);
    }
}

// Every pair of ordered samples, weighted by its probability: the estimator's expectation.
TEST(LeaveOneOut, IsUnbiasedOnEveryOutcomeOfAToy) {
  const std::vector<double> z = {std::log(4), std::log(3), std::log(2), std::log(1)};
  std::vector<std::vector<std::int32_t>> outcomes;
  for (std::int32_t a = 0; a < 4; ++a)
    for (std::int32_t b = 0; b < 4; ++b)
      if (a != b) outcomes.push_back({a, b});
  const auto loss = [](const std::vector<std::int32_t>& id) {
    return std::pow(static_cast<double>(3 * id[0] + id[1]) - 4, 2.0);
  };
  std::vector<double> exact(4);
  std::vector<double> mean(4);
  for (const auto& m : outcomes) {
    const double q = std::exp(log_probability_in_order(z, m, 0, {}));
    EXPECT_TRUE(log_probability_in_order(z, m, q * loss(m), exact).ok());
    for (const auto& n : outcomes) {
      const double both = q * std::exp(log_probability_in_order(z, n, 0, {}));
      std::vector<double> c(2);
      EXPECT_TRUE(leave_one_out(std::vector<double>{loss(m), loss(n)}, c).ok());
      EXPECT_TRUE(log_probability_in_order(z, m, both * c[0], mean).ok());
      EXPECT_TRUE(log_probability_in_order(z, n, both * c[1], mean).ok());
    }
  }
  testing::expect_near(mean, exact, 1e-12);
}

}  // namespace
}  // namespace swy::moe
