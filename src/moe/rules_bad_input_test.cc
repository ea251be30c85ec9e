// The inputs that rules meet once a year: nothing, one of a million, all the same, no number, too
// little memory. Every function that takes tables or spans is called with all of them.
#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "moe/auction.h"
#include "moe/balance_loss.h"
#include "moe/gradient.h"
#include "moe/locality_loss.h"
#include "moe/online_bip.h"
#include "moe/pipeline_plan.h"
#include "moe/placement.h"
#include "moe/pool_rules.h"
#include "moe/router_loss.h"
#include "moe/routing_metrics.h"
#include "moe/score_edit.h"
#include "moe/sinkhorn.h"
#include "moe/state_routers.h"
#include "moe/testing/golden.h"
#include "moe/testing/rule_calls.h"
#include "moe/variable_count.h"

namespace swy::moe {
namespace {

using testing::Fill;
using testing::kFills;
using testing::kInf;
using testing::kRules;
using testing::Memory;
using testing::Rule;
using testing::Table;

TEST(BadInput, EverySpanThatIsTooShortIsNamed) {
  for (const Rule& rule : kRules) {
    for (const std::size_t gap : {0U, 3U}) {
      Memory whole({.gap = gap});
      const Status fine = rule.call(whole);
      ASSERT_TRUE(fine.ok()) << rule.name << ": " << fine.what;
      for (const std::string& name : whole.names) {
        if (name.starts_with("no ")) continue;
        Memory cut({.gap = gap, .too_short = name});
        const Status s = rule.call(cut);
        EXPECT_FALSE(s.ok()) << rule.name << ": " << name;
        EXPECT_STREQ(s.what, name == "limit" ? "limit" : name.c_str()) << rule.name;
      }
    }
  }
}

TEST(BadInput, NumbersOfEveryKindNeverLeadOutOfTheTables) {
  struct {
    std::size_t tokens, experts, k;
  } constexpr kShapes[] = {{6, 5, 2}, {1, 1, 1}, {7, 3, 9}, {5, 70, 4}, {13, 7, 7}, {1, 2, 1}};
  for (const Rule& rule : kRules)
    for (const Fill fill : kFills)
      for (const auto& shape : kShapes)
        for (const std::size_t gap : {0U, 3U}) {
          Memory m({shape.tokens, shape.experts, shape.k, fill, gap, {}});
          const Status s = rule.call(m);
          const bool plain = fill == Fill::kNormal || fill == Fill::kEqual;
          if (plain && shape.k < shape.experts) {
            EXPECT_TRUE(s.ok()) << rule.name << ": " << s.what;
          }
          if (!s.ok()) {
            EXPECT_STRNE(s.what, "") << rule.name;
          }
          EXPECT_TRUE(!s.ok() || m.choices_exist()) << rule.name << " " << static_cast<int>(fill);
        }
}

TEST(BadInput, NothingIsNeverFatal) {
  for (const Rule& rule : kRules)
    for (const auto& [tokens, experts] : {std::pair{0U, 5U}, {6U, 0U}, {0U, 0U}}) {
      Memory m({tokens, experts, 2, Fill::kNormal, 0, {}});
      const Status s = rule.call(m);
      if (!s.ok()) {
        EXPECT_STRNE(s.what, "") << rule.name;
      }
      if (experts == 5) {
        EXPECT_TRUE(s.ok()) << rule.name << ": " << s.what;
      }
    }
}

TEST(BadInput, EveryRuleTakesOneTokenOfAMillionExperts) {
  for (const Rule& rule : kRules) {
    if (rule.square) continue;
    Memory m({1, std::size_t{1} << 20U, 8, Fill::kNormal, 0, {}});
    const Status s = rule.call(m);
    EXPECT_TRUE(s.ok()) << rule.name << ": " << s.what;
    EXPECT_TRUE(m.choices_exist()) << rule.name;
  }
}

TEST(BadInput, ExpertsThatAreNotThereAreRefused) {
  std::vector<double> p(6);
  std::vector<double> scratch(6);
  const std::vector<std::int32_t> chosen = {0, 3};
  const Rows<const std::int32_t> rows(chosen, 2, 1);
  const BalanceLayer one{{p, 2, 3}, rows, {}};
  EXPECT_STREQ(balance_loss({&one, 1}, 1, 1, scratch).status.what, "chosen");
  EXPECT_TRUE(std::isnan(balance_loss({&one, 1}, 1, 1, scratch)));
  std::vector<std::uint32_t> count(3);
  std::vector<std::uint64_t> histogram(3);
  EXPECT_STREQ(count_windows(rows, 2, count, histogram).what, "chosen");
  std::vector<double> weight(2);
  std::vector<std::int32_t> id = {0, 1};
  EXPECT_STREQ(force_expert({p.data(), 3}, 3, false, id, weight).what, "forced");
  id[1] = -1;
  EXPECT_STREQ(force_expert({p.data(), 3}, 2, false, id, weight).what, "chosen");
  id = {1, 1};
  EXPECT_STREQ(log_probability_in_order({p.data(), 3}, id, 0, {}).status.what, "id");
  const ExpertSlice slice{.expert = 4, .end = 1};
  EXPECT_STREQ(plan_cost({&slice, 1}, 4, {}).status.what, "slices");
}

TEST(BadInput, PlannersRefuseMachinesThatAreNotThere) {
  EXPECT_STREQ(pipeline_seconds({}, 0).status.what, "parts");
  EXPECT_STREQ(best_parts({}, 0).status.what, "most");
  EXPECT_STREQ(all_to_all_seconds({.nodes = 0}, 1, false).status.what, "net");
  EXPECT_STREQ(tutel_plan({}, {.devices = 2}, {}).status.what, "device.devices");
  EXPECT_STREQ(tutel_plan({.experts = 3}, {.devices = 2}, {.nodes = 2}).status.what,
               "load.experts");
  EXPECT_STREQ(fsmoe_plan({}, {}, {}, 2, 0).status.what, "most_parts");
  EXPECT_STREQ(layer_limit(LayerSchedule::kWave, 4, 4, 1, 2).status.what, "layer");
  EXPECT_STREQ(layer_limit(LayerSchedule::kWave, 0, 4, 3, 2).status.what, "kmin");
  const std::vector<std::uint64_t> tokens = {1, UINT64_MAX};
  EXPECT_STREQ(llep_plan(tokens, 2, {}, {}, {}).status.what, "memory.order");
  std::vector<std::uint32_t> order(2);
  std::vector<std::uint64_t> load(4);
  std::vector<ExpertSlice> slices(most_slices(2, 2));
  const LlepMemory memory{order, {load.data(), 2}, {load.data() + 2, 2}};
  EXPECT_STREQ(llep_plan(tokens, 2, {}, memory, slices).status.what, "tokens");
  EXPECT_STREQ(llep_plan(tokens, 3, {}, memory, slices).status.what, "devices");
  EXPECT_STREQ(llep_plan(tokens, 2, {.alpha = -1}, memory, slices).status.what, "options.alpha");
}

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
  const BalanceLayer none{{nullptr, 0, 3}, {nullptr, 0, 1}, {}};
  EXPECT_EQ(balance_loss({&none, 1}, 1, 1, two), 0);
  EXPECT_EQ(balance_loss({}, 1, 1, two), 0);
  EXPECT_EQ(z_loss({nullptr, 0, 3}, 1, {}), 0);
  EXPECT_EQ(kl_to_uniform({nullptr, 0, 3}, 1, two, {}), 0);
  EXPECT_EQ(mean_entropy({nullptr, 0, 3}, 1, 1, {}), 0);
  EXPECT_EQ(entropy_of_mean({nullptr, 0, 3}, 1, 1, two, {}), 0);
  EXPECT_EQ(budget_loss({}, .5, 1, {}), 0);
  EXPECT_EQ(context_independence({nullptr, 0, 3}), 0);
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
  EXPECT_TRUE(sinkhorn_log(same.view(), {}, {}, {}, scratch, plan.view()).ok());
  for (const double p : plan.data) EXPECT_NEAR(p, .25, 1e-12);
}

TEST(BadInput, TokensWithoutAnExpertHaveNoPlan) {
  Table<double> z(testing::Matrix{{-kInf, -kInf}, {1, 2}, {2, 1}});
  std::vector<double> scratch(sinkhorn_scratch(3, 2));
  const std::vector<double> mass = {1, 1};
  Table<double> plan(3, 2);
  EXPECT_TRUE(sinkhorn_log(z.view(), {}, mass, {}, scratch, plan.view()).ok());
  EXPECT_EQ(plan.at(0, 0) + plan.at(0, 1), 0);
  EXPECT_NEAR(plan.at(1, 0) + plan.at(1, 1), 1, 1e-9);
  Table<float> single(testing::Matrix{{-kInf, -kInf}, {1, 2}, {2, 1}});
  std::vector<float> room(sinkhorn_scratch(3, 2));
  const std::vector<float> one = {1, 1};
  EXPECT_TRUE(sinkhorn(math::best_kernels(), single.view(), {}, one, {}, room, single.view()).ok());
  EXPECT_EQ(single.at(0, 0) + single.at(0, 1), 0);
  EXPECT_NEAR(single.at(2, 0) + single.at(2, 1), 1, 1e-5);
}

TEST(BadInput, DenormalsAndHugeScoresStayFinite) {
  Table<double> odd(testing::Matrix{{5e-324, 1e300}, {-1e300, 5e-324}, {0, 1e-310}, {3, 4}});
  std::vector<double> scratch(sinkhorn_scratch(4, 2));
  Table<double> plan(4, 2);
  EXPECT_TRUE(sinkhorn_log(odd.view(), {}, {}, {}, scratch, plan.view()).ok());
  const Sold s = sell(odd.view(), 2);
  ASSERT_TRUE(s.status.ok());
  EXPECT_TRUE(std::isfinite(s.outcome.value));
  Table<float> z(testing::Matrix{{1e-40, 2e-40}, {3e-40, 1e-40}});
  std::vector<float> room(sinkhorn_scratch(2, 2));
  EXPECT_TRUE(sinkhorn(math::best_kernels(), z.view(), {}, {}, {}, room, z.view()).ok());
  for (const float p : z.data) EXPECT_NEAR(p, .5F, 1e-6F);
}

TEST(BadInput, OneTokenOfAMillionExpertsGoesToItsBest) {
  constexpr std::size_t kMany = std::size_t{1} << 20U;
  base::Rng rng(161, 0, 0);
  auto z = testing::random_table(rng, 1, kMany);
  const std::size_t best = best_of(z.data);
  const Sold s = sell(z.view(), 1);
  ASSERT_TRUE(s.status.ok());
  EXPECT_EQ(s.owner[0], best);
  std::vector<double> load(kMany);
  const std::vector<double> sd(kMany, .5);
  EXPECT_TRUE(noisy_load(z.data, z.data, sd, 8, load).ok());
  EXPECT_GT(load[best], .5);
  softmax(z.data, z.data);
  std::vector<double> scratch(2 * kMany);
  Table<double> gate(1, kMany);
  EXPECT_TRUE(union_gate(z.view(), 8, 1, scratch, gate.view()).ok());
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
