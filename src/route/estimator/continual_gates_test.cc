#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class ContinualGates : public LearnedLab {
 protected:
  ContinualGates() : LearnedLab("continual_gates") {}
};

TEST_F(ContinualGates, RanksTheModelsOfAPrompt) { expect_ranks("table: two.jsonl"); }

TEST_F(ContinualGates, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(ContinualGates, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(ContinualGates, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(ContinualGates, SaysEqualOutcomesAsTheyAre) { expect_equal_outcomes_stay_equal(); }

TEST_F(ContinualGates, KnowsNothingFromATableOfOtherModels) {
  expect_unknown_from_a_table_of_other_models();
}

// The same rows with and without outcomes of a third model.
TEST_F(ContinualGates, ChangesOnlyTheNormalisationWhenAModelIsAdded) {
  std::ofstream two(folder_ / "before.jsonl");
  std::ofstream three(folder_ / "after.jsonl");
  base::Rng rng(17, 0, 0);
  for (int i = 0; i < 120; ++i) {
    const bool sum = i % 2 == 0;
    std::string row = R"({"id":"g)" + std::to_string(i) + R"(","prompt":")" + prompt(sum, rng) +
                      R"(","models":{"small":{"correct":)" + (sum ? "0" : "1") +
                      R"(},"large":{"correct":)" + (sum ? "1" : "0") + "}";
    two << row << "}}\n";
    three << row << R"(,"new":{"correct":)" << (i % 3 == 0) << "}}}\n";
  }
  two.close();
  three.close();
  auto before = lab("table: before.jsonl, top: 3");
  auto after = lab("table: after.jsonl, top: 3");
  for (int i = 0; i < 10; ++i) {
    Prompt p(prompt(i % 2 == 0, rng));
    const auto a = before.believe(p.work);
    const auto b = after.believe(p.work);
    EXPECT_TRUE(std::isnan(a[2].quality));
    EXPECT_GT(b[2].quality, 0);
    EXPECT_LT(b[0].quality, a[0].quality);
    EXPECT_NEAR(b[0].quality / b[1].quality, a[0].quality / a[1].quality, 1e-4) << i;
  }
}

TEST_F(ContinualGates, OpensAsManyGatesAsCount) {
  Prompt p("Compute the product of the primes seven forty");
  const auto one = lab("table: two.jsonl, top: 1, base: false").believe(p.work);
  EXPECT_EQ(one[1].quality, 1);
  EXPECT_EQ(one[0].quality, 0);
  const auto based = lab("table: two.jsonl, top: 1").believe(p.work);
  EXPECT_LT(based[1].quality, 1) << "the base keeps its share";
  EXPECT_GT(based[1].quality, 0.5);
}

}  // namespace
}  // namespace swy::route::testing
