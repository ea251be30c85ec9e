#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// Costs of the T4 fixture (1, 4, 20) in cost units of one micro-USD.
std::string t4_policy(double lambda) {
  return "{ type: utility, cost: " + std::to_string(lambda) + ", cost_unit: 0.000001 }";
}
std::vector<Belief> t4_row(double s, double m, double l) {
  return {belief(s, 1), belief(m, 4), belief(l, 20)};
}

// Total cost of T4's four questions with the true outcomes as beliefs.
int t4_cost(double lambda) {
  PolicyLab lab(t4_policy(lambda));
  const int cost[] = {1, 4, 20};
  int sum = 0;
  for (const auto& row : {t4_row(1, 1, 1), t4_row(0, 1, 1), t4_row(0, 0, 1), t4_row(0, 1, 0)}) {
    sum += cost[lab.weigh(row).only()];
  }
  return sum;
}

TEST(Utility, BreaksWhereTheFixtureSays) {  // request-routing.md 3.7: breakpoints 1/19 and 1/3
  EXPECT_EQ(t4_cost(0), 29);
  EXPECT_EQ(t4_cost(1.0 / 19 - 1e-4), 29);
  EXPECT_EQ(t4_cost(1.0 / 19 + 1e-4), 10);
  EXPECT_EQ(t4_cost(1.0 / 3 - 1e-4), 10);
  EXPECT_EQ(t4_cost(1.0 / 3 + 1e-4), 4);
}

TEST(Utility, CountsOneCentAsThreeTenthsOfQualityByDefault) {
  PolicyLab lab("utility");
  const Weighed w = lab.weigh({belief(0.5, 0), belief(0.81, 10'000), belief(0.79, 10'000)});
  EXPECT_EQ(w.only(), 1);
  EXPECT_NEAR(w.score[1], 0.51, 1e-12);
  EXPECT_NEAR(w.score[2], 0.49, 1e-12);
  EXPECT_EQ(w.why, "m1 has the highest utility 0.510, next m0 0.500");
}

TEST(Utility, CountsLatencyInTenSecondsAndRiskAsItIs) {
  PolicyLab lab("{ type: utility, cost: 0, latency: 0.5, risk: 2 }");
  Belief slow = belief(0.9);
  slow.latency_ms = 20'000;
  slow.p_fail = 0.1;
  Belief fast = belief(0.6);
  fast.latency_ms = 1'000;
  fast.p_fail = 0;
  const Weighed w = lab.weigh({slow, fast});
  EXPECT_NEAR(w.score[0], 0.9 - 1.0 - 0.2, 1e-12);
  EXPECT_NEAR(w.score[1], 0.6 - 0.05, 1e-12);
}

TEST(Utility, CountsAnUnknownCostAsTheWorstKnownAndSaysSo) {
  PolicyLab lab("utility");
  const Weighed w = lab.weigh({belief(0.9), belief(0.5, 10'000), belief(0.1, 100)});
  EXPECT_NEAR(w.score[0], 0.6, 1e-12);
  EXPECT_EQ(w.only(), 0);
  EXPECT_NE(w.why.find("its cost is unknown: counted as the worst"), std::string::npos) << w.why;
}

TEST(Utility, DropsATermThatNobodyKnows) {
  PolicyLab lab("{ type: utility, latency: 1 }");
  const Weighed w = lab.weigh({belief(0.5, 0), belief(0.6, 0)});
  EXPECT_EQ(w.only(), 1);
  EXPECT_NE(w.why.find("no latency is known"), std::string::npos) << w.why;
}

TEST(Utility, IgnoresWhatAForbiddenCandidateCosts) {
  PolicyLab lab("utility");
  const Weighed w =
      lab.weigh({belief(0.9), belief(0.8, 100), belief(1, 1e6)}, {false, false, true});
  EXPECT_EQ(w.only(), 0);  // its stand-in cost is 100, not a million
}

TEST(Utility, NeverChoosesUnknownQualityUnlessQualityIsWorthNothing) {
  EXPECT_EQ(PolicyLab("utility").weigh({belief(kUnknownNumber, 0), belief(0.01, 100)}).only(), 1);
  EXPECT_EQ(PolicyLab("{ type: utility, quality: 0 }")
                .weigh({belief(0.01, 100), belief(kUnknownNumber, 0)})
                .only(),
            1);
  const Weighed w = PolicyLab("utility").weigh({Belief{}, Belief{}}, {true, false});
  EXPECT_EQ(w.only(), 1);
  EXPECT_EQ(w.why, "nothing known of the quality of any candidate: m1 is the first");
}

TEST(Utility, BreaksTiesByCostThenById) {
  PolicyLab lab("{ type: utility, cost: 0 }");
  EXPECT_EQ(lab.weigh({belief(0.5, 9), belief(0.5, 3), belief(0.5, 3)}).only(), 1);
  EXPECT_EQ(lab.weigh({belief(0.5), belief(0.5, 9)}).only(), 1);  // unknown cost comes last
  EXPECT_EQ(lab.weigh({belief(0.5, 3), belief(0.5, 3)}, {}, {5, 2}).only(), 1);
}

// request-routing.md 4.15 f: q of the text, image and fused paths (.6, .6, .8), costs (1, 1, 3).
TEST(Utility, TakesTableDartsFusedPathWhileItIsWorthItsPrice) {
  const std::vector<Belief> paths{belief(0.6, 1), belief(0.6, 1), belief(0.8, 3)};
  EXPECT_EQ(PolicyLab("{ type: utility, cost: 0.1, cost_unit: 1e-6 }").weigh(paths).only(), 0);
  EXPECT_EQ(PolicyLab("{ type: utility, cost: 0.05, cost_unit: 1e-6 }").weigh(paths).only(), 2);
}

// request-routing.md 4.13 f: q .5 without and .7 with retrieval, which costs 10: iff lambda < .02.
TEST(Utility, RetrievesAsExpertRagDoesWhileTheContextIsWorthItsPrice) {
  const std::vector<Belief> arms{belief(0.5, 1), belief(0.7, 11)};
  EXPECT_EQ(PolicyLab("{ type: utility, cost: 0.0199, cost_unit: 1e-6 }").weigh(arms).only(), 1);
  EXPECT_EQ(PolicyLab("{ type: utility, cost: 0.0201, cost_unit: 1e-6 }").weigh(arms).only(), 0);
}

TEST(Utility, RefusesToWeighNothing) {
  EXPECT_NE(PolicyLab::findings("{ type: utility, quality: 0, cost: 0 }").find("every weight is 0"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
