#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class UniRoute : public LearnedLab {
 protected:
  UniRoute() : LearnedLab("uniroute") {}
};

TEST_F(UniRoute, LearnsWhoSolvesWhatFromIncompleteObservations) {
  auto k = lab("table: two.jsonl, clusters: 4");
  ASSERT_TRUE(k.made());
  expect_knows_who_solves_what(k);
}

TEST_F(UniRoute, LearnsItWithALearnedMapToo) {
  auto k = lab("table: two.jsonl, map: learned, clusters: 8");
  ASSERT_TRUE(k.made());
  expect_knows_who_solves_what(k);
}

TEST_F(UniRoute, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(UniRoute, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(UniRoute, SaysEqualOutcomesAsTheyAre) { expect_equal_outcomes_stay_equal(); }

TEST_F(UniRoute, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

// Eight rows of a model say which of the two kinds it solves, because the others made the groups.
TEST_F(UniRoute, KnowsANewModelFromAFewProbes) {
  std::ofstream out(folder_ / "two.jsonl", std::ios::app);
  base::Rng rng(11, 0, 0);
  for (int i = 0; i < 8; ++i) {
    out << R"({"id":"p)" << i << R"(","prompt":")" << prompt(i % 2 == 0, rng)
        << R"(","models":{"new":{"correct":)" << (i % 2 == 0) << "}}}\n";
  }
  out.close();
  auto k = lab("table: two.jsonl, clusters: 2, shrink: 1");
  Prompt sum(prompt(true, rng));
  const double on_sums = k.believe(sum.work)[2].quality;
  Prompt poem(prompt(false, rng));
  EXPECT_GT(on_sums, k.believe(poem.work)[2].quality + 0.3);
}

TEST_F(UniRoute, SaysWhatIsWrongWithItsOptions) {
  EXPECT_NE(found("table: two.jsonl, map: fuzzy").find("'fuzzy' should be nearest or learned"),
            std::string::npos);
  EXPECT_NE(found("table: two.jsonl, clusters: 0").find("clusters"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
