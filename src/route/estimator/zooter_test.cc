#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class Zooter : public LearnedLab {
 protected:
  Zooter() : LearnedLab("zooter") {}
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
  std::ofstream(folder_ / "others.jsonl")
      << R"({"id":"o","prompt":"alone","models":{"somebody":{"correct":1}}})" << '\n';
  auto k = lab("table: others.jsonl");
  ASSERT_TRUE(k.made());
  Prompt p("alone");
  EXPECT_TRUE(std::isnan(k.believe(p.work)[0].quality));
}

}  // namespace
}  // namespace swy::route::testing
