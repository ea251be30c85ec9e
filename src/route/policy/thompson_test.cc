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

TEST(Thompson, StatesHowOftenEachMayBeTheBest) {
  PolicyLab lab("{ type: thompson, cost: 0 }");
  const Weighed w = lab.weigh({doubted(0.6, 0.03), doubted(0.65, 0.04)});
  EXPECT_NEAR(w.probability[0], 0.5 * std::erfc(1 / std::sqrt(2.0)), 1e-7);  // one sd behind
  EXPECT_NEAR(w.probability[0] + w.probability[1], 1, 1e-12);
  EXPECT_EQ(w.why, "m1 leads; it is the best with probability 0.841");
}

TEST(Thompson, ReadsEvidenceWhereTheVarianceIsUnknown) {
  PolicyLab lab("{ type: thompson, cost: 0 }");
  Belief few = belief(0.5);
  few.evidence = 3;  // 0.25 / 4
  const Weighed w = lab.weigh({few, doubted(0.75, 0)});
  EXPECT_NEAR(w.probability[0], 0.5 * std::erfc(1 / std::sqrt(2.0)), 1e-6);
}

TEST(Thompson, WeighsMoneyAsUtilityDoes) {
  PolicyLab lab("{ type: thompson, cost: 0.5 }");
  const Weighed w = lab.weigh({doubted(0.6, 0.1, 0), doubted(0.8, 0.1, 4'000)});
  EXPECT_NEAR(w.probability[0], 0.5, 1e-9);  // 0.4 cents cost 0.2
}

TEST(Thompson, TriesWhatIsUnknown) {
  const Weighed w = PolicyLab("{ type: thompson, cost: 0 }").weigh({Belief{}, doubted(0.5, 0.01)});
  EXPECT_NEAR(w.probability[0], 0.5, 1e-6);
}

TEST(Thompson, IsUtilityWhenNothingIsDoubted) {
  PolicyLab lab("{ type: thompson, cost: 0 }");
  EXPECT_EQ(lab.weigh({belief(0.5, 9), belief(0.5, 3), belief(0.5, 3)}).only(), 1);
  EXPECT_EQ(PolicyLab("{ type: thompson, cost: 0, width: 0 }")
                .weigh({doubted(0.5, 0.2), doubted(0.6, 0.3)})
                .only(),
            1);
}

}  // namespace
}  // namespace swy::route::testing
