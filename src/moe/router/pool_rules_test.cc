#include "moe/pool_rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "moe/testing/golden_file.h"

namespace swy::moe {
namespace {

using testing::Table;

TEST(ProgressivePool, SolvesTheWorkedExample) {
  const ProgressivePool pool{.each = 32, .layers = 4};
  const std::uint64_t steps[] = {0, 10'000, 15'000, 20'000, 29'999, 30'000};
  const std::uint32_t want[] = {32, 32, 56, 80, 127, 128};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(open_experts(pool, steps[i]), want[i]);
}

TEST(ProgressivePool, OpensOwnExpertsFirstAndOnlyEverMore) {
  const ProgressivePool pool{.each = 24, .layers = 5, .begin = 10, .end = 90};
  for (std::uint32_t layer = 0; layer < 5; ++layer) {
    std::vector<std::uint64_t> last(2);
    for (std::uint64_t step = 0; step <= 100; ++step) {
      std::vector<std::uint64_t> live(2);
      const std::uint32_t open = open_experts(pool, step);
      EXPECT_TRUE(open_mask(pool, layer, open, live).ok());
      EXPECT_EQ(static_cast<std::uint32_t>(std::popcount(live[0]) + std::popcount(live[1])), open);
      for (std::size_t w = 0; w < 2; ++w) EXPECT_EQ(last[w] & ~live[w], 0U);
      for (std::uint32_t e = layer * 24; e < layer * 24 + 24; ++e)
        EXPECT_NE(live[e / 64] >> (e % 64U) & 1U, 0U);
      last = live;
    }
  }
}

TEST(NormRouter, ScaleMakesTheKeptOnesLengthOneOnAverage) {
  std::vector<double> scratch(128);
  EXPECT_NEAR(norm_router_scale(128, 8, 4000, 42, scratch), 2.039, .02);
  EXPECT_NEAR(norm_router_scale(32, 4, 20'000, 42, scratch), 1.770, .02);
  EXPECT_TRUE(std::isfinite(norm_router_scale(2, 1, 1000, 42, scratch)));
}

Table<double> gate(std::size_t k, double capacity) {
  Table<double> p(testing::kF1);
  for (std::size_t t = 0; t < 4; ++t) softmax(p.view().row(t), p.view().row(t));
  std::vector<double> scratch(6);
  EXPECT_TRUE(union_gate(p.view(), k, capacity, scratch, p.view()).ok());
  return p;
}

const testing::Matrix kUnion = {{1.293044583, .848897545, 0},
                                {.903454771, 1.458858693, 0},
                                {.855242327, 0, 3.999989953},
                                {.948256376, 1.692240293, 0}};

TEST(UnionOfExperts, SolvesTheWorkedExample) { testing::expect_rows(gate(2, 4).view(), kUnion); }

TEST(UnionOfExperts, UsedColumnsSumToTheCapacity) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(91, c, 0);
    auto p = testing::random_table(rng, 1 + rng.below(6), 2 + rng.below(5));
    for (std::size_t t = 0; t < p.rows; ++t) softmax(p.view().row(t), p.view().row(t));
    std::vector<double> scratch(2 * p.cols);
    const std::size_t k = 1 + rng.below(p.cols);
    std::vector<double> kept(p.cols);
    for (std::size_t t = 0; t < p.rows; ++t)
      for (std::size_t j = 0; j < p.cols; ++j) {
        const auto row = p.view().row(t);
        const auto better =
            std::count_if(row.begin(), row.end(), [&](double v) { return v > row[j]; });
        kept[j] += static_cast<std::size_t>(better) < k ? row[j] : 0.0;  // no ties in random rows
      }
    EXPECT_TRUE(union_gate(p.view(), k, 5, scratch, p.view()).ok());
    for (std::size_t j = 0; j < p.cols; ++j) {
      double sum = 0;
      for (std::size_t t = 0; t < p.rows; ++t) sum += p.at(t, j);
      ASSERT_NEAR(sum, 5 * kept[j] / (kept[j] + 1e-6), 1e-9) << "case " << c;
    }
    ASSERT_EQ(std::count_if(p.data.begin(), p.data.end(), [](double v) { return v > 0; }),
              static_cast<std::ptrdiff_t>(k * p.rows));
  }
}

TEST(PoolRules, AgreeWithTheOraclesFile) {
  SWY_MOE_GOLDEN(golden);
  testing::expect_rows(gate(2, 4).view(), testing::matrix(golden.at("H_uoe", "out")));
  const auto psr = testing::numbers(golden.at("H_psr", "out"));
  EXPECT_EQ(psr[4], open_experts({.each = 32, .layers = 4}, 29'999));
}

}  // namespace
}  // namespace swy::moe
