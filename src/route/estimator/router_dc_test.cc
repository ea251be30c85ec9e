#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class RouterDc : public LearnedLab {
 protected:
  RouterDc() : LearnedLab("router_dc") {}
  // Which of two models is better, not how good it is.
  void expect_ranks(const std::string& options) {
    auto k = lab(options);
    ASSERT_TRUE(k.made());
    base::Rng rng(6, 0, 0);
    for (int i = 0; i < 20; ++i) {
      const bool sum = i % 2 == 0;
      Prompt p(prompt(sum, rng));
      const auto b = k.believe(p.work);
      EXPECT_GT(b[sum ? 1 : 0].quality, b[sum ? 0 : 1].quality) << i;
      EXPECT_TRUE(std::isnan(b[2].quality));
    }
  }
};

TEST_F(RouterDc, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(RouterDc, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(RouterDc, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(RouterDc, RanksTheModelsOfAPrompt) { expect_ranks("table: two.jsonl"); }

}  // namespace
}  // namespace swy::route::testing
