#include "eval/pick.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "eval/evaluate.h"
#include "eval/testing/tables.h"

namespace swy::eval {
namespace {

// The train part of T4 is also what is chosen on.
Pool validated_t4() {
  Pool pool = testing::t4_pool();
  pool.validation = pool.train;
  return pool;
}

// A hundred questions to choose on, those four over and over: M is right on 75 of them.
Pool hundred() {
  Pool pool = testing::t4_pool();
  pool.validation.clear();
  for (std::size_t i = 0; i < 100; ++i)
    pool.validation.push_back(pool.train[i % pool.train.size()]);
  return pool;
}

void set_means(std::vector<Setting>& all) {
  for (Setting& s : all) {
    s.mean_quality = 0;
    for (const float q : s.quality)
      s.mean_quality += static_cast<double>(q) / static_cast<double>(s.quality.size());
  }
}

std::vector<Setting> settings(const std::vector<std::pair<double, double>>& cost_quality) {
  std::vector<Setting> out;
  for (const auto& [cost, quality] : cost_quality) {
    Setting s;
    s.mean_cost = cost;
    s.mean_quality = quality;
    out.push_back(s);
  }
  return out;
}

Pick by(const std::vector<Pick>& picks, Picked::By by) {
  for (const Pick& p : picks) {
    if (p.by == by) return p;
  }
  ADD_FAILURE() << "no such pick";
  return {};
}

TEST(Pick, BudgetIsWhatTheBestSingleModelCosts) {
  // M: .75 at 4. The oracle's settings of 3.7: 4 lies between 2.5 and 7.25.
  const auto picks = pick(validated_t4(), settings({{1, .25}, {2.5, .75}, {7.25, 1}}));
  const Pick p = by(picks, Picked::By::kBudget);
  EXPECT_EQ(p.low, 1U);
  EXPECT_EQ(p.high, 2U);
  EXPECT_NEAR(p.share, 1.5 / 4.75, 1e-12);
  const Pick equal = by(picks, Picked::By::kEqual);  // .75 is reached at 2.5
  EXPECT_EQ(equal.low, 1U);
  EXPECT_NEAR(equal.share, 0, 1e-12);
  EXPECT_EQ(by(picks, Picked::By::kQuality).low, 2U);
}

TEST(Pick, OfEqualQualitiesTheCheapestIsChosen) {
  const auto picks = pick(validated_t4(), settings({{9, .8}, {3, .8}, {5, .8}}));
  EXPECT_EQ(by(picks, Picked::By::kQuality).low, 1U);
}

// The best of several that differ by noise is best by luck: the dearest of them is taken.
TEST(Pick, AmongSettingsThatNoiseCannotTellApartTheDearestIsChosen) {
  auto all = settings({{1, 0}, {2, 0}, {3, 0}, {4, 0}});
  for (int i = 0; i < 100; ++i) {
    all[0].quality.push_back(i < 60 ? 0.0F : 1.0F);                      // .40
    all[1].quality.push_back(i % 5 == 0 ? 0.0F : 1.0F);                  // .80, the best
    all[2].quality.push_back((i + 1) % 5 == 0 || i == 7 ? 0.0F : 1.0F);  // .79, other questions
    all[3].quality.push_back(i < 60 && i % 2 == 0 ? 0.0F : 1.0F);        // .70
  }
  set_means(all);
  const auto picks = pick(hundred(), all);
  EXPECT_EQ(by(picks, Picked::By::kQuality).low, 2U);
  EXPECT_EQ(by(picks, Picked::By::kBudget).low, 2U) << "3 is below M's 4";
  all[2].quality = all[1].quality;  // never another outcome: dearer for nothing
  all[2].mean_quality = all[1].mean_quality;
  EXPECT_EQ(by(pick(hundred(), all), Picked::By::kQuality).low, 1U);
}

// What is as good as the best single model by luck is not promised to be as good.
TEST(Pick, TheQualityOfTheBestSingleModelIsReachedWithItsErrorToSpare) {
  const Pool pool = hundred();
  const std::size_t best = best_single(pool);
  auto all = settings({{1, 0}, {3, 0}});
  std::size_t number = 0;
  for (const std::size_t row : pool.validation) {
    const auto model = static_cast<float>(pool.qualities(row)[best]);
    all[0].quality.push_back(++number % 2 == 0 ? 1 - model : model);  // now worse, now better
    all[1].quality.push_back(number % 10 == 1 ? 1.0F : model);        // never worse
  }
  set_means(all);
  double wanted = 0;
  for (const std::size_t row : pool.validation) wanted += pool.qualities(row)[best] / 100;
  all[0].mean_quality = wanted;  // on the mean as good, by many questions won and lost
  const Pick p = by(pick(pool, all), Picked::By::kEqual);
  EXPECT_EQ(p.low, 0U);
  EXPECT_EQ(p.high, 1U);
  EXPECT_GT(p.share, .3);
  for (std::size_t i = 0; i < 100; ++i)  // the same outcomes: no error, nothing to spare
    all[0].quality[i] = static_cast<float>(pool.qualities(pool.validation[i])[best]);
  const Pick sure = by(pick(pool, all), Picked::By::kEqual);
  EXPECT_EQ(sure.low, 0U);
  EXPECT_EQ(sure.share, 0);
}

TEST(Pick, WhatNeverReachesTheBestSingleModelTakesItsBestSetting) {
  const auto picks = pick(validated_t4(), settings({{1, .25}, {3, .6}}));
  const Pick p = by(picks, Picked::By::kEqual);
  EXPECT_EQ(p.share == 0 ? p.low : p.high, 1U);
}

TEST(Pick, ASettingDearerThanTheBudgetIsTakenOnlyWhereNoneIsCheaper) {
  const auto picks = pick(validated_t4(), settings({{6, .5}, {30, .9}}));
  EXPECT_EQ(by(picks, Picked::By::kBudget).low, 0U);
}

TEST(Pick, AMixtureIsTheMeanOfBothQuestionByQuestion) {
  const Pool pool = validated_t4();
  Decided low = empty_decided(pool, "low", 4);
  Decided high = empty_decided(pool, "high", 4);
  for (const std::size_t row : pool.test) {
    add_decided(pool, row, {1, 0, 0}, low);
    add_decided(pool, row, {0, 1, 0}, high);
  }
  finish_setting(low.setting);
  finish_setting(high.setting);
  const Picked m = mixed(pool, {Picked::By::kBudget, 0, 1, .25}, low, high);
  EXPECT_NEAR(m.decided.setting.mean_cost, .75 * 1 + .25 * 4, 1e-6);
  EXPECT_NEAR(m.decided.setting.mean_quality, .75 * .25 + .25 * .75, 1e-6);
  EXPECT_NEAR(m.decided.setting.share[1], .25, 1e-12);
  EXPECT_NEAR(static_cast<double>(m.decided.probability[1]), .25, 1e-6);
}

// The outcomes of test questions are turned around; nothing that is chosen may change with them.
TEST(Pick, NoSettingDependsOnATestOutcome) {
  const auto knobs = [](bool turned) {
    std::string rows = testing::synthetic_rows(600, 3);
    auto pool = make_pool(testing::table_from(rows), {});
    EXPECT_TRUE(pool);
    if (turned) {
      for (const std::size_t row : pool->test) {
        for (std::size_t m = 0; m < 3; ++m) {
          double& q = pool->quality[row * 3 + m];
          q = 1 - q;
        }
      }
    }
    EvalOptions options;
    options.routers = {"knn"};
    options.bootstrap = 0;
    options.points = 7;
    const auto report = evaluate(*pool, options, route::builtin_registry());
    EXPECT_TRUE(report);
    std::vector<std::string> out;
    for (const LineReport& l : report->lines) {
      if (l.name != "knn") continue;
      for (const PickReport& p : l.picks) out.push_back(p.knob);
    }
    return out;
  };
  const auto as_is = knobs(false);
  EXPECT_EQ(as_is.size(), 5U);
  EXPECT_EQ(as_is, knobs(true));
}

TEST(Pick, ValidationQuestionsAreLearnedFromNowhereWhereSettingsAreChosen) {
  const auto pool = make_pool(testing::table_from(testing::synthetic_rows(800, 2)), {});
  ASSERT_TRUE(pool);
  EXPECT_NEAR(static_cast<double>(pool->validation.size()),
              .2 * static_cast<double>(pool->train.size()), 40);
  for (const std::size_t row : pool->validation)
    EXPECT_EQ(std::count(pool->train.begin(), pool->train.end(), row), 1);
}

}  // namespace
}  // namespace swy::eval
