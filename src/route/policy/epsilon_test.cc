#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

TEST(Epsilon, MixesTheInnerChoiceWithAUniformDraw) {
  PolicyLab lab("{ type: epsilon, epsilon: 0.3, inner: utility }");
  const Weighed w = lab.weigh({belief(0.5, 1), belief(0.9, 1), belief(0.1, 1), Belief{}}, {true});
  EXPECT_NEAR(w.probability[0], 0, 0);
  EXPECT_NEAR(w.probability[1], 0.8, 1e-12);
  EXPECT_NEAR(w.probability[2], 0.1, 1e-12);
  EXPECT_NEAR(w.probability[3], 0.1, 1e-12);  // unknown quality is explored too
  EXPECT_NE(w.why.find("; 30.0 % explore"), std::string::npos) << w.why;
  EXPECT_GT(w.score[1], w.score[2]);
}

TEST(Epsilon, NestsAndNeedsAnInnerPolicy) {
  PolicyLab lab(
      "{ type: epsilon, epsilon: 0.5, inner: { type: epsilon, epsilon: 0.5, inner: first } }");
  const Weighed w = lab.weigh({Belief{}, Belief{}});
  EXPECT_NEAR(w.probability[0], 0.5 * 0.75 + 0.25, 1e-12);
  EXPECT_NE(PolicyLab::findings("epsilon").find("inner: utility"), std::string::npos);
  EXPECT_NE(PolicyLab::findings("{ type: epsilon, inner: utilty }").find("did you mean utility"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
