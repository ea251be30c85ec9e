#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

TEST(CheapestPassing, TakesTheCheapestAtOrAboveTheBar) {
  PolicyLab lab("{ type: cheapest_passing, quality: 0.6 }");
  const Weighed w = lab.weigh({belief(0.59, 1), belief(0.6, 4), belief(0.99, 20)});
  EXPECT_EQ(w.only(), 1);
  EXPECT_EQ(w.why, "m1 is the cheapest that passes: quality 0.600, bar 0.600");
  EXPECT_GT(w.score[1], w.score[2]);
  EXPECT_GT(w.score[2], w.score[0]);
}

TEST(CheapestPassing, TakesTheBestWhenNonePassesAndSaysSo) {
  PolicyLab lab("{ type: cheapest_passing, quality: 0.9 }");
  const Weighed w = lab.weigh({belief(0.3, 1), belief(0.7, 20), belief(kUnknownNumber, 0)});
  EXPECT_EQ(w.only(), 1);
  EXPECT_EQ(w.why, "m1 is the best, none passes: quality 0.700, bar 0.900");
}

TEST(CheapestPassing, AsksForAMarginInStandardDeviations) {
  PolicyLab lab("{ type: cheapest_passing, quality: 0.6, margin: 2 }");
  Belief sure = belief(0.7, 9);
  sure.quality_var = 0.0016;  // 0.7 - 2 * 0.04 = 0.62
  Belief vague = belief(0.8, 1);
  vague.quality_var = 0.04;  // 0.8 - 2 * 0.2 = 0.4
  EXPECT_EQ(lab.weigh({vague, sure, belief(0.9, 1)}).only(),
            1);  // of the third nothing can be shown
}

TEST(CheapestPassing, TakesAnUnknownCostForDearerThanAnyKnownOne) {
  PolicyLab lab("{ type: cheapest_passing, quality: 0.5 }");
  EXPECT_EQ(lab.weigh({belief(0.9), belief(0.6, 1e12)}).only(), 1);
  const Weighed w = lab.weigh({belief(0.9), belief(0.4, 1)});
  EXPECT_EQ(w.only(), 0);
  EXPECT_NE(w.why.find("its cost is unknown"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
