#include <gtest/gtest.h>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

Ended ask(const std::string& flow, ScriptedCaller& caller, double small,
          const std::string& models = "[S, M, L]") {
  FlowLab lab(flow, models);
  EXPECT_NE(lab.plan, nullptr) << lab.errors();
  Start start = lab.start();
  start.beliefs[0].quality = small;
  start.beliefs[1].quality = 0;
  const double cost[] = {1, 4, 20};
  for (std::size_t i = 0; i < start.beliefs.size(); ++i) start.beliefs[i].cost_micro = cost[i];
  return lab.ask(caller, start);
}

ScriptedCaller scripted() {
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}, {"b", 1}, {"b", 1}}}, {1, {{"m", 4}}}, {2, {{"l", 20}}}};
  return caller;
}

// request-routing.md 5.2 f: best of three independent samples at .4 is .784 with a perfect
// verifier.
TEST(BestRoute, TakesTheCheapestArmThatIsLikelyEnough) {
  ScriptedCaller caller = scripted();
  const std::string arms = "{ type: best_route, alike: 0, hit: 1, samples: 3, quality: ";
  const Ended three = ask(arms + ".7 }", caller, .4);
  EXPECT_EQ(asked(three), "SSS");
  EXPECT_EQ(caller.rounds.size(), 1U) << "all samples at once";
  EXPECT_EQ(three.round_why[0].view(), "3 samples: p 0.784");
  EXPECT_EQ(answer_of(three), "b") << "most voices";
  EXPECT_EQ(asked(ask(arms + ".9 }", caller, .4)), "L");
  EXPECT_EQ(asked(ask(arms + ".6 }", caller, .4)), "SS") << ".64";
  EXPECT_EQ(asked(ask(arms + ".4 }", caller, .4)), "S");
}

TEST(BestRoute, SamplesLessWhenSamplesAreAlikeOrTheVerifierErrs) {
  ScriptedCaller caller = scripted();
  const std::string bar = "{ type: best_route, samples: 3, quality: .7, ";
  EXPECT_EQ(asked(ask(bar + "alike: 1, hit: 1 }", caller, .4)), "L") << "one sample says it all";
  EXPECT_EQ(asked(ask(bar + "alike: 0, hit: .7 }", caller, .4)), "L") << ".4 + .7 * .384 = .669";
  EXPECT_EQ(asked(ask(bar + "alike: 0, hit: .8 }", caller, .4)), "SSS") << ".707";
  // alike .5 is a = .4, b = .6: 1 - .6 / 1 * 1.6 / 2 * 2.6 / 3 = .584.
  const Ended some =
      ask("{ type: best_route, samples: 3, quality: .55, alike: .5, hit: 1 }", caller, .4);
  EXPECT_EQ(some.round_why[0].view(), "3 samples: p 0.584");
}

TEST(BestRoute, LetsTheJudgeChooseAndPaysForIt) {
  ScriptedCaller caller = scripted();
  caller.verdicts = {{1, {{"1", 4}}}};
  const std::string judged =
      "{ type: best_route, alike: 0, hit: 1, samples: 3, quality: .7, judge: M }";
  const Ended e = ask(judged, caller, .4);
  EXPECT_EQ(asked(e), "SSSM");
  EXPECT_EQ(answer_of(e), "a") << "the judge's choice, against the voices";
  // 17 samples and a judge are dearer than the reference.
  EXPECT_EQ(asked(ask("{ type: best_route, alike: 0, hit: 1, samples: 32, max_calls: 64, quality: "
                      ".7, judge: M }",
                      caller, .07)),
            "L");
  caller.verdicts = {{1, {{"lovely", 4}}}};
  EXPECT_EQ(answer_of(ask(judged, caller, .4)), "b") << "no choice: most voices";
}

TEST(BestRoute, GoesToTheReferenceWhenNothingCame) {
  ScriptedCaller caller = scripted();
  caller.answers[0] = {{"", 1, true}};
  const Ended e =
      ask("{ type: best_route, alike: 0, hit: 1, samples: 2, quality: .6 }", caller, .4);
  EXPECT_EQ(asked(e), "SSL");
  EXPECT_EQ(answer_of(e), "l");
}

// request-routing.md 5.2 f: arms (S, 1) p .4 c 1, (S, 3) p .8 c 3, (L, 1) c 20.
TEST(BestRoute, TakesTheCheapestLearnedArmThatIsLikelyEnough) {
  const std::string models =
      "models:\n  - { name: S, price: { input: 1, output: 1 }, quality: { default: .4 } }\n"
      "  - { name: S3, upstream_model: S, answers: 3, price: { input: 1, output: 1 }, quality: { "
      "default: .8 } }\n"
      "  - { name: L, price: { input: 20, output: 20 }, quality: { default: .95 } }\n";
  const auto ask_at = [&](const std::string& options, std::int64_t calls = 8) {
    FlowLab lab("unused", "[S, S3, L]");
    base::Diagnostics diag;
    const auto doc = base::parse_yaml(
        models +
            "routes: { auto: [{ models: [S, S3, L], estimator: prior, flow: { type: "
            "best_route, max_calls: " +
            std::to_string(calls) + ", " + options + " } }] }\n",
        diag);
    lab.plan = route::compile(*doc, ".", lab.registry, diag);
    EXPECT_NE(lab.plan, nullptr) << diag.to_text();
    ScriptedCaller caller;
    caller.answers = {{0, {{"a", 1}}}, {1, {{"a", 1}, {"b", 1}, {"b", 1}}}, {2, {{"l", 20}}}};
    Start start = lab.start();
    const double cost[] = {1, 3, 20};
    for (std::size_t i = 0; i < 3; ++i) start.beliefs[i].cost_micro = cost[i];
    return lab.ask(caller, start);
  };
  // Letters are of candidates: M is S3 here.
  const Ended three = ask_at("hit: 1, quality: .7");
  EXPECT_EQ(asked(three), "MMM");
  EXPECT_EQ(three.round_why[0].view(), "3 samples: p 0.800");
  EXPECT_EQ(answer_of(three), "b") << "most voices";
  EXPECT_EQ(asked(ask_at("hit: 1, quality: .9")), "L");
  EXPECT_EQ(asked(ask_at("hit: 1, quality: .4")), "S");
  EXPECT_EQ(asked(ask_at("hit: .7, quality: .7")), "L") << ".4 + .7 * .4 = .68";
  EXPECT_EQ(asked(ask_at("hit: 1, quality: .7", 2)), "L") << "three calls are too many";
  EXPECT_EQ(asked(ask_at("hit: 1, quality: .7, max_cost: 0.0000035")), "MMM")
      << "3 in millionths of a dollar, not 9";
}

TEST(BestRoute, SaysWhatIsWrongWithItsOptions) {
  EXPECT_NE(FlowLab("{ type: best_route, judge: S }", "[S]").errors().find("no model is left"),
            std::string::npos);
  EXPECT_NE(FlowLab("{ type: best_route, reference: X }").errors().find("'X' is no candidate"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
