#include <gtest/gtest.h>

#include <array>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::FlowLab;
using testing::ScriptedCaller;

TEST(Remom, OfThirtyTwoAndFourMakesThirtySevenCalls) {  // request-routing.md 4.1 f6
  FlowLab lab("{ type: remom, breadth: [32, 4], max_calls: 64 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"s", 1}}}, {1, {{"m", 4}}}, {2, {{"l", 20}}}};
  const Ended e = lab.ask(caller);
  EXPECT_EQ(e.seen.size(), 37U);
  std::array<int, 3> first{};
  for (const route::FlowCall& c : caller.rounds[0]) ++first[c.candidate];
  EXPECT_EQ(first, (std::array<int, 3>{11, 11, 10}));
  EXPECT_EQ(answer_of(e), "s");  // the last call's
  EXPECT_TRUE(caller.rounds[0][0].prompt.empty());
  EXPECT_NE(caller.rounds[1][0].prompt.find("<reference 32>"), std::string::npos);
  EXPECT_NE(caller.rounds[2][0].prompt.find("<reference 4>"), std::string::npos);
}

TEST(Remom, LeavesFailedCallsOut) {
  FlowLab lab("{ type: remom, breadth: [3] }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"s", 1}, {"end", 1}}}, {1, {{"down", 0, true}}}, {2, {{"l", 20}}}};
  const Ended e = lab.ask(caller);
  EXPECT_EQ(answer_of(e), "end");
  EXPECT_EQ(caller.rounds[1][0].prompt.find("down"), std::string::npos);
  EXPECT_NE(caller.rounds[1][0].prompt.find("<reference 2>"), std::string::npos);
}

TEST(Remom, RefusesAScheduleBeyondItsCalls) {
  EXPECT_NE(FlowLab("{ type: remom, breadth: [32] }").errors().find("33 calls, max_calls allows 8"),
            std::string::npos);
  EXPECT_NE(FlowLab("{ type: remom, breadth: [x] }").errors().find("whole numbers"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
