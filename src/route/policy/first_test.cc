#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

TEST(First, TakesTheFirstThatNoGuardForbids) {
  PolicyLab lab("first");
  EXPECT_EQ(lab.weigh({belief(0.1), belief(0.9), belief(0.5)}).only(), 0);
  const Weighed w = lab.weigh({belief(0.1), belief(0.9), belief(0.5)}, {true, false, false});
  EXPECT_EQ(w.only(), 1);
  EXPECT_EQ(w.why, "m1 is the first that no guard forbids");
  EXPECT_GT(w.score[1], w.score[2]);
}

TEST(First, ReadsNoBelief) {
  PolicyLab lab("{ type: first }");
  EXPECT_EQ(lab.weigh({Belief{}, belief(0.9)}).only(), 0);
}

}  // namespace
}  // namespace swy::route::testing
