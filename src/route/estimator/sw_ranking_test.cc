#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "route/testing/table_lab.h"

namespace swy::route::testing {
namespace {

class SwRanking : public TableLab {
 protected:
  SwRanking() : TableLab("sw_ranking") {}
};

TEST_F(SwRanking, WeighsComparisonsBySimilarity) {
  auto k = lab("table: t.jsonl, prior: 0");
  Prompt p("alpha beta");  // weights 100 and 10
  const auto b = k.believe(p.work);
  EXPECT_NEAR(b[0].quality, 100.0 / 110, 1e-6);
  EXPECT_NEAR(b[1].quality, 10.0 / 110, 1e-6);
  EXPECT_DOUBLE_EQ(b[0].evidence, 2);
  Prompt strange("zxcv qwer");  // nothing in common with either: 10 and 10
  EXPECT_NEAR(k.believe(strange.work)[0].quality, 0.5, 1e-9);
}

TEST_F(SwRanking, NeverLearnsFromTheExcludedRow) {
  auto k = lab("table: t.jsonl, prior: 2");
  Prompt p("alpha beta");
  p.work.exclude_row = "a";
  const auto b = k.believe(p.work);  // one comparison, weight 10, lost; and a tie of weight 2
  EXPECT_NEAR(b[0].quality, 1.0 / 12, 1e-6);
}

TEST_F(SwRanking, BelievesTheMeansOfAnswerLengthCostAndLatency) { expect_means_of_past_calls(); }

TEST_F(SwRanking, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

}  // namespace
}  // namespace swy::route::testing
