#include "flow/loop.h"

#include <gtest/gtest.h>

#include <cmath>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

TEST(Loop, NeverMakesMoreCallsThanAllowed) {
  FlowLab lab("{ type: agreement, agree: 2, max_calls: 2 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", .1}}}, {1, {{"b", .4}}}, {2, {{"c", 2}}}};
  const Ended e = lab.ask(caller);
  EXPECT_EQ(asked(e), "SM");
  EXPECT_EQ(answer_of(e), "b");  // the better of the two
}

TEST(Loop, CountsTheCostOfFailedCallsToo) {
  FlowLab lab("{ type: cascade, threshold: .9 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"broken", .1, true}}}, {1, {{"b", .4}}}, {2, {{"c", 2}}}};
  const Ended e = lab.ask(caller);
  EXPECT_EQ(asked(e), "SML");
  EXPECT_EQ(answer_of(e), "c");
  EXPECT_NEAR(e.cost_usd(), 2.5, 1e-9);
  EXPECT_EQ(e.rounds, 3U);
}

TEST(Loop, DoesNotStartACallThatWouldGoBeyondTheCost) {
  FlowLab lab("{ type: cascade, threshold: .9, max_cost: 1 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  Start start = lab.start();
  start.beliefs[0].cost_micro = 1e5;
  start.beliefs[1].cost_micro = 4e5;
  start.beliefs[2].cost_micro = 2e6;
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", .1}}}, {1, {{"b", .4}}}, {2, {{"c", 2}}}};
  const Ended e = lab.ask(caller, start);
  EXPECT_EQ(asked(e), "SM");
  EXPECT_TRUE(e.answer.has_value());
}

TEST(Loop, AsksNoCandidateThatAGuardForbids) {
  FlowLab lab("{ type: cascade, threshold: .9 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  Start start = lab.start();
  start.allowed[1] = 0;
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", .1}}}, {2, {{"c", 2}}}};
  EXPECT_EQ(asked(lab.ask(caller, start)), "SL");
}

TEST(Loop, AbstainsWhenEveryCallFailed) {
  FlowLab lab("{ type: agreement, agree: 2 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  const Ended e = lab.ask(caller);
  EXPECT_EQ(asked(e), "SML");
  EXPECT_FALSE(e.answer.has_value());
}

TEST(Loop, ReportsUnknownStrategiesAndKeysWithTheirPlace) {
  EXPECT_NE(FlowLab("{ type: casade }").errors().find("did you mean cascade"), std::string::npos);
  EXPECT_NE(FlowLab("{ type: agreement, agre: 2 }").errors().find("agree"), std::string::npos);
  EXPECT_NE(FlowLab("{ type: agreement, max_calls: 0 }").errors().find("1 to 64"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
