#include <gtest/gtest.h>

#include "base/rng.h"
#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

// request-routing.md 4.16 f: chart: A .9, B .7; schematic: A .5, B .8; gate .75. A is S, B is M.
Ended caption(double a, double b, const char* grade) {
  FlowLab lab("{ type: gate, judge: L, gate: .75, last: abstain }");
  EXPECT_NE(lab.plan, nullptr) << lab.errors();
  Start start = lab.start();
  start.beliefs[0].quality = a;
  start.beliefs[1].quality = b;
  ScriptedCaller caller;
  caller.answers = {{0, {{"by A", 1}}}, {1, {{"by B", 4}}}};
  caller.verdicts = {{2, {{grade, 1}}}};
  return lab.ask(caller, start);
}

TEST(Gate, SendsEachClassToItsBestAndDropsWhatFails) {
  EXPECT_EQ(answer_of(caption(.9, .7, "90")), "by A");  // chart
  EXPECT_EQ(answer_of(caption(.5, .8, "80")), "by B");  // schematic
  const Ended dropped = caption(.9, .7, "60");          // B's .7 is below the gate too
  EXPECT_EQ(asked(dropped), "SL");
  EXPECT_FALSE(dropped.answer.has_value());
}

TEST(Gate, IsClosedWhenTheJudgeIsBroken) {
  EXPECT_FALSE(caption(.9, .7, "lovely").answer.has_value());
}

TEST(Gate, AnswersTheBestGradedWhenNonePasses) {
  FlowLab lab("{ type: gate, judge: L, gate: .9, order: cost }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"a", 1}}}, {1, {{"b", 4}}}};
  caller.verdicts = {{2, {{"70", 1}, {"40", 1}}}};
  EXPECT_EQ(answer_of(lab.ask(caller)), "a");
}

// T4 over and over, S then M then L by price, judged with an error: section 6 pitfall 5 and
// section 7.
struct Judged {
  double quality = 0;
  double cost = 0;
};

Judged replay(double error) {
  constexpr double kTruth[4][3] = {{1, 1, 1}, {0, 1, 1}, {0, 0, 1}, {0, 1, 0}};
  constexpr double kCost[3] = {1, 4, 20};
  constexpr int kCopies = 1000;
  static const route::Registry registry = builtin_registry();
  base::Diagnostics diag("judged");
  const auto doc = base::parse_yaml(
      "models:\n  - { name: S, price: { input: 1, output: 1 } }\n"
      "  - { name: M, price: { input: 4, output: 4 } }\n"
      "  - { name: L, price: { input: 20, output: 20 } }\n"
      "  - { name: J, price: { input: 0, output: 0 } }\n"
      "routes:\n  auto:\n    - { models: [S, M, L, J], flow: { type: gate, judge: J, order: cost, "
      "tries: 3, max_calls: 16 } }\n",
      diag);
  const auto plan = route::compile(*doc, ".", registry, diag);
  EXPECT_NE(plan, nullptr) << diag.to_text();
  const route::Rule& rule = plan->rule_sets[0].rules[0];
  base::Rng rng(5, 6, 7);
  Judged out;
  for (int i = 0; i < 4 * kCopies; ++i) {
    const auto& truth = kTruth[i % 4];
    ScriptedCaller caller;
    for (std::uint32_t m = 0; m < 3; ++m) {
      caller.answers[m] = {{truth[m] > 0 ? "right" : "wrong", kCost[m]}};
      // The last model's answer is not judged in a cascade: it stands.
      const bool flipped = rng.uniform() < error;
      const bool verdict = m == 2 || (truth[m] > 0) != flipped;
      caller.verdicts[3].push_back({verdict ? "100" : "0", 0});
    }
    Start start;
    start.candidates = rule.candidates;
    start.allowed = {1, 1, 1, 1};
    start.beliefs.resize(4);
    start.probability = {1, 0, 0, 0};
    base::Task<Ended> task = run(*rule.strategy, rule.limits, start, caller);
    task.start();
    const Ended& e = task.result();
    out.quality += answer_of(e) == "right" ? 1 : 0;
    out.cost += e.cost_usd();
  }
  out.quality /= 4 * kCopies;
  out.cost /= 4 * kCopies;
  return out;
}

TEST(Gate, WithAPerfectJudgeIsRightAtNineAndTheOracleAtSevenAndAQuarter) {
  const Judged perfect = replay(0);
  EXPECT_NEAR(perfect.quality, 1.00, 1e-5);
  EXPECT_NEAR(perfect.cost, 9, 1e-5);
  EXPECT_GT(perfect.cost, 7.25);  // what an oracle pays that knows before it asks
}

TEST(Gate, LosesSteadilyWithTheJudgesError) {
  double before = 1.01;
  for (const double error : {0.0, .1, .2, .3, .4, .5}) {
    const Judged at = replay(error);
    EXPECT_LT(at.quality, before) << error;
    before = at.quality;
  }
  // At .3 it is no better than M alone (.75), at more than M's price of 4.
  EXPECT_LT(replay(.3).quality, .80);
  EXPECT_GT(replay(.3).cost, 4);
}

}  // namespace
}  // namespace swy::flow
