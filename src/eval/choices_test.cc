#include "eval/choices.h"

#include <gtest/gtest.h>

#include <cmath>

#include "eval/testing/tables.h"

namespace swy::eval {
namespace {

// A setting that chooses these models for the test questions.
Decided choosing(const Pool& pool, const std::vector<std::size_t>& models) {
  Decided d = empty_decided(pool, "", models.size());
  for (std::size_t t = 0; t < models.size(); ++t) {
    std::vector<double> p(pool.models(), 0.0);
    p[models[t]] = 1;
    add_decided(pool, pool.test[t], p, d);
  }
  finish_setting(d.setting);
  return d;
}

TEST(Choices, TheOracleHitsItselfAndSpendsTheLeast) {
  const Pool pool = testing::t4_pool();  // cheapest correct: S M L M
  const ChoiceReport c = choice_report(pool, choosing(pool, {0, 1, 2, 1}), {});
  EXPECT_NEAR(c.exact_oracle, 1, 1e-12);
  EXPECT_NEAR(c.any_best, 1, 1e-12);
  EXPECT_NEAR(c.opt_sel, 1, 1e-12);
  EXPECT_NEAR(c.opt_cost, 1, 1e-12);
  EXPECT_NEAR(c.opt_acc, 1, 1e-6);
  EXPECT_NEAR(c.entropy, 1.5, 1e-12);
}

TEST(Choices, TiesMakeExactHitsRareAndAnyBestCommon) {
  const Pool pool = testing::t4_pool();
  // Always L: right on q1, q2, q3, the oracle's choice on q3 only.
  const ChoiceReport c = choice_report(pool, choosing(pool, {2, 2, 2, 2}), {});
  EXPECT_NEAR(c.exact_oracle, .25, 1e-12);
  EXPECT_NEAR(c.any_best, .75, 1e-12);
  EXPECT_NEAR(c.opt_sel, .25, 1e-12);
  EXPECT_NEAR(c.opt_cost, 29.0 / 80, 1e-12);
  EXPECT_NEAR(c.opt_acc, .75, 1e-6);
  EXPECT_NEAR(c.entropy, 0, 1e-12);
  EXPECT_NEAR(c.confusion[1 * 3 + 2], .5, 1e-12);  // M would have been right for two
}

TEST(Choices, RecallIsByTheNumberOfModelsThatSolve) {
  const Pool pool = testing::t4_pool();
  // Solvers: q1 three, q2 two (M, L), q3 one (L), q4 one (M).
  const ChoiceReport c = choice_report(pool, choosing(pool, {1, 1, 1, 1}), {});
  ASSERT_EQ(c.recall.size(), 4U);  // none, one, two, all
  EXPECT_EQ(c.recall[0].questions, 0U);
  EXPECT_EQ(c.recall[1].questions, 2U);
  EXPECT_NEAR(c.recall[1].found, .5, 1e-12);
  EXPECT_NEAR(c.recall[1].chance, 1.0 / 3, 1e-12);
  EXPECT_NEAR(c.recall[2].found, 1, 1e-12);
  EXPECT_NEAR(c.recall[2].chance, 2.0 / 3, 1e-12);
  EXPECT_NEAR(c.recall[3].found, 1, 1e-12);
}

TEST(Choices, SolverGroupsCoverEveryNumberOnceInLargePools) {
  const auto pool = make_pool(testing::table_from(testing::synthetic_rows(200, 20)), {});
  ASSERT_TRUE(pool);
  const ChoiceReport c =
      choice_report(*pool, choosing(*pool, std::vector<std::size_t>(pool->test.size(), 3)), {});
  std::size_t next = 0;
  std::size_t questions = 0;
  for (const Recall& r : c.recall) {
    EXPECT_EQ(r.from, next);
    next = r.to + 1;
    questions += r.questions;
  }
  EXPECT_EQ(next, 21U);
  EXPECT_EQ(questions, pool->test.size());
}

TEST(Choices, CalibrationComparesBeliefsWithOutcomesOfTheChosen) {
  const Pool pool = testing::t4_pool();
  std::vector<route::Belief> beliefs(12);
  for (std::size_t t = 0; t < 4; ++t) beliefs[t * 3 + 1].quality = .95;  // of M only
  const ChoiceReport c = choice_report(pool, choosing(pool, {1, 1, 1, 1}), beliefs);
  EXPECT_EQ(c.chosen.count, 4U);
  EXPECT_EQ(c.all.count, 4U);
  EXPECT_NEAR(c.chosen.ece, .2, 1e-6);  // .95 believed, .75 true
}

// Two domains with opposite winners; a router that always asks one of them has collapsed.
TEST(Choices, OneModelForEverythingIsACollapseOnlyWhereOthersAreBetter) {
  std::string rows;
  for (int i = 0; i < 200; ++i) {
    const bool maths = i % 2 == 0;
    rows += fmt::format(
        R"({{"id":"q{0}","domain":"{1}","prompt":"question {0}","models":{{"a":{{"correct":{2},"cost":1}},"b":{{"correct":{3},"cost":1}}}}}})"
        "\n",
        i, maths ? "maths" : "law", maths ? 1 : 0, maths ? 0 : 1);
  }
  const auto pool = make_pool(testing::table_from(rows), {});
  ASSERT_TRUE(pool);
  const std::size_t n = pool->test.size();
  EXPECT_EQ(
      choice_report(*pool, choosing(*pool, std::vector<std::size_t>(n, 0)), {}).collapsed_domains,
      1U);
  std::vector<std::size_t> each;
  for (std::size_t t = 0; t < n; ++t)
    each.push_back(pool->table.row(pool->test[t]).domain == "maths" ? 0 : 1);
  const ChoiceReport c = choice_report(*pool, choosing(*pool, each), {});
  EXPECT_EQ(c.collapsed_domains, 0U);
  ASSERT_EQ(c.domains.size(), 2U);
  EXPECT_EQ(c.domains[0].name, "law");
  EXPECT_NEAR(c.domains[0].quality, 1, 1e-6);
}

TEST(Choices, LittleEvidenceIsTheWeakerOfTheTwoBest) {
  std::vector<route::Belief> beliefs(3);
  beliefs[0] = {.quality = .2, .evidence = 1};
  beliefs[1] = {.quality = .9, .quality_var = .01, .evidence = 30};
  beliefs[2] = {.quality = .7, .evidence = 12};
  const Confidence c = confidence_of(beliefs);
  EXPECT_NEAR(c.evidence, 12, 1e-12);
  EXPECT_NEAR(c.certainty, -.01, 1e-12);
  EXPECT_NEAR(c.spread, .3, 1e-12);
  EXPECT_EQ(confidence_of(std::vector<route::Belief>(3)).evidence, 0);
}

}  // namespace
}  // namespace swy::eval
