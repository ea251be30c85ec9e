#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class Barp : public LearnedLab {
 protected:
  Barp() : LearnedLab("barp") {
    // large is right on everything and ten times as dear; small on poems.
    std::ofstream out(folder_ / "prices.jsonl");
    base::Rng rng(20, 0, 0);
    for (int i = 0; i < 400; ++i) {
      const bool sum = i % 3 == 0;
      out << R"({"id":"b)" << i << R"(","prompt":")" << prompt(sum, rng)
          << R"(","models":{"small":{"correct":)" << !sum
          << R"(,"cost":0.001},"large":{"correct":1,"cost":0.01}}})" << '\n';
    }
  }
};

TEST_F(Barp, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(Barp, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(Barp, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(Barp, KnowsNothingFromATableOfOtherModels) { expect_unknown_from_a_table_of_other_models(); }

TEST_F(Barp, LearnsFromItsDrawsWhoIsBetter) { expect_ranks("table: two.jsonl, rate: 0.05"); }

TEST_F(Barp, ServesEveryPreferenceFromTheSameWeights) {
  save_weights("table: prices.jsonl, rate: 0.05");
  auto best = lab("weights: w.swy, weight: 0");
  auto half = lab("weights: w.swy, weight: 0.3");
  auto cheap = lab("weights: w.swy, weight: 1");
  base::Rng rng(21, 0, 0);
  for (int i = 0; i < 20; ++i) {
    const bool sum = i % 2 == 0;
    Prompt p(prompt(sum, rng));
    if (sum) {
      EXPECT_GT(best.believe(p.work)[1].quality, 0.5) << i;
    }
    EXPECT_GT(cheap.believe(p.work)[0].quality, 0.5) << i;
    EXPECT_GT(cheap.believe(p.work)[0].quality, best.believe(p.work)[0].quality) << i;
    // At .3 a right answer is worth .7 and the dear model .27 more: sums to large, poems to small.
    EXPECT_EQ(half.believe(p.work)[0].quality > 0.5, !sum) << i;
  }
}

}  // namespace
}  // namespace swy::route::testing
