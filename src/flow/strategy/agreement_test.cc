#include <gtest/gtest.h>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

TEST(Agreement, KeepsWhatTwoCheapModelsSay) {
  FlowLab lab("{ type: agreement }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"12", 1}}}, {1, {{"12.0", 4}}}, {2, {{"13", 20}}}};
  const Ended e = lab.ask(caller);
  EXPECT_EQ(asked(e), "SM");
  EXPECT_EQ(caller.rounds.size(), 1U);  // both at once: agreement needs both
  EXPECT_EQ(answer_of(e), "12");
}

TEST(Agreement, EscalatesWhenTheyDiffer) {
  FlowLab lab("{ type: agreement }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}, {2, {{"c", 20}}}};
  const Ended e = lab.ask(caller);
  EXPECT_EQ(asked(e), "SML");
  EXPECT_EQ(answer_of(e), "c");
  EXPECT_NEAR(e.cost_usd(), 25, 1e-9);
}

TEST(Agreement, CannotSeeASharedMistake) {  // agreement-but-wrong, section 6 pitfall 4
  FlowLab lab("{ type: agreement }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"wrong", 1}}}, {1, {{"wrong", 4}}}, {2, {{"right", 20}}}};
  EXPECT_EQ(answer_of(lab.ask(caller)), "wrong");
}

TEST(Agreement, OfSamplesOfOneModelIsSelfConsistency) {
  FlowLab lab("{ type: agreement, cheap: [S], samples: 3, agree: 2 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}, {"b", 1}, {"b", 1}}}, {2, {{"c", 20}}}};
  const Ended e = lab.ask(caller);
  EXPECT_EQ(answer_of(e), "b");
  EXPECT_EQ(asked(e), "SSS");
  EXPECT_EQ(caller.rounds.size(), 2U);  // two first, the third on disagreement
  EXPECT_EQ(e.seen[2].sample, 2U);
}

TEST(Agreement, DoesNotAskWhatCannotHelpAnyMore) {
  FlowLab lab("{ type: agreement, cheap: [S, M], agree: 2 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"", 1, true}}}, {1, {{"b", 4}}}, {2, {{"c", 20}}}};
  EXPECT_EQ(answer_of(lab.ask(caller)), "c");
}

TEST(Agreement, TakesACheapAnswerWhenTheStrongModelFails) {
  FlowLab lab("{ type: agreement }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}, {2, {{"down", 0, true}}}};
  EXPECT_EQ(answer_of(lab.ask(caller)), "b");
}

TEST(Agreement, RefusesAQuorumThatCannotBe) {
  EXPECT_NE(FlowLab("{ type: agreement, cheap: [S], agree: 2 }").errors().find("can never be 2"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
