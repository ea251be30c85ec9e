#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "route/testing/table_lab.h"

namespace swy::route::testing {
namespace {

class Eagle : public TableLab {
 protected:
  Eagle() : TableLab("eagle") {}
};

TEST_F(Eagle, BlendsTheGlobalAndTheLocalRating) {
  auto k = lab("table: t.jsonl, neighbours: 1");
  Prompt p("alpha beta");
  // Global: 1516, then 1516 - 32 * 0.545922; local: one battle won.
  const double rating = 0.5 * (1516 - 32 * 0.545922) + 0.5 * 1516;
  EXPECT_NEAR(k.believe(p.work)[0].quality, 1 / (1 + std::pow(10.0, (1500 - rating) / 400)), 1e-6);
  EXPECT_DOUBLE_EQ(k.believe(p.work)[0].evidence, 1);
}

TEST_F(Eagle, StartsFromTheAverageWithoutNeighbours) {
  std::ofstream(folder_ / "one.jsonl")
      << R"({"id":"a","prompt":"alpha","models":{"small":{"correct":1},"large":{"correct":0}}})";
  auto k = lab("table: one.jsonl, neighbours: 0");
  Prompt p("alpha");
  // The known answer: 1516 / 2 + 1500 / 2 = 1508.
  EXPECT_NEAR(k.believe(p.work)[0].quality, 1 / (1 + std::pow(10.0, -8.0 / 400)), 1e-9);
}

TEST_F(Eagle, DoesNotTakeTheExcludedRowForANeighbour) {
  auto k = lab("table: t.jsonl, neighbours: 1, global: 0");
  Prompt p("alpha beta");
  EXPECT_GT(k.believe(p.work)[0].quality, 0.5);
  p.work.exclude_row = "a";
  EXPECT_DOUBLE_EQ(k.believe(p.work)[0].quality, 0.5);
}

TEST_F(Eagle, BelievesTheMeansOfAnswerLengthCostAndLatency) { expect_means_of_past_calls(); }

TEST_F(Eagle, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

}  // namespace
}  // namespace swy::route::testing
