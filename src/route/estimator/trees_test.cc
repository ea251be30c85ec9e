#include "route/estimator/weight_file.h"
#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class Trees : public LearnedLab {
 protected:
  Trees() : LearnedLab("trees") {}
};

TEST_F(Trees, LearnsWhoSolvesWhatFromIncompleteObservations) { expect_learns(); }

TEST_F(Trees, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(Trees, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(Trees, SaysEqualOutcomesAsTheyAre) { expect_equal_outcomes_stay_equal(); }

TEST_F(Trees, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(Trees, RefusesWeightsThatPointNowhere) {
  const Registry registry = beliefs_registry();
  const auto plan = plan_from(config("table: two.jsonl, rounds: 3"), registry, folder_.string());
  ASSERT_TRUE(plan->rule_sets[0].rules[0].estimator->export_weights(folder_ / "w.swy"));
  auto w = WeightFile::load(folder_ / "w.swy");
  ASSERT_TRUE(w);
  const auto refused = [&](const char* tensor, float value) {
    WeightFile bad = *w;
    bad.tensors[tensor][0] = value;
    EXPECT_TRUE(bad.save(folder_ / "bad.swy"));
    return found("weights: bad.swy");
  };
  EXPECT_NE(refused("feature", 1e6F).find("feature 1000000 of"), std::string::npos);
  EXPECT_NE(refused("feature", -1).find("feature -1"), std::string::npos);
  EXPECT_NE(refused("depth", 99).find("a depth of 99"), std::string::npos);
  EXPECT_NE(refused("depth", 2).find("threshold"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
