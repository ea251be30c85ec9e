#include "math/batch_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace swy::math {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
// The fixture T4 of request-routing.md: four questions, three models of cost 1, 4, 20.
const std::vector<double> kValue{1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0};
const std::vector<double> kCost{1, 4, 20, 1, 4, 20, 1, 4, 20, 1, 4, 20};
const Options kT4{kValue, kCost, 3};
const std::vector<std::size_t> kFree{4, 4, 4};

TEST(BatchChoice, ChoosesTheFixtureAtAPrice) {  // request-routing.md 5.11: lambda = 5 -> S, M, S, M
  const auto c = choose_batch(kT4, 1.0 / 5, kFree);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->option, (std::vector<std::size_t>{0, 1, 0, 1}));
  EXPECT_NEAR(4 * c->cost, 10, 1e-12);
}

TEST(BatchChoice, PlansTheFixtureForAFloor) {  // 5.11: 10, 29, 21.4
  const auto three_quarters = plan_batch(kT4, 0.75, kFree);
  ASSERT_TRUE(three_quarters);
  EXPECT_NEAR(4 * three_quarters->cost(), 10, 1e-6);
  EXPECT_EQ(three_quarters->dear.option, (std::vector<std::size_t>{0, 1, 0, 1}));
  EXPECT_NEAR(4 * plan_batch(kT4, 1, kFree)->cost(), 29, 1e-6);
  const auto gap = plan_batch(kT4, 0.9, kFree);
  EXPECT_NEAR(4 * gap->cost(), 21.4, 1e-6);
  EXPECT_NEAR(gap->mix, 0.6, 1e-9);
  EXPECT_NEAR(gap->price, 1.0 / 19, 1e-9);
}

TEST(BatchChoice, KeepsTheLoads) {  // 5.11: M usable once -> 26
  const std::vector<std::size_t> once{4, 1, 4};
  const auto plan = plan_batch(kT4, 0.75, once);
  ASSERT_TRUE(plan);
  EXPECT_NEAR(4 * plan->cost(), 26, 1e-6);
  for (const auto* side : {&plan->cheap, &plan->dear})
    EXPECT_LE(std::count(side->option.begin(), side->option.end(), 1U), 1);
}

TEST(BatchChoice, SaysWhenItCannotBeDone) {
  EXPECT_FALSE(choose_batch(kT4, 0, std::vector<std::size_t>{1, 1, 1}));
  const std::vector<std::size_t> no_l{4, 4, 0};
  const auto plan = plan_batch(kT4, 1, no_l);
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->reached);
  EXPECT_NEAR(plan->value(), 0.75, 1e-12);
  EXPECT_NEAR(4 * plan->cost(), 1 + 4 + 1 + 4, 1e-12);
}

// The best worth over all assignments within the loads.
double enumerate(const Options& o, double price, std::vector<std::size_t> room, std::size_t i) {
  if (i == o.questions()) return 0;
  double best = -1e18;
  for (std::size_t m = 0; m < o.options; ++m) {
    const double v = o.value[i * o.options + m];
    if (room[m] == 0 || std::isnan(v)) continue;
    --room[m];
    best = std::max(best, v - price * o.cost[i * o.options + m] + enumerate(o, price, room, i + 1));
    ++room[m];
  }
  return best;
}

TEST(BatchChoice, AgreesWithEnumerationOnSmallBatches) {
  base::Rng rng(3, 0, 0);
  for (int round = 0; round < 300; ++round) {
    const std::size_t m = 2 + rng.below(3);
    const std::size_t n = 1 + rng.below(6);
    std::vector<double> value(n * m);
    std::vector<double> cost(n * m);
    for (double& v : value) v = rng.below(7) == 0 ? kNone : rng.uniform();
    for (double& c : cost) c = 1 + 9 * rng.uniform();
    std::vector<std::size_t> room(m);
    for (std::size_t& r : room) r = rng.below(n + 1);
    const Options o{value, cost, m};
    const double price = 0.2 * rng.uniform();
    const double best = enumerate(o, price, room, 0);
    const auto chosen = choose_batch(o, price, room);
    ASSERT_EQ(chosen.has_value(), best > -1e17) << round;
    if (!chosen) continue;
    EXPECT_NEAR(static_cast<double>(n) * (chosen->value - price * chosen->cost), best, 1e-9)
        << round;
  }
}

TEST(BatchChoice, EndsHoweverLargeTheNumbers) {  // rounding must not send paths in circles
  base::Rng rng(5, 0, 0);
  std::vector<double> value(60 * 6);
  std::vector<double> cost(60 * 6);
  for (double& v : value) v = 0.1 * static_cast<double>(rng.below(11));
  for (double& c : cost) c = 1 + 1e-7 * static_cast<double>(rng.below(7));
  const std::vector<std::size_t> ten(6, 10);
  for (const double price : {1e3, 1e7, 1e11, 1e15}) {
    const auto chosen = choose_batch({value, cost, 6}, price, ten);
    ASSERT_TRUE(chosen);
    for (std::size_t m = 0; m < 6; ++m)
      EXPECT_EQ(std::count(chosen->option.begin(), chosen->option.end(), m), 10) << price;
  }
}

TEST(BatchChoice, WithoutLoadsAgreesWithThePriceQuestionByQuestion) {
  base::Rng rng(4, 0, 0);
  std::vector<double> value(200 * 5);
  std::vector<double> cost(200 * 5);
  for (double& v : value) v = rng.uniform();
  for (double& c : cost) c = 1 + 9 * rng.uniform();
  const Options o{value, cost, 5};
  const std::vector<std::size_t> free(5, 200);
  for (const double floor : {0.3, 0.6, 0.75, 0.8}) {
    const auto plan = plan_batch(o, floor, free);
    ASSERT_TRUE(plan);
    EXPECT_NEAR(plan->cost(), price_for_value(o, floor).mean_cost, 1e-6) << floor;
  }
}

}  // namespace
}  // namespace swy::math
