#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

constexpr const char* kSticky = "{ type: sticky, margin: 0.1, inner: { type: utility, cost: 0 } }";

TEST(Sticky, DecidesLikeTheInnerPolicyWithoutASession) {
  PolicyLab lab(kSticky);
  EXPECT_EQ(lab.weigh({belief(0.5), belief(0.55)}).only(), 1);
}

TEST(Sticky, StaysUntilAnotherLeadsByMoreThanTheMargin) {
  PolicyLab lab(kSticky);
  const Weighed stays = lab.weigh({belief(0.5), belief(0.59)}, {}, {0, 1}, 0);
  EXPECT_EQ(stays.only(), 0);
  EXPECT_EQ(stays.why, "m0 keeps the session: m1 leads by 0.090, margin 0.100");
  const Weighed moves = lab.weigh({belief(0.5), belief(0.61)}, {}, {0, 1}, 0);
  EXPECT_EQ(moves.only(), 1);
  EXPECT_NE(moves.why.find("; the session moves"), std::string::npos);
}

TEST(Sticky, MovesWhenThePreviousModelIsForbiddenAbsentOrUnknown) {
  PolicyLab lab(kSticky);
  EXPECT_EQ(lab.weigh({belief(0.5), belief(0.5)}, {true, false}, {0, 1}, 0).only(), 1);
  EXPECT_EQ(lab.weigh({belief(0.5), belief(0.4)}, {}, {0, 1}, 7).only(), 0);
  EXPECT_EQ(lab.weigh({belief(0.1), Belief{}}, {}, {0, 1}, 1).only(), 0);
}

TEST(Sticky, StaysWhenNothingIsKnownOfAny) {
  PolicyLab lab(kSticky);
  EXPECT_EQ(lab.weigh({Belief{}, Belief{}}, {}, {0, 1}, 1).only(), 1);
}

TEST(Sticky, StaysForEverWithAnInfiniteMargin) {
  PolicyLab lab("{ type: sticky, margin: inf, inner: first }");
  EXPECT_EQ(lab.weigh({belief(1), belief(0)}, {}, {0, 1}, 1).only(), 1);
  EXPECT_EQ(lab.weigh({belief(1), belief(0)}, {}, {0, 1}).only(), 0);
}

TEST(Sticky, NeedsAnInnerPolicy) {
  EXPECT_NE(PolicyLab::findings("sticky").find("inner: utility"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
