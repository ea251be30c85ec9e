#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class Zooter : public LearnedLab {
 protected:
  Zooter() : LearnedLab("zooter") {}
};

TEST_F(Zooter, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(Zooter, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(Zooter, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(Zooter, SaysEqualOutcomesAsTheyAre) { expect_equal_outcomes_stay_equal(); }

TEST_F(Zooter, RanksTheModelsOfAPrompt) { expect_ranks("table: two.jsonl, beta: 1"); }

TEST_F(Zooter, SaysTheDomainsMeansWithBetaZero) {
  auto k = lab("table: two.jsonl, beta: 0");  // one domain, in which both are right half the time
  Prompt p("Compose a lullaby for seven");
  EXPECT_NEAR(k.believe(p.work)[0].quality, 0.5, 0.05);
}

TEST_F(Zooter, KnowsNothingFromATableOfOtherModels) {
  expect_unknown_from_a_table_of_other_models();
}

}  // namespace
}  // namespace swy::route::testing
