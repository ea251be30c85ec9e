#include <gtest/gtest.h>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

TEST(AutoMixStrategy, AsksTheVerifierAndEscalatesWhatItDoubts) {
  FlowLab lab("{ type: automix, threshold: .5, verifications: 4 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"mine", 1}}}, {2, {{"theirs", 50}}}};
  caller.verdicts = {
      {0, {{"CORRECT", .25}, {"INCORRECT", .25}, {"correct", .25}, {"Correct.", .25}}}};
  Ended e = lab.ask(caller);
  EXPECT_EQ(answer_of(e), "mine");  // 3 of 4
  EXPECT_NEAR(e.cost_usd(), 2, 1e-9);
  EXPECT_NEAR(e.confidence, .75, 1e-9);
  ASSERT_EQ(caller.rounds.size(), 2U);
  EXPECT_NE(caller.rounds[1][0].prompt.find("mine"), std::string::npos);
  EXPECT_EQ(caller.rounds[1][3].sample, 3U);
  caller.verdicts[0][2].text = "no idea";
  e = lab.ask(caller);
  EXPECT_EQ(answer_of(e), "theirs");  // 2 of 4: at the threshold
  EXPECT_NEAR(e.cost_usd(), 52, 1e-9);
}

TEST(AutoMixStrategy, TakesAnswersOfOtherModelsForVotes) {
  FlowLab lab("{ type: automix, threshold: 0, verifiers: [M] }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"7", 1}}}, {1, {{"7.0", 4}}}, {2, {{"8", 20}}}};
  EXPECT_EQ(asked(lab.ask(caller)), "SM");
  caller.answers[1] = {{"9", 4}};
  const Ended e = lab.ask(caller);
  EXPECT_EQ(asked(e), "SML");
  EXPECT_EQ(answer_of(e), "8");
}

TEST(AutoMixStrategy, GoesToTheLargeModelWhenTheSmallOneFails) {
  FlowLab lab("{ type: automix, threshold: .5 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"down", 0, true}}}, {2, {{"theirs", 50}}}};
  EXPECT_EQ(asked(lab.ask(caller)), "SL");
}

TEST(AutoMixStrategy, SaysWhatIsMissing) {
  EXPECT_NE(FlowLab("automix").errors().find("give threshold"), std::string::npos);
  EXPECT_NE(FlowLab("{ type: automix, table: [x.jsonl] }").errors().find("verifiers"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
