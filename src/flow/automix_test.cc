#include "flow/automix.h"

#include <gtest/gtest.h>

namespace swy::flow {
namespace {

// request-routing.md 5.7 f: v = (1, .5, .25, 0) as votes of 4.
const std::vector<Verified> kRows = {{4, 1, 1}, {2, 0, 1}, {1, 0, 1}, {0, 0, 0}};

std::vector<std::uint8_t> at_most(std::uint32_t t) {
  std::vector<std::uint8_t> table(5, 0);
  for (std::uint32_t v = 0; v <= t; ++v) table[v] = 1;
  return table;
}

TEST(AutoMix, HasTheLiftsOfTheExample) {
  const MixCosts costs;
  EXPECT_NEAR(mix(kRows, at_most(0), costs).lift, -1.0, 1e-5);
  EXPECT_NEAR(mix(kRows, at_most(1), costs).lift, -.057692, 1e-5);
  const Mixed half = mix(kRows, at_most(2), costs);
  EXPECT_NEAR(half.quality, .75, 1e-5);
  EXPECT_NEAR(half.cost, 39.5, 1e-5);
  EXPECT_NEAR(half.lift, .272727, 1e-5);
  EXPECT_NEAR(mix(kRows, at_most(4), costs).lift, -.039216, 1e-5);
}

TEST(AutoMix, TakesTheThresholdOfBestLift) { EXPECT_EQ(best_threshold(kRows, 5, {}), at_most(2)); }

TEST(AutoMix, SolvesThePomdpExactly) {
  // Bins 1 and 2 are needy, 0 is hopeless, 4 is good, 3 has no data: only the needy escalate.
  const std::vector<std::uint8_t> table = best_pomdp(kRows, 5, {});
  EXPECT_EQ(table, (std::vector<std::uint8_t>{0, 1, 1, 0, 0}));
  // .75 at 2 + 25: better than any threshold.
  EXPECT_GT(mix(kRows, table, {}).lift, .272727);
}

TEST(AutoMix, EscalatesExactlyWhereTheRewardSays) {
  // For every r, the table by the stated rewards must be among the prefixes: compare with brute
  // force over r on bins of mixed content.
  std::vector<Verified> rows;
  const int needy[3] = {6, 3, 1};
  const int hopeless[3] = {1, 4, 0};
  for (std::uint32_t o = 0; o < 3; ++o) {
    for (int i = 0; i < 10; ++i) {
      const bool n = i < needy[o];
      const bool h = !n && i < needy[o] + hopeless[o];
      rows.push_back({o, n || h ? 0.0 : 1.0, h ? 0.0 : 1.0});
    }
  }
  double best = -1e9;
  for (int r = 0; r < 5000; ++r) {
    std::vector<std::uint8_t> table(3, 0);
    for (std::size_t o = 0; o < 3; ++o) {
      const double bn = needy[o] / 10.0;
      const double bh = hopeless[o] / 10.0;
      const double bg = 1 - bn - bh;
      const double stay = -r * bn - (r + 1) * bh;
      const double go = -100 * bn - 100 * bg - (r + 100) * bh;
      table[o] = go > stay ? 1 : 0;
      EXPECT_EQ(go > stay + 1e-9, r * bn > 100 - bh + 1e-9);
    }
    best = std::max(best, mix(rows, table, {}).lift);
  }
  EXPECT_NEAR(mix(rows, best_pomdp(rows, 3, {}), {}).lift, best, 1e-9);
}

}  // namespace
}  // namespace swy::flow
