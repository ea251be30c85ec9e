#include "eval/off_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "base/rng.h"

namespace swy::eval {
namespace {

using ::testing::HasSubstr;

TEST(OffPolicy, GivesTheKnownAnswer) {
  // Two arms logged with probability .5 each: (a1, 1), (a2, 0), (a1, 0), (a2, 1); always a1.
  const std::array<Scored, 4> rows = {{{2, 1}, {0, 0}, {2, 0}, {0, 1}}};
  const OffPolicy o = off_policy(rows);
  EXPECT_DOUBLE_EQ(o.ips.value, 0.5);
  EXPECT_DOUBLE_EQ(o.snips.value, 0.5);
  EXPECT_DOUBLE_EQ(o.effective, 2);
  EXPECT_DOUBLE_EQ(o.logged, 0.5);
  EXPECT_TRUE(std::isnan(o.dr.value));
  EXPECT_THAT(o.refused, HasSubstr("4 scored requests"));
}

// Logged: arm 1 with probability .8 earns .3, arm 2 earns .9. What if always arm 2?
std::vector<Scored> logged(std::size_t n, std::uint64_t seed, double believed_1,
                           double believed_2) {
  base::Rng rng(seed, 0, 0);
  std::vector<Scored> rows;
  for (std::size_t i = 0; i < n; ++i) {
    const bool second = rng.uniform() < 0.2;
    const double reward = rng.uniform() < (second ? 0.9 : 0.3) ? 1 : 0;
    rows.push_back({second ? 1 / 0.2 : 0, reward, believed_2, second ? believed_2 : believed_1});
  }
  return rows;
}

TEST(OffPolicy, IntervalsHoldTheTruthAboutAsOftenAsTheySay) {
  int ips = 0;
  int snips = 0;
  int dr = 0;
  constexpr int kRuns = 400;
  for (int run = 0; run < kRuns; ++run) {
    const OffPolicy o = off_policy(logged(600, static_cast<std::uint64_t>(run), 0.3, 0.8));
    EXPECT_EQ(o.refused, "");
    const auto holds = [](const Estimate& e) { return e.low <= 0.9 && 0.9 <= e.high ? 1 : 0; };
    ips += holds(o.ips);
    snips += holds(o.snips);
    dr += holds(o.dr);
  }
  for (const int held : {ips, snips, dr}) {
    EXPECT_GT(held, 0.90 * kRuns);
    EXPECT_LT(held, 0.99 * kRuns);
  }
}

TEST(OffPolicy, DoublyRobustIsNarrowerWhenTheBeliefsAreGood) {
  const OffPolicy o = off_policy(logged(2000, 1, 0.3, 0.9));
  EXPECT_LT(o.dr.high - o.dr.low, o.ips.high - o.ips.low);
  EXPECT_NEAR(o.dr.value, 0.9, 0.05);
}

TEST(OffPolicy, RefusesWhenThePoliciesHardlyOverlap) {
  std::vector<Scored> rows(5000, Scored{0, 1});
  for (int i = 0; i < 10; ++i) rows[static_cast<std::size_t>(i)].weight = 20;
  EXPECT_THAT(off_policy(rows).refused, HasSubstr("too little overlap"));
  for (Scored& s : rows) s.weight = 0;  // the other policy never does what was done
  const OffPolicy none = off_policy(rows);
  EXPECT_THAT(none.refused, HasSubstr("worth 0.0"));
  EXPECT_TRUE(std::isnan(none.snips.value));
  EXPECT_THAT(off_policy({}).refused, HasSubstr("0 scored"));
}

}  // namespace
}  // namespace swy::eval
