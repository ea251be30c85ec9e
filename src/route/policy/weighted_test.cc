#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

using Shares = std::vector<double>;

TEST(Weighted, SharesEquallyWithoutWeights) {
  PolicyLab lab("weighted");
  EXPECT_EQ(lab.weigh({Belief{}, Belief{}, Belief{}, Belief{}}).probability,
            (Shares{0.25, 0.25, 0.25, 0.25}));
}

TEST(Weighted, KeepsTheRatiosOfThoseThatAreLeft) {
  PolicyLab lab("{ type: weighted, weights: { m0: 6, m1: 3, m2: 1 } }");
  EXPECT_EQ(lab.weigh({Belief{}, Belief{}, Belief{}, Belief{}}).probability,
            (Shares{0.6, 0.3, 0.1, 0}));
  EXPECT_EQ(lab.weigh({Belief{}, Belief{}, Belief{}}, {true, false, false}).probability,
            (Shares{0, 0.75, 0.25}));
}

TEST(Weighted, SharesEquallyWhenOnlyZeroWeightsAreLeftAndSaysSo) {
  PolicyLab lab("{ type: weighted, weights: { m0: 1 } }");
  const Weighed w = lab.weigh({Belief{}, Belief{}, Belief{}}, {true, false, false});
  EXPECT_EQ(w.probability, (Shares{0, 0.5, 0.5}));
  EXPECT_EQ(w.why, "every candidate left has weight 0: drawn equally");
}

TEST(Weighted, RefusesUnknownModelsAndNegativeWeights) {
  EXPECT_NE(PolicyLab::findings("{ type: weighted, weights: { m9x: 1 } }").find("no model 'm9x'"),
            std::string::npos);
  EXPECT_NE(
      PolicyLab::findings("{ type: weighted, weights: { m0: -1 } }").find("weight of 0 or more"),
      std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
