#include "moe/auction.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <numeric>

#include "moe/testing/golden_file.h"

namespace swy::moe {
namespace {

using testing::Table;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

struct Sold {
  std::vector<std::uint32_t> owner;
  std::vector<double> price;
  AuctionOutcome outcome;
  Status status;
};

Sold sell(Rows<const double> score, const std::vector<std::uint32_t>& limit,
          const AuctionOptions& options) {
  const auto slots = std::accumulate(limit.begin(), limit.end(), std::size_t{0});
  std::vector<AuctionSlot> slot(slots);
  std::vector<std::uint32_t> begin(limit.size() + 1);
  std::vector<std::uint32_t> waiting(score.rows);
  Sold out;
  out.owner.resize(score.rows);
  out.price.resize(score.cols);
  out.status = slot_auction(score, limit, options, {slot, begin, waiting},
                            {out.owner, out.price, out.outcome});
  return out;
}

struct Based {
  std::vector<std::uint32_t> taken;
  BaseOutcome outcome;
};

Based base(Rows<const double> score, const BaseOptions& options = {}) {
  const std::size_t n = score.rows;
  std::vector<double> cost(n);
  std::vector<double> bid(n);
  std::vector<std::int32_t> bidder(n);
  std::vector<std::int32_t> holder(n);
  std::vector<std::uint32_t> order(n);
  Based out;
  out.taken.resize(n);
  const Status s =
      base_auction(score, options, {cost, bid, bidder, holder, order}, out.taken, out.outcome);
  EXPECT_TRUE(s.ok()) << s.what;
  return out;
}

// The exact optimum by dynamic programming over what is left of the limits.
double optimum(Rows<const double> score, std::vector<std::uint32_t> limit) {
  std::vector<std::map<std::vector<std::uint32_t>, double>> known(score.rows + 1);
  const std::function<double(std::size_t, std::vector<std::uint32_t>&)> best =
      [&](std::size_t t, std::vector<std::uint32_t>& left) -> double {
    if (t == score.rows) return 0;
    if (const auto it = known[t].find(left); it != known[t].end()) return it->second;
    double most = -1e300;
    for (std::size_t e = 0; e < left.size(); ++e) {
      if (left[e] == 0) continue;
      --left[e];
      most = std::max(most, score.at(t, e) + best(t + 1, left));
      ++left[e];
    }
    known[t][left] = most;
    return most;
  };
  return best(0, limit);
}

TEST(SlotAuction, SolvesTheWorkedExample) {
  const Table<double> f2(testing::kF2);
  const Sold s = sell(f2.view(), {2, 2, 2}, {.eps = 0.01, .scaled = false});
  EXPECT_EQ(s.owner, (std::vector<std::uint32_t>{0, 1, 1, 2, 2, 0}));
  testing::expect_near(s.price, {0.6, 0.11, 0.01}, 1e-9);
  EXPECT_EQ(s.outcome.bids, 76U);
  EXPECT_NEAR(s.outcome.value, 10.0, 1e-9);
}

TEST(SlotAuction, RefusesMoreTokensThanSlots) {
  const Table<double> f2(testing::kF2);
  EXPECT_STREQ(sell(f2.view(), {2, 2, 1}, {}).status.what, "limit");
  EXPECT_STREQ(sell(f2.view(), {2, 2, 2}, {.most_bids = 3}).status.what, "most_bids");
  AuctionOutcome outcome;
  EXPECT_STREQ(
      slot_auction(f2.view(), std::vector<std::uint32_t>{2, 2, 2}, {}, {}, {{}, {}, outcome}).what,
      "memory.slots");
}

TEST(SlotAuction, TakesScoresThatAreNotFiniteForTheSmallest) {
  Table<double> bad(testing::Matrix{{std::nan(""), 1.0}, {-kInfinite, 2.0}, {kInfinite, 0.5}});
  const Sold s = sell(bad.view(), {2, 1}, {.eps = 1e-6});
  EXPECT_EQ(s.owner, (std::vector<std::uint32_t>{0, 1, 0}));
  EXPECT_NEAR(s.outcome.value, 0.5 + 2.0 + 0.5, 1e-5);
  Table<double> none(testing::Matrix{{std::nan(""), std::nan("")}, {std::nan(""), std::nan("")}});
  EXPECT_TRUE(sell(none.view(), {1, 1}, {}).status.ok());
}

// Near the optimum, inside the limits, nobody would rather be elsewhere at these prices.
void expect_bound(Rows<const double> score, const std::vector<std::uint32_t>& limit,
                  const AuctionOptions& options, bool exact) {
  const Sold s = sell(score, limit, options);
  ASSERT_TRUE(s.status.ok());
  std::vector<std::uint32_t> load(limit.size());
  for (const std::uint32_t e : s.owner) ++load[e];
  for (std::size_t e = 0; e < limit.size(); ++e) EXPECT_LE(load[e], limit[e]);
  for (std::size_t t = 0; t < score.rows; ++t) {
    const double own = score.at(t, s.owner[t]) - s.price[s.owner[t]];
    for (std::size_t e = 0; e < limit.size(); ++e)
      EXPECT_GE(own, score.at(t, e) - s.price[e] - s.outcome.eps - 1e-9);
  }
  if (exact) {
    EXPECT_GE(s.outcome.value,
              optimum(score, limit) - static_cast<double>(score.rows) * s.outcome.eps - 1e-9);
  }
}

TEST(SlotAuction, StaysWithinTokensTimesEpsOfTheOptimum) {
  for (std::size_t i = 0; i < testing::random_cases(); ++i) {
    base::Rng rng(11, i, 0);
    const std::size_t experts = 2 + rng.below(3);
    const std::size_t tokens = 1 + rng.below(8);
    const auto score = testing::random_table(rng, tokens, experts);
    std::vector<std::uint32_t> limit(experts);
    for (std::size_t t = 0; t < tokens; ++t) ++limit[rng.below(experts)];
    if (i % 2 == 1) ++limit[rng.below(experts)];
    expect_bound(score.view(), limit, {.eps = 0.01, .scaled = i % 4 < 2}, true);
    if (HasFailure()) FAIL() << "case " << i;
  }
}

TEST(SlotAuction, ScalingSavesBidsAndKeepsTheBound) {
  base::Rng rng(5, 0, 0);
  auto score = testing::random_table(rng, 256, 8);
  for (std::size_t t = 0; t < 256; ++t) {
    for (std::size_t e = 0; e < 8; ++e) score.at(t, e) -= 0.3 * static_cast<double>(e);
    softmax(score.view().row(t), score.view().row(t));
  }
  const std::vector<std::uint32_t> limit(8, 32);
  expect_bound(score.view(), limit, {.eps = 1e-4}, false);
  const Sold with = sell(score.view(), limit, {.eps = 1e-4});
  const Sold without = sell(score.view(), limit, {.eps = 1e-4, .scaled = false});
  EXPECT_NEAR(with.outcome.value, without.outcome.value, 256e-4);
  EXPECT_LT(with.outcome.bids, without.outcome.bids);
  RecordProperty("bids_scaled", static_cast<int>(with.outcome.bids));
  RecordProperty("bids_plain", static_cast<int>(without.outcome.bids));
}

TEST(BaseAuction, SolvesTheWorkedExample) {
  const Table<double> f2(testing::kF2);
  const Based b = base(f2.view());
  EXPECT_EQ(b.taken, (std::vector<std::uint32_t>{0, 5, 1, 2, 3, 4}));
  EXPECT_EQ(b.outcome.rounds, 5U);
  EXPECT_TRUE(b.outcome.partition);
}

TEST(BaseAuction, GivesEveryExpertItsShareAndLosesLittle) {
  double sum = 0;
  double worst = 0;
  const std::size_t n = testing::random_cases();
  for (std::size_t i = 0; i < n; ++i) {
    base::Rng rng(12, i, 0);
    const auto score = testing::random_table(rng, 12, 4);
    const Based b = base(score.view());
    ASSERT_TRUE(b.outcome.partition) << "case " << i;
    double value = 0;
    for (std::size_t at = 0; at < 12; ++at) value += score.view().at(b.taken[at], at / 3);
    const double gap = (optimum(score.view(), {3, 3, 3, 3}) - value) / 12;
    EXPECT_GE(gap, -1e-9);
    sum += gap;
    worst = std::max(worst, gap);
  }
  // Oracle, 20 instances: mean .0049, worst .029.
  EXPECT_LT(sum / static_cast<double>(n), 0.02);
  RecordProperty("mean_gap_millionths", static_cast<int>(1e6 * sum / static_cast<double>(n)));
  RecordProperty("worst_gap_millionths", static_cast<int>(1e6 * worst));
}

TEST(BaseAuction, RefusesExpertsThatDoNotDivideTheTokens) {
  const Table<double> odd(5, 2);
  std::vector<double> d(5);
  std::vector<std::int32_t> i(5);
  std::vector<std::int32_t> j(5);
  std::vector<double> c(5);
  std::vector<std::uint32_t> o(5);
  std::vector<std::uint32_t> taken(5);
  BaseOutcome outcome;
  EXPECT_FALSE(base_auction(odd.view(), {}, {c, d, i, j, o}, taken, outcome).ok());
}

TEST(Auctions, AgreeWithTheOraclesFile) {
  SWY_MOE_GOLDEN(golden);
  const Table<double> f2(testing::matrix(golden.at("D_slot_auction", "S")));
  const Sold s = sell(f2.view(), {2, 2, 2}, {.eps = 0.01, .scaled = false});
  testing::expect_near(s.owner, testing::numbers(golden.at("D_slot_auction", "owner")));
  testing::expect_near(s.price, testing::numbers(golden.at("D_slot_auction", "price")));
  const Based b = base(f2.view());
  std::vector<double> flat;
  for (const auto& row : testing::matrix(golden.at("D_base", "out")))
    flat.insert(flat.end(), row.begin(), row.end());
  testing::expect_near(b.taken, flat);
}

}  // namespace
}  // namespace swy::moe
