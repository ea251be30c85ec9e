#include <gtest/gtest.h>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

TEST(Cascade, StopsAtTheFirstAnswerThatIsGoodEnough) {
  FlowLab lab("{ type: cascade, threshold: .8 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}, {2, {{"c", 20}}}};
  EXPECT_EQ(asked(lab.ask(caller)), "SML");  // .25, then .71: two that differ
  caller.answers[1] = {{"a", 4}};
  const Ended e = lab.ask(caller);
  EXPECT_EQ(asked(e), "SM");  // 9 * .25 / .75 * 9 * .75 / .25 = 81 against 9: .9
  EXPECT_NEAR(e.confidence, .9, 1e-9);
  EXPECT_EQ(answer_of(e), "a");
}

TEST(Cascade, TakesTheThresholdOfItsStage) {
  FlowLab lab("{ type: cascade, threshold: .95, thresholds: { S: .2 } }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"a", 4}}}, {2, {{"c", 20}}}};
  EXPECT_EQ(asked(lab.ask(caller)), "S");
}

TEST(Cascade, AsksInTheListedOrderWhenTold) {
  FlowLab lab("{ type: cascade, threshold: .5, order: listed }", "[M, S, L]");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 4}}}};
  const Ended e = lab.ask(caller);
  EXPECT_EQ(e.seen.size(), 1U);
  EXPECT_EQ(lab.plan->catalogue[lab.rule().candidates[e.seen[0].candidate]].name, "M");
}

TEST(Cascade, AbstainsBelowTheLowerBar) {
  FlowLab lab("{ type: cascade, threshold: .7, abstain: .3 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}, {2, {{"c", 20}}}};
  const Ended e = lab.ask(caller);  // S alone is .25: below
  EXPECT_EQ(asked(e), "S");
  EXPECT_FALSE(e.answer.has_value());
}

// request-routing.md 5.12: p = (.95, .6, .1, .4) with abstain .2 and threshold .7.
TEST(Cascade, AcceptsDefersAbstainsDefers) {
  FlowLab lab("{ type: cascade, threshold: .7, abstain: .2 }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  std::string acts;
  for (const double p : {.95, .6, .1, .4}) {
    Start start = lab.start();
    start.beliefs[0].quality = p;  // one answer of a model at p is right with probability p
    ScriptedCaller caller;
    caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}, {2, {{"c", 20}}}};
    const Ended e = lab.ask(caller, start);
    acts += e.seen.size() > 1 ? 'd' : e.answer ? 'a' : 'x';
  }
  EXPECT_EQ(acts, "adxd");
}

// request-routing.md 5.12: tokens at (-.1, -.2, -.05, -2.0): one bad token defers under min, not
// under mean, with a threshold of -1.
TEST(Cascade, DefersOnOneBadTokenUnderMinAndNotUnderMean) {
  for (const bool min : {true, false}) {
    FlowLab lab(std::string("{ type: cascade, threshold: -1, score: logprob_") +
                (min ? "min" : "mean") + " }");
    ASSERT_NE(lab.plan, nullptr) << lab.errors();
    ScriptedCaller caller;
    caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}, {2, {{"c", 20}}}};
    caller.answers[0][0].logprob_mean = -.5875;
    caller.answers[0][0].logprob_min = -2.0;
    const Ended e = lab.ask(caller);
    EXPECT_TRUE(caller.rounds[0][0].logprobs);
    // The others say none, which is no confidence: they are deferred from too.
    EXPECT_EQ(asked(e), min ? "SML" : "S");
  }
}

TEST(Cascade, RefusesToGuessAThreshold) {
  EXPECT_NE(FlowLab("cascade").errors().find("give threshold"), std::string::npos);
  EXPECT_NE(FlowLab("{ type: cascade, keep: .99 }").errors().find("give `table`"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
