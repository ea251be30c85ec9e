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

TEST_F(Zooter, RanksTheModelsOfAPromptByShares) {
  expect_ranks("table: two.jsonl, beta: 1, target: share");
  expect_ranks("table: two.jsonl, beta: 1, target: share, top: 1");
}

// request-routing.md 4.15 g: the large model is right wherever the small one is, at ten times its
// price. Without the price the gate has no reason ever to prefer the small one.
TEST_F(Zooter, IsAPathGateThatPaysForWhatItSpends) {
  std::ofstream out(folder_ / "paths.jsonl");
  base::Rng rng(15, 0, 0);
  for (int i = 0; i < 240; ++i) {
    const bool sum = i % 3 == 0;
    out << R"({"id":"p)" << i << R"(","prompt":")" << prompt(sum, rng)
        << R"(","models":{"small":{"correct":)" << !sum
        << R"(,"cost":0.001},"large":{"correct":1,"cost":0.01}}})" << '\n';
  }
  out.close();
  const std::string gate = "table: paths.jsonl, beta: 1, target: share, cost: ";
  auto free = lab(gate + "0");
  auto paid = lab(gate + "0.6");
  for (int i = 0; i < 20; ++i) {
    const bool sum = i % 2 == 0;
    Prompt p(prompt(sum, rng));
    const auto f = free.believe(p.work);
    const auto b = paid.believe(p.work);
    if (sum) {
      EXPECT_GT(f[1].quality, 0.8) << i;
      EXPECT_GT(b[1].quality, 0.6) << i;
    } else {
      EXPECT_NEAR(f[0].quality, 0.5, 0.15) << i;
      EXPECT_GT(b[0].quality, f[0].quality + 0.05) << i;
      EXPECT_GT(b[0].quality, 0.55) << i;
    }
  }
}

TEST_F(Zooter, SaysWhichTargetsThereAre) {
  EXPECT_NE(found("table: two.jsonl, target: votes").find("'votes' should be softmax or share"),
            std::string::npos);
}

TEST_F(Zooter, KnowsNothingFromATableOfOtherModels) {
  expect_unknown_from_a_table_of_other_models();
}

}  // namespace
}  // namespace swy::route::testing
