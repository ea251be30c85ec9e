// The inputs that rules meet once a year: nothing, one of a million, all the same.
#include <gtest/gtest.h>

#include <numeric>

#include "moe/auction.h"
#include "moe/balance_loss.h"
#include "moe/placement.h"
#include "moe/pool_rules.h"
#include "moe/router_loss.h"
#include "moe/routing_metrics.h"
#include "moe/sinkhorn.h"
#include "moe/testing/golden.h"
#include "moe/variable_count.h"

namespace swy::moe {
namespace {

using testing::Table;

struct Sold {
  Status status;
  AuctionOutcome outcome;
  std::vector<std::uint32_t> owner;
};

Sold sell(Rows<const double> score, std::uint32_t each) {
  const std::vector<std::uint32_t> limit(score.cols, each);
  std::vector<AuctionSlot> slot(score.cols * each);
  std::vector<std::uint32_t> begin(score.cols + 1);
  std::vector<std::uint32_t> waiting(score.rows);
  std::vector<double> price(score.cols);
  Sold out;
  out.owner.resize(score.rows);
  out.status =
      slot_auction(score, limit, {}, {slot, begin, waiting}, {out.owner, price, out.outcome});
  return out;
}

TEST(BadInput, NoTokensGiveNothing) {
  EXPECT_TRUE(sell(Rows<const double>(nullptr, 0, 3), 0).status.ok());
  std::vector<double> scratch(sinkhorn_scratch(0, 3));
  EXPECT_EQ(sinkhorn_log({nullptr, 0, 3}, {}, {}, {}, scratch, {nullptr, 0, 3}).iterations, 0U);
  std::vector<double> two(6);
  const BalanceLayer layer{{nullptr, 0, 3}, {nullptr, 0, 1}, {}};
  EXPECT_EQ(balance_loss({&layer, 1}, 1, 1, two), 0);
  EXPECT_EQ(balance_loss({}, 1, 1, two), 0);
  EXPECT_EQ(z_loss({nullptr, 0, 3}, 1, {}), 0);
  EXPECT_EQ(kl_to_uniform({nullptr, 0, 3}, 1, two, {}), 0);
  EXPECT_EQ(mean_entropy({nullptr, 0, 3}, 1, 1, {}), 0);
  EXPECT_EQ(entropy_of_mean({nullptr, 0, 3}, 1, 1, two, {}), 0);
  EXPECT_EQ(budget_loss({}, .5, 1, {}), 0);
  EXPECT_EQ(context_independence({nullptr, 0, 3}), 0);
  std::vector<std::uint64_t> histogram(5);
  std::vector<std::uint32_t> count(3);
  count_windows({nullptr, 0, 1}, 4, count, histogram);
  EXPECT_EQ(segment_performance(histogram).f1, 0);
}

TEST(BadInput, NoSlotsAreRefusedAndExpertsWithoutSlotsLeftOut) {
  const Table<double> score(2, 3);
  EXPECT_STREQ(sell(score.view(), 0).status.what, "limit");
  EXPECT_EQ(sell(score.view(), 1).owner, (std::vector<std::uint32_t>{0, 1}));
}

TEST(BadInput, EqualScoresAreSharedOut) {
  Table<double> same(12, 4);
  std::fill(same.data.begin(), same.data.end(), 7.0);
  const Sold s = sell(same.view(), 3);
  ASSERT_TRUE(s.status.ok());
  EXPECT_NEAR(s.outcome.value, 84, 1e-9);
  Table<double> plan(12, 4);
  std::vector<double> scratch(sinkhorn_scratch(12, 4));
  sinkhorn_log(same.view(), {}, {}, {}, scratch, plan.view());
  for (const double p : plan.data) EXPECT_NEAR(p, .25, 1e-12);
}

TEST(BadInput, DenormalsAndHugeScoresStayFinite) {
  Table<double> odd(testing::Matrix{{5e-324, 1e300}, {-1e300, 5e-324}, {0, 1e-310}, {3, 4}});
  std::vector<double> scratch(sinkhorn_scratch(4, 2));
  Table<double> plan(4, 2);
  sinkhorn_log(odd.view(), {}, {}, {}, scratch, plan.view());
  const Sold s = sell(odd.view(), 2);
  ASSERT_TRUE(s.status.ok());
  EXPECT_TRUE(std::isfinite(s.outcome.value));
  Table<float> z(testing::Matrix{{1e-40, 2e-40}, {3e-40, 1e-40}});
  std::vector<float> room(sinkhorn_scratch(2, 2));
  sinkhorn(math::best_kernels(), z.view(), {}, {}, {}, room, z.view());
  for (const float p : z.data) EXPECT_NEAR(p, .5F, 1e-6F);
}

TEST(BadInput, OneTokenOfAMillionExperts) {
  constexpr std::size_t kMany = std::size_t{1} << 20U;
  base::Rng rng(161, 0, 0);
  auto z = testing::random_table(rng, 1, kMany);
  const std::size_t best = best_of(z.data);
  const Sold s = sell(z.view(), 1);
  ASSERT_TRUE(s.status.ok());
  EXPECT_EQ(s.owner[0], best);
  std::vector<double> load(kMany);
  const std::vector<double> sd(kMany, .5);
  noisy_load(z.data, z.data, sd, 8, load);
  EXPECT_GT(load[best], .5);
  softmax(z.data, z.data);
  std::vector<double> scratch(2 * kMany);
  Table<double> gate(1, kMany);
  union_gate(z.view(), 8, 1, scratch, gate.view());
  EXPECT_EQ(best_of(gate.data), best);
  std::vector<double> weight(kMany);
  EXPECT_EQ(dynmole_weights(z.data, {.limit = 100, .mass = 1e-5, .k = 4}, weight), 4U);
}

TEST(BadInput, EmptyLoadsAndSingleDevicesAreLeftWhereTheyAre) {
  const std::vector<std::uint64_t> tokens = {0, 0, 0, 5};
  std::vector<std::uint32_t> order(4);
  std::vector<std::uint64_t> pending(1);
  std::vector<std::uint64_t> assigned(1);
  std::vector<ExpertSlice> slices(most_slices(4, 1));
  const LlepPlan p = llep_plan(tokens, 1, {.trigger = 0}, {order, pending, assigned}, slices);
  EXPECT_EQ(p.slices, 1U);
  EXPECT_EQ(p.transfers, 0U);
}

}  // namespace
}  // namespace swy::moe
