#include "eval/batch_planners.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace swy::eval {
namespace {

struct Case {
  std::vector<double> value, cost;
  std::vector<std::size_t> room;
  std::size_t m = 0;
  [[nodiscard]] math::Options options() const { return {value, cost, m}; }
};

Case random_case(base::Rng& rng) {
  Case c;
  const std::size_t n = 5 + rng.below(60);
  c.m = 2 + rng.below(5);
  for (std::size_t i = 0; i < n * c.m; ++i) {
    c.value.push_back(rng.uniform());
    c.cost.push_back(rng.uniform() * (1 + static_cast<double>(i % c.m)));
  }
  std::size_t all = 0;
  for (std::size_t k = 0; k < c.m; ++k) {
    c.room.push_back(rng.below(n));
    all += c.room.back();
  }
  if (all < n) c.room[0] += n - all;
  return c;
}

double worth(const Case& c, const std::vector<std::size_t>& option, double price) {
  double sum = 0;
  for (std::size_t t = 0; t < option.size(); ++t)
    sum += c.value[t * c.m + option[t]] - price * c.cost[t * c.m + option[t]];
  return sum;
}

// Known optimum 10.0 (moe-assignment.md, fixture F2): every question prefers the first model.
TEST(BatchPlanners, FindTheKnownOptimum) {
  Case c{{3, 1, .5, 2.5, 2, 0, 2, 1.8, .2, 1.5, .2, 1.4, 1.2, 1, .9, .9, .1, .3},
         std::vector<double>(18, 0.0),
         {2, 2, 2},
         3};
  for (const Planner p : {Planner::kExact, Planner::kAuction, Planner::kSinkhorn}) {
    const auto plan = plan_with(p, c.options(), 0, c.room);
    ASSERT_TRUE(plan) << to_string(p);
    EXPECT_NEAR(worth(c, plan->option, 0), 10.0, 1e-9) << to_string(p);
  }
}

TEST(BatchPlanners, KeepTheRoomAndNearTheOptimum) {
  base::Rng rng(7, 0, 0);
  double lost_bip = 0, lost_sinkhorn = 0, all = 0;
  for (int i = 0; i < 200; ++i) {
    const Case c = random_case(rng);
    const double price = rng.uniform();
    const auto exact = plan_with(Planner::kExact, c.options(), price, c.room);
    ASSERT_TRUE(exact);
    const double best = worth(c, exact->option, price);
    for (const Planner p : {Planner::kAuction, Planner::kBip, Planner::kSinkhorn}) {
      const auto plan = plan_with(p, c.options(), price, c.room);
      ASSERT_TRUE(plan) << to_string(p);
      std::vector<std::size_t> used(c.m, 0);
      for (const std::size_t m : plan->option) ++used[m];
      for (std::size_t m = 0; m < c.m; ++m) EXPECT_LE(used[m], c.room[m]) << to_string(p);
      const double lost = best - worth(c, plan->option, price);
      EXPECT_GE(lost, -1e-9);
      const auto n = static_cast<double>(plan->option.size());
      if (p == Planner::kAuction) {
        EXPECT_LE(lost, 1e-4 * 6 * n) << i;
      }
      if (p == Planner::kBip) lost_bip += lost;
      if (p == Planner::kSinkhorn) lost_sinkhorn += lost;
      all += p == Planner::kBip ? n : 0;
    }
  }
  EXPECT_LT(lost_bip / all, .01);
  EXPECT_LT(lost_sinkhorn / all, .01);
}

TEST(BatchPlanners, RefuseTooLittleRoomAndQuestionsThatNobodyCanAnswer) {
  const double nan = std::nan("");
  const Case c{{.5, .6, nan, nan}, {1, 1, 1, 1}, {2, 2}, 2};
  for (const Planner p : {Planner::kExact, Planner::kAuction, Planner::kBip, Planner::kSinkhorn}) {
    EXPECT_FALSE(plan_with(p, c.options(), 0, c.room)) << to_string(p);
    const std::vector<std::size_t> little{1, 0};
    EXPECT_FALSE(plan_with(p, c.options(), 0, little)) << to_string(p);
    EXPECT_EQ(planner_named(to_string(p)), p);
  }
  EXPECT_FALSE(planner_named("best"));
}

}  // namespace
}  // namespace swy::eval
