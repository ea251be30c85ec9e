#include "flow/thresholds.h"

#include <gtest/gtest.h>

#include <array>

namespace swy::flow {
namespace {

// request-routing.md 5.6 f: S costs 1 and L 20 on top.
Stages frugal() {
  return {{{.9, .4, .3, .6}}, {{1, 0, 0, 0}, {1, 1, 1, 0}}, {{1, 1, 1, 1}, {21, 21, 21, 21}}};
}

TEST(Thresholds, GiveWhatFrugalGptsExampleSays) {
  const Stages s = frugal();
  Goal goal;
  goal.budget = 100;
  const std::array<std::array<double, 3>, 4> known = {
      {{.35, .50, 6}, {.5, .75, 11}, {.7, .75, 16}, {.95, .75, 21}}};
  for (const auto& [tau, quality, cost] : known) {
    const Searched at = try_thresholds(s, {tau}, goal);
    EXPECT_NEAR(at.quality, quality, 1e-5) << tau;
    EXPECT_NEAR(at.cost, cost, 1e-5) << tau;
  }
}

TEST(Thresholds, TakeTheBestWithinABudget) {
  Goal goal;
  goal.budget = 12;
  const Searched found = search_thresholds(frugal(), goal);
  EXPECT_NEAR(found.threshold[0], .5, 1e-5);  // the middle of [.4, .6)
  EXPECT_NEAR(found.quality, .75, 1e-5);
  EXPECT_NEAR(found.cost, 11, 1e-5);
  EXPECT_TRUE(found.met);
}

TEST(Thresholds, TakeTheCheapestThatKeepsTheQuality) {
  Goal goal;
  goal.keep = 1;
  goal.reference = {1, 1, 1, 0};
  const Searched found = search_thresholds(frugal(), goal);
  EXPECT_NEAR(found.quality, .75, 1e-5);
  EXPECT_NEAR(found.cost, 11, 1e-5);
  goal.keep = 1.2;  // nothing is better than L
  EXPECT_FALSE(search_thresholds(frugal(), goal).met);
}

TEST(Thresholds, OfThreeStagesFindTheOracleOfAPerfectJudge) {
  // T4 with S, M, L at 1, 4, 20 and scores that are the truth: S -> M -> L, 1.00 at 9 (section 7).
  const Stages s = {{{1, 0, 0, 0}, {1, 1, 0, 1}},
                    {{1, 0, 0, 0}, {1, 1, 0, 1}, {1, 1, 1, 0}},
                    {{1, 1, 1, 1}, {5, 5, 5, 5}, {25, 25, 25, 25}}};
  Goal goal;
  goal.budget = 9;
  const Searched found = search_thresholds(s, goal);
  EXPECT_NEAR(found.quality, 1, 1e-5);
  EXPECT_NEAR(found.cost, 9, 1e-5);
}

// request-routing.md section 7: cascades on T4 with a perfect score.
TEST(Thresholds, SayThatEscalatingIsNotMonotone) {
  const Goal goal{.budget = 100, .reference = {}};
  // S then L: L is wrong on q4, where M is right (section 6, pitfall 6).
  const Stages to_l = {
      {{1, 0, 0, 0}}, {{1, 0, 0, 0}, {1, 1, 1, 0}}, {{1, 1, 1, 1}, {21, 21, 21, 21}}};
  const Searched s_l = try_thresholds(to_l, {.5}, goal);
  EXPECT_NEAR(s_l.quality, .75, 1e-5);
  EXPECT_NEAR(s_l.cost, 16, 1e-5);
  const Stages from_m = {
      {{1, 1, 0, 1}}, {{1, 1, 0, 1}, {1, 1, 1, 0}}, {{4, 4, 4, 4}, {24, 24, 24, 24}}};
  const Searched m_l = try_thresholds(from_m, {.5}, goal);
  EXPECT_NEAR(m_l.quality, 1, 1e-5);
  EXPECT_NEAR(m_l.cost, 9, 1e-5);
}

// request-routing.md 4.1 f8: a first stage at 1 that passes six of ten, a second at 20.
TEST(Thresholds, CostOfTwoStagesIsTheFirstAndTheShareThatGoesOn) {
  Stages s = {{{}}, {{}, {}}, {{}, {}}};
  for (int i = 0; i < 10; ++i) {
    s.score[0].push_back(i < 6 ? .9 : .1);
    for (auto& q : s.quality) q.push_back(1);
    s.cost[0].push_back(1);
    s.cost[1].push_back(21);
  }
  EXPECT_NEAR(try_thresholds(s, {.5}, {.budget = 100, .reference = {}}).cost, 9, 1e-5);
}

}  // namespace
}  // namespace swy::flow
