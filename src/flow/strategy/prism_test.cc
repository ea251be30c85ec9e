#include <gtest/gtest.h>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::FlowLab;
using testing::ScriptedCaller;

class Prism : public ::testing::Test {
 protected:
  // Four strategies: S, M, L and M2 under one rule would need a fourth model; the fourth is S again
  // in another rule, so the plan is made here.
  Ended ask(std::vector<double> p, std::vector<testing::Said> said) {
    Start start;
    start.question = "q";
    start.candidates = {0, 1, 2, 3};
    start.allowed = {1, 1, 1, 1};
    start.beliefs.resize(4);
    start.probability = std::move(p);
    caller = {};
    for (std::uint32_t i = 0; i < said.size(); ++i) caller.answers[i] = {said[i]};
    return lab.ask(caller, start);
  }
  FlowLab lab{"{ type: prism, from: policy }"};
  ScriptedCaller caller;
};

TEST_F(Prism, AsksOneTwoOrAll) {  // request-routing.md 4.12 f
  const std::vector<testing::Said> four = {{"x", 1}, {"y", 1}, {"y", 1}, {"z", 1}};
  EXPECT_EQ(ask({.5, .3, .1, .1}, four).seen.size(), 1U);
  EXPECT_EQ(ask({.4, .35, .15, .1}, four).seen.size(), 2U);
  EXPECT_EQ(ask({.30, .28, .22, .20}, four).seen.size(), 4U);
}

TEST_F(Prism, NeverLetsTwoOverturnTheFirst) {
  EXPECT_EQ(answer_of(ask({.4, .35, .15, .1}, {{"x", 1}, {"y", 1}})), "x");
}

TEST_F(Prism, TakesTheMajorityOfValidAnswersOrTheFirst) {
  const std::vector<double> flat = {.30, .28, .22, .20};
  EXPECT_EQ(answer_of(ask(flat, {{"a", 1}, {"b", 1}, {"b", 1}, {"ERR", 1, true}})), "b");
  EXPECT_EQ(answer_of(ask(flat, {{"a", 1}, {"b", 1}, {"ERR", 1, true}, {"ERR", 1, true}})), "a");
}

TEST_F(Prism, TakesAnotherAnswerWhenTheFirstFails) {
  EXPECT_EQ(answer_of(ask({.4, .35, .15, .1}, {{"ERR", 1, true}, {"y", 1}})), "y");
}

TEST(PrismQuality, TurnsBeliefsIntoProbabilities) {
  FlowLab lab("{ type: prism, sure: .9, temperature: .1 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}, {2, {{"b", 20}}}};
  EXPECT_EQ(lab.ask(caller).seen.size(), 3U);  // M and L are believed equal: .5 each
  EXPECT_NE(FlowLab("{ type: prism, from: nowhere }").errors().find("quality or policy"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
