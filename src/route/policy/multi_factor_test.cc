#include <gtest/gtest.h>

#include <cmath>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

fleet::LiveStats live(double ttft_ms, std::int64_t in_flight) {
  fleet::LiveStats s;
  s.ttft_ms = ttft_ms;
  s.in_flight = in_flight;
  return s;
}

Weighed weigh(const std::string& policy, const std::vector<Belief>& beliefs,
              const std::vector<fleet::LiveStats>& stats) {
  PolicyLab lab(policy);
  return lab.weigh(beliefs, {}, {}, kNoExpert, stats);
}

TEST(MultiFactor, PricesTheWaitBeyondPatience) {
  const std::string policy = "{ type: multi_factor, cost: 0, wait: 0.1, patience: 1 }";
  const std::vector<Belief> beliefs{belief(0.7), belief(0.8)};
  const Weighed quick = weigh(policy, beliefs, {live(900, 0), live(1'500, 0)});
  EXPECT_NEAR(quick.score[0], 0.7, 1e-12);
  EXPECT_NEAR(quick.score[1], 0.75, 1e-12);
  EXPECT_EQ(quick.only(), 1);
  EXPECT_EQ(quick.why, "m1 has the highest utility 0.750, wait 1.50 s");
  EXPECT_EQ(weigh(policy, beliefs, {live(900, 0), live(3'000, 0)}).only(), 0);
}

TEST(MultiFactor, StretchesTheWaitByWhatStandsInLine) {
  const std::string policy = "{ type: multi_factor, cost: 0, wait: 0.1, slots: 4, patience: 0 }";
  const Weighed w = weigh(policy, {belief(0.7), belief(0.7)}, {live(1'000, 3), live(1'000, 11)});
  EXPECT_NEAR(w.score[0], 0.6, 1e-12);
  EXPECT_NEAR(w.score[1], 0.4, 1e-12);
}

TEST(MultiFactor, CountsAnUnknownWaitAsTheLongestAndDropsItWhenNoneIsKnown) {
  const std::string policy = "{ type: multi_factor, cost: 0, wait: 0.1, patience: 0 }";
  const Weighed w =
      weigh(policy, {belief(0.9), belief(0.75)}, {live(kUnknownNumber, 0), live(2'000, 0)});
  EXPECT_NEAR(w.score[0], 0.7, 1e-12);
  EXPECT_EQ(w.only(), 0);
  EXPECT_NE(w.why.find("counted as the longest"), std::string::npos);
  EXPECT_NEAR(weigh(policy, {belief(0.9), belief(0.75)}, {}).score[0], 0.9, 1e-12);
}

TEST(MultiFactor, AddsTheWorthOfDoubt) {
  Belief doubted = belief(0.5);
  doubted.quality_var = 0.04;
  EXPECT_NEAR(weigh("{ type: multi_factor, cost: 0, doubt: 0.5 }", {doubted}, {}).score[0], 0.6,
              1e-12);
}

TEST(MultiFactor, SaysThatItReadsTheLiveView) {
  const Registry registry = beliefs_registry();
  const auto plan =
      plan_from(lab_models() + PolicyLab::rule("{ type: epsilon, inner: multi_factor }"), registry);
  EXPECT_TRUE(plan->rule_sets[0].rules[0].reads_live);
}

// vLLM-SR's min-max over the candidates lets a third one turn the choice (request-routing.md 4.1
// g): A (.8, 30 ms) against B (.9, 60 ms) is .5 to .5 there, and with C (.5, 60 ms) it is A that
// gains. In absolute units nothing moves.
TEST(MultiFactor, IsNotMovedByAThirdCandidate) {
  const std::string policy = "{ type: multi_factor, cost: 0, wait: 1, patience: 0 }";
  const std::vector<fleet::LiveStats> stats{live(30, 0), live(60, 0), live(60, 0)};
  const Weighed two = weigh(policy, {belief(0.8), belief(0.9)}, stats);
  const Weighed three = weigh(policy, {belief(0.8), belief(0.9), belief(0.5)}, stats);
  EXPECT_EQ(two.score[0], three.score[0]);
  EXPECT_EQ(two.score[1], three.score[1]);
  EXPECT_EQ(two.only(), three.only());
}

}  // namespace
}  // namespace swy::route::testing
