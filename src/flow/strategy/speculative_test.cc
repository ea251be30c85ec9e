#include <gtest/gtest.h>

#include <cmath>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::Said;
using testing::ScriptedCaller;

Said said(const std::string& text, double cost, double confidence) {
  return {text, cost, false, std::log(confidence), std::log(confidence)};
}

// S drafts, L is the target, at these confidences.
Ended ask(const std::string& rule, double alpha, Said draft, Said target) {
  FlowLab lab("{ type: speculative, rule: " + rule + ", alpha: " + std::to_string(alpha) + " }");
  EXPECT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {draft}}, {2, {target}}};
  const Ended e = lab.ask(caller);
  EXPECT_TRUE(caller.rounds[0][0].logprobs);
  return e;
}

// request-routing.md 5.12, over answers: q = (.6, .4), p = (.9, .1), of five and ten samples.
Ended sampled(const std::string& rule, double alpha) {
  FlowLab lab("{ type: speculative, confidence: voices, samples: 10, max_calls: 20, rule: " + rule +
              ", alpha: " + std::to_string(alpha) + " }");
  EXPECT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  for (int i = 0; i < 10; ++i) {
    caller.answers[0].push_back({i < 6 ? "yes" : "no", 1});
    caller.answers[2].push_back({i < 9 ? "Yes." : "no", 20});
  }
  return lab.ask(caller);
}

TEST(Speculative, OfOptWeighsTheLeadAgainstTheDistance) {
  const Ended deferred = sampled("opt", .5);  // .6 < .9 - .5 * .3
  EXPECT_EQ(answer_of(deferred), "Yes.");
  EXPECT_NEAR(deferred.confidence, .9, 1e-9);
  EXPECT_EQ(deferred.seen.size(), 20U);
  // Beyond alpha 1 nothing the target could say moves a draft that has more than half.
  const Ended kept = sampled("opt", 1.2);
  EXPECT_EQ(answer_of(kept), "yes");
  EXPECT_EQ(kept.seen.size(), 10U);
}

TEST(Speculative, OfChowLooksAtTheDraftAlone) {
  EXPECT_EQ(asked(ask("chow", .3, said("a", 1, .8), said("b", 20, .9))), "S");
  const Ended e = ask("chow", .3, said("a", 1, .6), said("b", 20, .1));
  EXPECT_EQ(asked(e), "SL");
  EXPECT_EQ(answer_of(e), "b");  // however unsure the target is
}

TEST(Speculative, OfDiffKeepsADraftThatTheTargetIsNoSurerThan) {
  EXPECT_EQ(asked(ask("diff", .3, said("a", 1, .7), said("b", 20, .9))), "S");  // 1 - .3
  EXPECT_EQ(answer_of(ask("diff", .3, said("a", 1, .5), said("b", 20, .79))), "a");
  EXPECT_EQ(answer_of(ask("diff", .3, said("a", 1, .5), said("b", 20, .81))), "b");
}

TEST(Speculative, OfTokensAsksWhatTheTargetGivesTheDraft) {
  // The same answer: the target gives it what it gives its best, so that it always stands.
  EXPECT_EQ(answer_of(ask("token_v2", .1, said("12", 1, .3), said("12.0", 20, .9))), "12");
  EXPECT_EQ(answer_of(ask("token_v3", .1, said("12", 1, .3), said("12.0", 20, .9))), "12");
  // Another: the target gives it nothing.
  EXPECT_EQ(answer_of(ask("token_v2", .8, said("12", 1, .9), said("13", 20, .9))), "13");
  EXPECT_EQ(answer_of(ask("token_v2", .9, said("12", 1, .9), said("13", 20, .9))), "12");
  EXPECT_EQ(answer_of(ask("token_v3", .9, said("12", 1, .9), said("13", 20, .2))), "13");
  EXPECT_EQ(answer_of(ask("token_v1", .2, said("12", 1, .3), said("13", 20, .6))), "13");
}

TEST(Speculative, DoesNotTakeAMissingConfidenceForOne) {
  const Ended e = ask("chow", .9, {"a", 1}, said("b", 20, .5));
  EXPECT_EQ(asked(e), "SL");
  EXPECT_EQ(answer_of(e), "b");
  EXPECT_EQ(answer_of(ask("diff", .1, said("a", 1, .6), {"b", 20})), "b");
}

TEST(Speculative, AnswersWithWhoeverAnswers) {
  EXPECT_EQ(answer_of(ask("opt", .1, {"down", 0, true}, said("b", 20, .5))), "b");
  EXPECT_EQ(answer_of(ask("opt", .1, said("a", 1, .2), {"down", 0, true})), "a");
  EXPECT_EQ(answer_of(ask("opt", .1, {"down", 0, true}, {"down", 0, true})), "(abstained)");
}

TEST(Speculative, KnowsWhatIsBelievedOfTheTargetBeforeItAsks) {
  FlowLab lab("{ type: speculative, rule: diff, alpha: .1, confidence: believed }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {2, {{"b", 20}}}};
  EXPECT_EQ(asked(lab.ask(caller)), "SL");  // .25 against .75
  Start start = lab.start();
  start.beliefs[0].quality = .7;
  EXPECT_EQ(asked(lab.ask(caller, start)), "S");
}

TEST(Speculative, RefusesWhatCannotBeMeant) {
  EXPECT_NE(FlowLab("speculative").errors().find("give alpha"), std::string::npos);
  EXPECT_NE(FlowLab("{ type: speculative, alpha: .1, rule: best }").errors().find("rule must be"),
            std::string::npos);
  EXPECT_NE(FlowLab("{ type: speculative, alpha: .1, confidence: voices }").errors().find("say"),
            std::string::npos);
  EXPECT_NE(FlowLab("{ type: speculative, alpha: .1, draft: L }").errors().find("the same model"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
