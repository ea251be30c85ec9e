#include "math/dual_price.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace swy::math {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The fixture T4 of request-routing.md: four questions, three models of cost 1, 4, 20.
const std::vector<double> kValue{1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0};
const std::vector<double> kCost{1, 4, 20, 1, 4, 20, 1, 4, 20, 1, 4, 20};
const Options kT4{kValue, kCost, 3};

TEST(DualPrice, MixesTheTwoPoliciesAtTheCrossing) {  // request-routing.md 3.7
  const DualPrice d = price_for_budget(kT4, 5);
  EXPECT_EQ(d.bound, DualPrice::Bound::kMet);
  EXPECT_NEAR(d.price, 1.0 / 19, 1e-12);
  EXPECT_NEAR(d.low_cost, 2.5, 1e-12);
  EXPECT_NEAR(d.high_cost, 7.25, 1e-12);
  EXPECT_NEAR(d.mix, 0.526316, 1e-6);
  EXPECT_NEAR(d.mean_value, 0.881579, 1e-6);
  EXPECT_NEAR(d.mean_cost, 5, 1e-12);
}

TEST(DualPrice, FindsEveryBreakpointOfTheFixture) {
  EXPECT_NEAR(price_for_budget(kT4, 2).price, 1.0 / 3, 1e-12);
  EXPECT_NEAR(price_for_budget(kT4, 2.6).price, 1.0 / 19, 1e-12);
  EXPECT_EQ(price_for_budget(kT4, 8).price, 0);
  EXPECT_EQ(price_for_budget(kT4, 8).bound, DualPrice::Bound::kLoose);
  EXPECT_NEAR(price_for_budget(kT4, 8).mean_cost, 7.25, 1e-12);
  EXPECT_EQ(price_for_budget(kT4, 0.9).bound, DualPrice::Bound::kInfeasible);
  EXPECT_TRUE(std::isinf(price_for_budget(kT4, 0.9).price));
}

TEST(DualPrice, FindsTheLeastCostForAMeanValue) {  // request-routing.md 5.11
  const DualPrice three_quarters = price_for_value(kT4, 0.75);
  EXPECT_NEAR(4 * three_quarters.mean_cost, 10, 1e-6);
  const DualPrice nine_tenths = price_for_value(kT4, 0.9);
  EXPECT_NEAR(4 * nine_tenths.mean_cost, 21.4, 1e-6);
  EXPECT_NEAR(nine_tenths.mix, 0.6, 1e-6);
  EXPECT_NEAR(4 * price_for_value(kT4, 1).mean_cost, 29, 1e-6);
  EXPECT_EQ(price_for_value(kT4, 1.01).bound, DualPrice::Bound::kInfeasible);
  EXPECT_NEAR(4 * price_for_value(kT4, 0.1).mean_cost, 4, 1e-12);
}

TEST(DualPrice, TakesTheSideOfEqualsThatIsAskedFor) {
  const std::vector<double> value{0, 0, 1};
  const std::vector<double> cost{1, 4, 20};
  EXPECT_EQ(best_at(value, cost, 1.0 / 19, Side::kCheaper), 0U);
  EXPECT_EQ(best_at(value, cost, 1.0 / 19, Side::kDearer), 2U);
  EXPECT_EQ(best_at(value, cost, 1.0 / 18, Side::kDearer), 0U);
  EXPECT_EQ(best_at(value, cost, 1.0 / 20, Side::kCheaper), 2U);
  EXPECT_EQ(best_at(value, cost, std::numeric_limits<double>::infinity(), Side::kDearer), 0U);
  const std::vector<double> unknown{kNone, kNone, kNone};
  EXPECT_EQ(best_at(unknown, cost, 0, Side::kDearer), kNoOption);
  EXPECT_EQ(best_at(value, unknown, 0, Side::kDearer), kNoOption);
}

TEST(DualPrice, MixesTwoOptionsOfOneQuestion) {  // request-routing.md 5.9, P2L's simple-lp
  const std::vector<double> value{0, 1, 2};
  const std::vector<double> cost{1, 4, 20};
  std::vector<double> p(3);
  EXPECT_TRUE(best_mixture(value, cost, 10, p));
  EXPECT_NEAR(p[1], 0.625, 1e-12);
  EXPECT_NEAR(p[2], 0.375, 1e-12);
  EXPECT_NEAR(p[1] * 1 + p[2] * 2, 1.375, 1e-12);
  EXPECT_TRUE(best_mixture(value, cost, 2, p));
  EXPECT_NEAR(p[0], 2.0 / 3, 1e-12);
  EXPECT_NEAR(p[1], 1.0 / 3, 1e-12);
  EXPECT_FALSE(best_mixture(value, cost, 0.5, p));
  EXPECT_EQ(p[0], 1);
  EXPECT_TRUE(best_mixture(value, cost, 100, p));
  EXPECT_EQ(p[2], 1);
}

// Random instances: the price must reproduce the walk question by question, and no other price may
// do better at the same cost.
TEST(DualPrice, DecidesQuestionByQuestionWhatTheWalkPromises) {
  base::Rng rng(1, 0, 0);
  for (int round = 0; round < 200; ++round) {
    const std::size_t m = 1 + rng.below(6);
    const std::size_t n = 1 + rng.below(40);
    std::vector<double> value(n * m);
    std::vector<double> cost(n * m);
    for (double& v : value)
      v = rng.below(9) == 0 ? kNone : 0.125 * static_cast<double>(rng.below(9));
    for (double& c : cost) c = static_cast<double>(1 + rng.below(12));
    for (std::size_t i = 0; i < n; ++i) value[i * m] = 0.5;
    const Options o{value, cost, m};
    const double budget = 1 + 11 * rng.uniform();
    const DualPrice d = price_for_budget(o, budget);
    double low = 0;
    double high = 0;
    double bound = 0;  // the Lagrangian at this price: no policy within the budget is above it
    for (std::size_t i = 0; i < n; ++i) {
      const std::span<const double> v(value.data() + i * m, m);
      const std::span<const double> c(cost.data() + i * m, m);
      const std::size_t l = best_at(v, c, d.price, Side::kCheaper);
      low += c[l];
      high += c[best_at(v, c, d.price, Side::kDearer)];
      if (!std::isinf(d.price)) bound += v[l] - d.price * c[l];
    }
    const auto count = static_cast<double>(n);
    EXPECT_NEAR(low / count, d.low_cost, 1e-9) << round;
    if (d.bound == DualPrice::Bound::kMet) {
      EXPECT_NEAR(high / count, d.high_cost, 1e-9) << round;
      EXPECT_NEAR(d.mean_cost, budget, 1e-9) << round;
      EXPECT_NEAR(d.mean_value, bound / count + d.price * budget, 1e-9) << round;
    }
  }
}

}  // namespace
}  // namespace swy::math
