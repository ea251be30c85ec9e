#include <gtest/gtest.h>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

// request-routing.md 5.8 f: q (.5, .6), deviation .2, costs 1 and 4, worth .01 of quality each.
class CascadeRouting : public ::testing::Test {
 protected:
  Start start() {
    Start s = lab.start();
    s.beliefs[0].quality = .5;
    s.beliefs[1].quality = .6;
    s.beliefs[0].cost_micro = 1e6;
    s.beliefs[1].cost_micro = 4e6;
    return s;
  }
  FlowLab lab{"{ type: cascade_routing, cost: .01 }", "[S, M]"};
  ScriptedCaller caller;
};

TEST_F(CascadeRouting, BeginsWithTheCheapestOfTheBestSetAndGoesOnWhenItPays) {
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}};
  // One answer of a model at .5 is .5: {1} .49 against {1, 2} .619818 - .01 or more: go on.
  const Ended e = lab.ask(caller, start());
  EXPECT_EQ(asked(e), "SM");
  EXPECT_EQ(answer_of(e), "b");
}

TEST_F(CascadeRouting, StopsWhenTheFirstIsGoodEnough) {
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  Start s = start();
  s.beliefs[0].quality = .9;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}};
  EXPECT_EQ(asked(lab.ask(caller, s)), "S");
}

TEST(CascadeRoutingSpread, WithoutUncertaintyIsPlainRouting) {
  FlowLab lab("{ type: cascade_routing, cost: .01, spread: 0 }", "[S, M]");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  Start s = lab.start();
  s.beliefs[0] = {};
  s.beliefs[0].quality = .5;
  s.beliefs[0].cost_micro = 1e6;
  s.beliefs[1].quality = .6;
  s.beliefs[1].cost_micro = 4e6;
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}};
  EXPECT_EQ(asked(lab.ask(caller, s)), "M");
}

TEST(CascadeRoutingPrice, ZeroTakesTheBestAndAHighOneTheCheapest) {
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}, {2, {{"c", 20}}}};
  FlowLab dear("{ type: cascade_routing, cost: 1e9 }");
  ASSERT_NE(dear.plan, nullptr) << dear.errors();
  EXPECT_EQ(asked(dear.ask(caller)), "S");
  FlowLab free("{ type: cascade_routing, cost: 0 }");
  EXPECT_EQ(free.ask(caller).seen.size(), 3U);
}

TEST(CascadeRoutingOptions, AreOneOfCostAndBudget) {
  EXPECT_NE(FlowLab("cascade_routing").errors().find("one of cost, budget and keep"),
            std::string::npos);
  EXPECT_NE(FlowLab("{ type: cascade_routing, budget: 1 }").errors().find("give `table`"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
