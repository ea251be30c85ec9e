#include <gtest/gtest.h>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

// Qualities .4, .5 and .6 at 1, 4 and 20 micro-USD.
Ended ask(const std::string& options, ScriptedCaller& caller, double doubt = 0) {
  FlowLab lab("{ type: best_set, " + options + " }");
  EXPECT_NE(lab.plan, nullptr) << lab.errors();
  Start start = lab.start();
  const double quality[] = {.4, .5, .6};
  const double cost[] = {1, 4, 20};
  for (std::size_t i = 0; i < 3; ++i) {
    start.beliefs[i].quality = quality[i];
    start.beliefs[i].quality_var = i == 0 ? doubt * doubt : 0;
    start.beliefs[i].cost_micro = cost[i];
  }
  return lab.ask(caller, start);
}

ScriptedCaller scripted() {
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}, {2, {{"b", 20}}}};
  return caller;
}

// request-routing.md 5.10: of qualities .4 and .5 AWC is .7, SUC .9, AIC .2.
TEST(BestSet, KnowsTheThreeRewards) {
  ScriptedCaller caller = scripted();
  const Ended any = ask("budget: 0.000005", caller);
  EXPECT_EQ(asked(any), "SM");
  EXPECT_EQ(any.round_why[0].view(), "worth 0.700 for 0.000005 USD");
  EXPECT_EQ(ask("budget: 0.000005, reward: sum", caller).round_why[0].view(),
            "worth 0.900 for 0.000005 USD");
  EXPECT_EQ(ask("budget: 0.000005, reward: all, least: 2", caller).round_why[0].view(),
            "worth 0.200 for 0.000005 USD");
  EXPECT_EQ(asked(ask("budget: 0.000005, reward: all", caller)), "M") << "one is better than two";
}

TEST(BestSet, IsTheBestSetWithinTheBudget) {
  ScriptedCaller caller = scripted();
  EXPECT_EQ(asked(ask("budget: 0.000004", caller)), "M");
  EXPECT_EQ(asked(ask("budget: 0.000021", caller)), "SL") << ".76";
  EXPECT_EQ(asked(ask("budget: 0.000024", caller)), "ML") << ".8";
  EXPECT_EQ(asked(ask("budget: 0.000025", caller)), "SML");
  EXPECT_EQ(asked(ask("budget: 0.0000005", caller)), "S") << "none fits: the cheapest";
}

TEST(BestSet, HopesForWhatItDoubts) {
  ScriptedCaller caller = scripted();
  EXPECT_EQ(asked(ask("budget: 0.000004", caller, .2)), "M");
  EXPECT_EQ(asked(ask("budget: 0.000004, optimism: 1", caller, .2)), "S");
}

TEST(BestSet, AnswersWithMostVoicesThenTheBestModel) {
  ScriptedCaller caller = scripted();
  EXPECT_EQ(answer_of(ask("budget: 1", caller)), "b");
  caller.answers[2] = {{"c", 20}};
  EXPECT_EQ(answer_of(ask("budget: 1", caller)), "c");
  caller.answers[2] = {{"", 20, true}};
  EXPECT_EQ(answer_of(ask("budget: 1", caller)), "b");
}

TEST(BestSet, SaysWhatIsWrongWithItsOptions) {
  EXPECT_NE(FlowLab("best_set").errors().find("needs a budget"), std::string::npos);
  EXPECT_NE(FlowLab("{ type: best_set, budget: 1, reward: best }").errors().find("any, sum or all"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
