#include "route/experiment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/rng.h"

namespace swy::route {
namespace {

ExperimentSpec spec_of(ExperimentKind kind, std::vector<double> shares) {
  ExperimentSpec s;
  s.name = "trial";
  s.rules = "auto";
  s.kind = kind;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    s.arms.push_back({"arm" + std::to_string(i), "rules" + std::to_string(i), shares[i]});
  }
  s.promote = kind != ExperimentKind::kAb;
  return s;
}

// Requests until something is decided for good, or `length`; the arm's mean is planted.
Experiment lived(ExperimentSpec spec, const std::vector<double>& means, int length,
                 std::uint64_t stream) {
  Experiment e(std::move(spec));
  base::Rng rng(3, stream, 0);
  for (int i = 0; i < length && e.running(); ++i) {
    const std::uint64_t unit = rng.next();
    const std::size_t arm = assign(e.spec(), e.shares(), unit);
    e.observe(arm, unit, rng.uniform() < means[arm] ? 1 : 0);
  }
  return e;
}

TEST(Experiment, SharesAreKeptAndAUnitKeepsItsArm) {
  const ExperimentSpec s = spec_of(ExperimentKind::kBestArm, {0.5, 0.3, 0.2});
  const std::vector<double> all = {0.5, 0.3, 0.2};
  const std::vector<double> two = {5.0 / 7, 0, 2.0 / 7};
  std::map<std::size_t, int> before, after;
  for (std::uint64_t u = 0; u < 20'000; ++u) {
    const std::size_t arm = assign(s, all, u);
    const std::size_t left = assign(s, two, u);
    EXPECT_EQ(arm, assign(s, all, u));
    ++before[arm];
    ++after[left];
    EXPECT_TRUE(arm == 1 || left == arm) << "a unit moved although its arm is there";
  }
  EXPECT_NEAR(before[0], 10'000, 300);
  EXPECT_NEAR(before[1], 6'000, 300);
  EXPECT_NEAR(after[0], 14'286, 300);
  EXPECT_EQ(after[1], 0);
}

TEST(Experiment, TwoExperimentsDealTheSameUnitsApart) {
  ExperimentSpec a = spec_of(ExperimentKind::kAb, {0.5, 0.5});
  ExperimentSpec b = a;
  b.name = "another";
  int same = 0;
  for (std::uint64_t u = 0; u < 10'000; ++u)
    same += assign(a, {0.5, 0.5}, u) == assign(b, {0.5, 0.5}, u) ? 1 : 0;
  EXPECT_NEAR(same, 5'000, 250);
}

TEST(Experiment, AWorseCanaryIsRolledBackAndNobodyIsSentThereAnyMore) {
  int rolled_back = 0;
  for (std::uint64_t stream = 0; stream < 50; ++stream) {
    const Experiment e =
        lived(spec_of(ExperimentKind::kCanary, {0.9, 0.1}), {0.8, 0.4}, 4000, stream);
    if (e.state() != "rolled back") continue;
    ++rolled_back;
    EXPECT_EQ(e.shares(), (std::vector<double>{1, 0}));
    EXPECT_EQ(e.arms()[1].state, ArmState::kOut);
    EXPECT_NE(e.arms()[1].why.find("worse: quality"), std::string::npos) << e.arms()[1].why;
    for (std::uint64_t u = 0; u < 1000; ++u) EXPECT_EQ(assign(e.spec(), e.shares(), u), 0U);
  }
  EXPECT_EQ(rolled_back, 50);
}

TEST(Experiment, AnEqualCanaryIsRolledBackAtMostAsOftenAsStatedAndMostlyPromoted) {
  int rolled_back = 0, promoted = 0;
  constexpr int kStreams = 400;
  for (std::uint64_t stream = 0; stream < kStreams; ++stream) {
    ExperimentSpec s = spec_of(ExperimentKind::kCanary, {0.8, 0.2});
    s.margin = 0.1;
    s.min_observations = 5;
    const Experiment e = lived(std::move(s), {0.7, 0.7}, 4000, stream);
    rolled_back += e.state() == "rolled back" ? 1 : 0;
    promoted += e.state() == "promoted" ? 1 : 0;
  }
  std::printf("equal canary, margin 0.1: rolled back %.4f, promoted %.3f\n",
              rolled_back / double{kStreams}, promoted / double{kStreams});
  EXPECT_LE(rolled_back, kStreams / 20);
  EXPECT_GE(promoted, kStreams / 2);
}

TEST(Experiment, ACanaryThatLosesByJustTheMarginIsPromotedOrRolledBackRarely) {
  int out = 0, promoted = 0;
  constexpr int kStreams = 400;
  for (std::uint64_t stream = 0; stream < kStreams; ++stream) {
    ExperimentSpec s = spec_of(ExperimentKind::kCanary, {0.5, 0.5});
    s.margin = 0.1;
    s.min_observations = 1;
    const Experiment e = lived(std::move(s), {0.7, 0.6}, 1500, stream);
    out += e.state() == "rolled back" ? 1 : 0;
    promoted += e.state() == "promoted" ? 1 : 0;
  }
  std::printf("at the margin: rolled back %.4f, promoted %.4f\n", out / double{kStreams},
              promoted / double{kStreams});
  EXPECT_LE(out, kStreams / 20);
  EXPECT_LE(promoted, kStreams / 20);
}

TEST(Experiment, EqualArmsOfAnAbTestAreCalledDifferentAtMostAsOftenAsStated) {
  int claimed = 0;
  constexpr int kStreams = 400;
  for (std::uint64_t stream = 0; stream < kStreams; ++stream) {
    ExperimentSpec s = spec_of(ExperimentKind::kAb, {0.5, 0.25, 0.25});
    s.min_observations = 1;
    const Experiment e = lived(std::move(s), {0.6, 0.6, 0.6}, 1500, stream);
    claimed += e.state() != "running" || e.arms()[1].state != ArmState::kRunning ||
                       e.arms()[2].state != ArmState::kRunning
                   ? 1
                   : 0;
  }
  std::printf("three equal arms: claimed %.4f\n", claimed / double{kStreams});
  EXPECT_LE(claimed, kStreams / 20);
}

TEST(Experiment, AnAbTestNamesTheWinnerAndMovesNobodyUnlessAsked) {
  const Experiment told = lived(spec_of(ExperimentKind::kAb, {0.5, 0.5}), {0.4, 0.7}, 4000, 1);
  EXPECT_EQ(told.state(), "decided");
  EXPECT_EQ(told.arms()[1].state, ArmState::kWon);
  EXPECT_EQ(told.shares(), (std::vector<double>{0.5, 0.5}));
  EXPECT_GT(told.difference(1).low, 0);
  ExperimentSpec s = spec_of(ExperimentKind::kAb, {0.5, 0.5});
  s.promote = true;
  const Experiment moved = lived(std::move(s), {0.4, 0.7}, 4000, 1);
  EXPECT_EQ(moved.state(), "promoted");
  EXPECT_EQ(moved.shares(), (std::vector<double>{0, 1}));
}

TEST(Experiment, TheBestArmIsFoundAndTheOthersGoOneByOne) {
  int found = 0;
  constexpr int kStreams = 60;
  for (std::uint64_t stream = 0; stream < kStreams; ++stream) {
    const Experiment e = lived(spec_of(ExperimentKind::kBestArm, {0.25, 0.25, 0.25, 0.25}),
                               {0.3, 0.8, 0.5, 0.6}, 8000, stream);
    if (e.running()) continue;
    EXPECT_EQ(e.shares(), (std::vector<double>{0, 1, 0, 0})) << stream;
    ++found;
  }
  EXPECT_EQ(found, kStreams);
}

TEST(Experiment, TheBestArmIsPutOutAtMostAsOftenAsStated) {
  int out = 0;
  constexpr int kStreams = 300;
  for (std::uint64_t stream = 0; stream < kStreams; ++stream) {
    ExperimentSpec s = spec_of(ExperimentKind::kBestArm, {0.25, 0.25, 0.25, 0.25});
    s.min_observations = 1;
    const Experiment e = lived(std::move(s), {0.6, 0.6, 0.6, 0.6}, 1200, stream);
    out += e.arms()[0].state == ArmState::kOut ? 1 : 0;
  }
  std::printf("four equal arms: the first put out %.4f\n", out / double{kStreams});
  EXPECT_LE(out, kStreams / 20);
}

TEST(Experiment, CostAndLatencyAreBetterWhenLessAndSpeakInTheirOwnUnit) {
  ExperimentSpec s = spec_of(ExperimentKind::kCanary, {0.5, 0.5});
  s.metric = ExperimentMetric::kLatency;
  s.cap = 2000;
  s.margin = 100;
  Experiment e(std::move(s));
  base::Rng rng(1, 1, 1);
  for (std::uint64_t u = 0; u < 2000 && e.running(); ++u)
    e.observe(u % 2, u, (u % 2 == 0 ? 500 : 1200) + 200 * rng.uniform());
  EXPECT_EQ(e.state(), "rolled back");
  EXPECT_NEAR(e.mean(0), 600, 40);
  EXPECT_NEAR(e.mean(1), 1300, 40);
  EXPECT_LE(e.bounds(1).low, e.mean(1));
  EXPECT_GE(e.bounds(1).high, e.mean(1));
  EXPECT_GT(e.difference(1).low, 100);
  EXPECT_GE(e.log_e_worse(1), e.log_level());
}

TEST(Experiment, AUnitCountsOnceAndNonsenseNever) {
  Experiment e(spec_of(ExperimentKind::kAb, {0.5, 0.5}));
  e.observe(0, 7, 1);
  e.observe(0, 7, 0);
  e.observe(1, 7, 0);
  e.observe(2, 8, 1);
  e.observe(0, 9, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(e.arms()[0].evidence.n(), 1U);
  EXPECT_EQ(e.arms()[1].evidence.n(), 0U);
  e.observe(0, 10, 99);
  EXPECT_DOUBLE_EQ(e.mean(0), 1);
}

TEST(Experiment, WhatWasDecidedBeforeIsTakenOverOnce) {
  Experiment e(spec_of(ExperimentKind::kCanary, {0.9, 0.1}));
  e.restore(2, ArmState::kOut, "nobody");
  EXPECT_TRUE(e.running());
  e.restore(1, ArmState::kOut, "as before");
  EXPECT_EQ(e.state(), "rolled back");
  EXPECT_EQ(e.arms()[1].why, "as before");
  EXPECT_EQ(e.shares(), (std::vector<double>{1, 0}));
  e.restore(1, ArmState::kWon, "no");
  EXPECT_EQ(e.state(), "rolled back");
}

TEST(Experiment, AShadowOnlyCounts) {
  Experiment e(spec_of(ExperimentKind::kShadow, {1, 0}));
  for (std::uint64_t u = 0; u < 500; ++u) {
    EXPECT_EQ(assign(e.spec(), e.shares(), u), 0U);
    EXPECT_FALSE(e.observe(0, u, 1));
    e.would_choose(1, u % 4 == 0);
  }
  EXPECT_EQ(e.state(), "shadowing");
  EXPECT_EQ(e.arms()[1].compared, 500U);
  EXPECT_EQ(e.arms()[1].same, 125U);
}

}  // namespace
}  // namespace swy::route
