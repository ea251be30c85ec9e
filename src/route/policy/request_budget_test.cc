#include <gtest/gtest.h>

#include <cmath>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

const std::vector<Belief> kThree{belief(0, 1e6), belief(0.5, 4e6), belief(1, 20e6)};

// request-routing.md 4.9 f: predicted accuracy (.5, 1, 1) at cost (1, 4, 20).
TEST(RequestBudget, IsMmrBenchsChoiceUnderACap) {
  const std::vector<Belief> arms{belief(0.5, 1), belief(1, 4), belief(1, 20)};
  for (const auto& [cap, chosen] :
       {std::pair{"0.000001", 0}, std::pair{"0.000004", 1}, std::pair{"0.00002", 1}}) {
    PolicyLab lab(std::string("{ type: request_budget, budget: ") + cap + " }");
    EXPECT_EQ(lab.weigh(arms).only(), chosen) << cap;
  }
}

TEST(RequestBudget, StrictlyTakesTheBestThatIsAffordable) {
  PolicyLab lab("{ type: request_budget, budget: 10 }");
  EXPECT_EQ(lab.weigh(kThree).only(), 1);
  EXPECT_EQ(lab.weigh({belief(0.9, 4e6), belief(0.9, 3e6), belief(1, 11e6)}).only(), 1);
}

TEST(RequestBudget, MixesTheTwoAroundTheBudget) {  // request-routing.md 5.9, scores in halves
  const Weighed w = PolicyLab("{ type: request_budget, budget: 10, rule: mix }").weigh(kThree);
  EXPECT_NEAR(w.probability[1], 0.625, 1e-12);
  EXPECT_NEAR(w.probability[2], 0.375, 1e-12);
  const Weighed two = PolicyLab("{ type: request_budget, budget: 2, rule: mix }").weigh(kThree);
  EXPECT_NEAR(two.probability[0], 2.0 / 3, 1e-12);
  EXPECT_NEAR(two.probability[1], 1.0 / 3, 1e-12);
}

TEST(RequestBudget, SaysWhenEvenTheCheapestCostsMore) {
  for (const char* rule : {"strict", "mix", "wins"}) {
    const Weighed w =
        PolicyLab("{ type: request_budget, budget: 0.5, rule: " + std::string(rule) + " }")
            .weigh(kThree);
    EXPECT_EQ(w.only(), 0) << rule;
    EXPECT_NE(w.why.find("m0 is the cheapest: all cost more than 0.500000 USD"), std::string::npos)
        << w.why;
  }
}

TEST(RequestBudget, CountsWinsAgainstTheOpponentsNamed) {
  const std::vector<Belief> beliefs{belief(0.5, 1e6), belief(0.8, 4e6), belief(0.9, 20e6)};
  PolicyLab lab("{ type: request_budget, budget: 10, rule: wins, opponents: { m1: 3, m0: 1 } }");
  const Weighed w = lab.weigh(beliefs);
  // Odds 1, 4 and 9: the chance against m1 is odds / (odds + 4), against m0 odds / (odds + 1).
  EXPECT_NEAR(w.score[0], 0.75 * (1.0 / 5) + 0.25 * 0.5, 1e-9);
  EXPECT_NEAR(w.score[1], 0.75 * 0.5 + 0.25 * (4.0 / 5), 1e-9);
  EXPECT_NEAR(w.score[2], 0.75 * (9.0 / 13) + 0.25 * (9.0 / 10), 1e-9);
}

TEST(RequestBudget, SaysWhatItDoesNotUnderstand) {
  EXPECT_NE(PolicyLab::findings("request_budget").find("say what a request may cost"),
            std::string::npos);
  EXPECT_NE(PolicyLab::findings("{ type: request_budget, budget: 1, rule: x }")
                .find("should be strict, mix or wins"),
            std::string::npos);
  EXPECT_NE(PolicyLab::findings("{ type: request_budget, budget: 1, opponents: { mm: 1 } }")
                .find("there is no model 'mm'"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
