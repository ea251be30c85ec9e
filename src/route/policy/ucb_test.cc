#include <gtest/gtest.h>

#include <cmath>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

Belief doubted(double quality, double sd, double cost = kUnknownNumber) {
  Belief b = belief(quality, cost);
  b.quality_var = sd * sd;
  return b;
}

TEST(Ucb, TakesTheOneThatMayBeTheBest) {
  PolicyLab lab("{ type: ucb, alpha: 2, cost: 0 }");
  const Weighed w = lab.weigh({doubted(0.7, 0.05), doubted(0.6, 0.2)});
  EXPECT_EQ(w.only(), 1);
  EXPECT_NEAR(w.score[1], 1.0, 1e-12);
  EXPECT_EQ(w.why, "m1 may be the best: quality 0.600 + 0.400, utility 1.000");
}

TEST(Ucb, KnowsLinUcbsFirstScores) {  // request-routing.md 3.8: 1/2 + sqrt(1/2) against 0 + 1
  PolicyLab lab("{ type: ucb, cost: 0 }");
  const Weighed w = lab.weigh({doubted(0.5, std::sqrt(0.5)), doubted(0, 1)});
  EXPECT_EQ(w.only(), 0);
  EXPECT_NEAR(w.score[0], 1.207107, 1e-6);
  EXPECT_EQ(w.score[1], 1);
}

TEST(Ucb, TriesWhatIsUnknownAndPaysForIt) {
  PolicyLab lab("{ type: ucb, alpha: 1, cost: 1 }");
  EXPECT_EQ(lab.weigh({Belief{}, doubted(0.7, 0)}).only(), 0);  // 0.5 + 0.289
  Belief dear;
  dear.cost_micro = 1'000;  // 0.1 of quality
  EXPECT_EQ(lab.weigh({dear, doubted(0.7, 0, 0)}).only(), 1);
}

}  // namespace
}  // namespace swy::route::testing
