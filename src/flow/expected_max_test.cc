#include "flow/expected_max.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/rng.h"

namespace swy::flow {
namespace {

TEST(ExpectedMax, OfTwoIsExact) {  // request-routing.md 3.6
  EXPECT_NEAR(expected_max({.5, .2}, {.6, .2}), .669818, 1e-5);
  EXPECT_NEAR(expected_max({.9, 0}, {.6, .2}), .905861, 1e-5);
  EXPECT_NEAR(expected_max({.3, 0}, {.6, .2}), .605861, 1e-5);
  EXPECT_EQ(expected_max({.5, 0}, {.6, 0}), .6);
  EXPECT_EQ(expected_max({.5, .2}, {.6, .2}, 1), .6);  // theta is 0
}

TEST(ExpectedMax, OfManyIsNearTheTruth) {
  const std::array<Gaussian, 3> same = {{{0, 1}, {0, 1}, {0, 1}}};
  EXPECT_NEAR(expected_max(same), .846284, .01);  // 3 / (2 sqrt(pi))
  // Against 200,000 draws, unlike qualities.
  const std::array<Gaussian, 4> mixed = {{{.5, .2}, {.6, .1}, {.4, .3}, {.65, .05}}};
  base::Rng rng(1, 2, 3);
  const auto normal = [&] {
    const double r = std::sqrt(-2 * std::log(1 - rng.uniform()));
    return r * std::cos(6.283185307179586 * rng.uniform());
  };
  double sum = 0;
  for (int i = 0; i < 200'000; ++i) {
    double best = -9;
    for (const Gaussian& g : mixed) best = std::max(best, g.mean + g.sd * normal());
    sum += best;
  }
  EXPECT_NEAR(expected_max(mixed), sum / 200'000, .008);
}

TEST(Supermodel, ChoosesAsTheExampleOfCascadeRouting) {  // 5.8 f
  const std::array<double, 2> cost = {1, 4};
  std::array<Gaussian, 2> q = {{{.5, .2}, {.6, .2}}};
  const double price = .01;
  EXPECT_NEAR(supermodel_value(1, q, cost, price), .49, 1e-5);
  EXPECT_NEAR(supermodel_value(2, q, cost, price), .56, 1e-5);
  EXPECT_NEAR(supermodel_value(3, q, cost, price), .619818, 1e-5);
  EXPECT_EQ(best_supermodel(q, cost, 3, 0, price).set, 3U);
  q[0] = {.9, 0};
  EXPECT_NEAR(supermodel_value(1, q, cost, price), .89, 1e-5);
  EXPECT_NEAR(supermodel_value(3, q, cost, price), .855861, 1e-5);
  EXPECT_EQ(best_supermodel(q, cost, 3, 1, price).set, 1U);  // stop
  q[0] = {.3, 0};
  EXPECT_NEAR(supermodel_value(1, q, cost, price), .29, 1e-5);
  EXPECT_NEAR(supermodel_value(3, q, cost, price), .555861, 1e-5);
  EXPECT_EQ(best_supermodel(q, cost, 3, 1, price).set, 3U);  // run 2
  q = {{{.5, 0}, {.6, 0}}};
  EXPECT_NEAR(supermodel_value(3, q, cost, price), .55, 1e-5);
  EXPECT_EQ(best_supermodel(q, cost, 3, 0, price).set, 2U);  // plain routing
}

// T4: true outcomes of S, M, L on four questions, at 1, 4, 20.
constexpr double kTruth[4][3] = {{1, 1, 1}, {0, 1, 1}, {0, 0, 1}, {0, 1, 0}};
constexpr double kCost[3] = {1, 4, 20};

Spent at_price(double price) {
  Spent mean;
  for (const auto& row : kTruth) {
    int best = 0;
    for (int m = 1; m < 3; ++m) {
      if (row[m] - price * kCost[m] > row[best] - price * kCost[best] + 1e-12) best = m;
    }
    mean.quality += row[best] / 4;
    mean.cost += kCost[best] / 4;
  }
  return mean;
}

TEST(BudgetPrice, MixesTheTwoSidesOfTheStep) {  // 3.7
  const BudgetPrice found = price_for_budget(at_price, 5);
  EXPECT_NEAR(found.cheap, 1.0 / 19, 1e-5);
  EXPECT_NEAR(found.dear, 1.0 / 19, 1e-5);
  EXPECT_NEAR(found.gamma, .526316, 1e-5);
  EXPECT_NEAR(found.expected.cost, 5, 1e-5);
  EXPECT_NEAR(found.expected.quality, .881579, 1e-5);
}

TEST(BudgetPrice, IsNothingWhereMoneyIsEnough) {
  const BudgetPrice found = price_for_budget(at_price, 100);
  EXPECT_EQ(found.gamma, 1);
  EXPECT_EQ(found.dear, 0);
  EXPECT_NEAR(found.expected.cost, 7.25, 1e-9);
}

}  // namespace
}  // namespace swy::flow
