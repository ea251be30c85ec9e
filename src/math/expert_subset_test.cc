#include "math/expert_subset.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/rng.h"

namespace swy::math {
namespace {

// request-routing.md 4.3 f: S, M, L of 7, 27 and 70 billion parameters, categories of 60 and 40 %.
constexpr std::array kShare{.6, .4};
constexpr std::array kValue{.5, .6, .65, .2, .5, .9};
constexpr std::array kSize{7., 27., 70.};

TEST(ExpertSubset, KeepsWhatFitsIntoMemoryAndIsWorthMost) {
  const auto s = choose_experts({kShare, kValue, kSize, 80});
  ASSERT_TRUE(s);
  EXPECT_NEAR(s->value, .75, 1e-12);
  EXPECT_EQ(s->expert, (std::vector<std::size_t>{2, 2}));
  EXPECT_NEAR(s->active, 70, 1e-9);
  const auto small = choose_experts({kShare, kValue, kSize, 30});
  ASSERT_TRUE(small);
  EXPECT_EQ(small->kept, (std::vector<std::uint8_t>{0, 1, 0}));
  EXPECT_NEAR(small->value, .56, 1e-12);
  EXPECT_NEAR(small->active, 27, 1e-9);
}

TEST(ExpertSubset, GivesAnotherAnswerWhenWhatIsUsedIsBounded) {
  const auto both = choose_experts({kShare, kValue, kSize, 80, 45});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->expert, (std::vector<std::size_t>{0, 2}));
  EXPECT_NEAR(both->value, .66, 1e-12);
  EXPECT_NEAR(both->active, 32.2, 1e-9);
  const double any = std::numeric_limits<double>::infinity();
  const auto active = choose_experts({kShare, kValue, kSize, any, 45});  // M fits in then
  ASSERT_TRUE(active);
  EXPECT_EQ(active->expert, (std::vector<std::size_t>{1, 2}));
  EXPECT_NEAR(active->value, .72, 1e-12);
  EXPECT_NEAR(active->active, 44.2, 1e-9);
}

TEST(ExpertSubset, UsesABoundThatIsMetExactly) {
  const double any = std::numeric_limits<double>::infinity();
  const auto s = choose_experts({kShare, kValue, kSize, any, .6 * 27 + .4 * 70});
  ASSERT_TRUE(s);
  EXPECT_EQ(s->expert, (std::vector<std::size_t>{1, 2}));
}

TEST(ExpertSubset, SaysWhenNothingFits) {
  EXPECT_FALSE(choose_experts({kShare, kValue, kSize, 6}));
  EXPECT_FALSE(choose_experts({kShare, kValue, kSize, 80, 6}));
}

TEST(ExpertSubset, LeavesACategoryOutThatNobodyWasAskedIn) {
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  const std::array value{.5, .6, .65, unknown, unknown, unknown};
  const auto s = choose_experts({kShare, value, kSize, 80});
  ASSERT_TRUE(s);
  EXPECT_EQ(s->expert, (std::vector<std::size_t>{2, kNoExpertFor}));
}

TEST(ExpertSubset, IsTheBestOfAllMapsByMemory) {
  base::Rng rng(1, 0, 0);
  for (int round = 0; round < 50; ++round) {
    std::array<double, 3> share{}, size{};
    std::array<double, 9> value{};
    for (double& v : share) v = rng.uniform();
    for (double& v : size) v = rng.uniform();
    for (double& v : value) v = rng.uniform();
    const double memory = 0.3 + rng.uniform();
    double best = -1;
    for (std::size_t z = 0; z < 27; ++z) {
      const std::array<std::size_t, 3> map{z % 3, z / 3 % 3, z / 9};
      double sum = 0, worth = 0;
      for (std::size_t e = 0; e < 3; ++e)
        sum += map[0] == e || map[1] == e || map[2] == e ? size[e] : 0;
      for (std::size_t k = 0; k < 3; ++k) worth += share[k] * value[k * 3 + map[k]];
      if (sum <= memory) best = std::max(best, worth);
    }
    const auto s = choose_experts({share, value, size, memory});
    EXPECT_EQ(s.has_value(), best >= 0);
    if (s) {
      EXPECT_NEAR(s->value, best, 1e-12);
    }
  }
}

}  // namespace
}  // namespace swy::math
