#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class ModelSat : public LearnedLab {
 protected:
  ModelSat() : LearnedLab("model_sat") {}
  using Tensors = std::map<std::string, std::vector<float>, std::less<>>;
};

TEST_F(ModelSat, KnowsWhoSolvesWhat) {
  auto k = lab("table: two.jsonl, tasks: 4, shots: 10");
  ASSERT_TRUE(k.made());
  expect_knows_who_solves_what(k);
}

TEST_F(ModelSat, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(ModelSat, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(ModelSat, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(ModelSat, SaysEqualOutcomesAsTheyAre) { expect_equal_outcomes_stay_equal(); }

TEST_F(ModelSat, KnowsNothingFromATableOfOtherModels) {
  expect_unknown_from_a_table_of_other_models();
}

// request-routing.md 4.4 f: logits (Yes, No) of (1.2, 0) and (.3, 0).
TEST_F(ModelSat, SaysTheProbabilityOfAYes) {
  auto k = with_weights([](Tensors& t) {
    const std::size_t dims = t.at("weights").size() / (t.at("marks").size() / 2) - 1;
    t["weights"].assign(2 * (dims + 1), 0.0F);
    t["weights"].back() = 1;  // one task, which every prompt asks for
    t["marks"] = {1, 1.2F, 1, 0.3F};
  });
  ASSERT_TRUE(k.made());
  Prompt p("anything");
  EXPECT_NEAR(k.believe(p.work)[0].quality, 0.768525, 1e-6);
  EXPECT_NEAR(k.believe(p.work)[1].quality, 0.574443, 1e-6);
}

// A model that only took the test, with the same answers as another, is believed the same.
TEST_F(ModelSat, KnowsANewModelByItsTestAlone) {
  std::ofstream out(folder_ / "test.jsonl");
  base::Rng rng(9, 0, 0);
  for (int i = 0; i < 240; ++i) {
    const bool sum = i % 2 == 0;
    out << R"({"id":"t)" << i << R"(","prompt":")" << prompt(sum, rng)
        << R"(","models":{"small":{"correct":)" << !sum << R"(},"large":{"correct":)" << sum << "}";
    if (i < 60) out << R"(,"new":{"correct":)" << sum << "}";
    out << "}}\n";
  }
  out.close();
  auto k = lab("table: test.jsonl, tasks: 4, shots: 5");
  ASSERT_TRUE(k.made());
  for (int i = 0; i < 10; ++i) {
    const bool sum = i % 2 == 0;
    Prompt p(prompt(sum, rng));
    const auto b = k.believe(p.work);
    EXPECT_EQ(b[2].quality > 0.5, sum) << i;
    EXPECT_NEAR(b[2].quality, b[1].quality, 1e-9) << "its marks are those of large";
  }
}

// The first 20 rows, which are the test, say the opposite of the others.
TEST_F(ModelSat, DoesNotLearnFromTheRowsOfTheTest) {
  std::ofstream out(folder_ / "contrary.jsonl");
  base::Rng rng(10, 0, 0);
  for (int i = 0; i < 300; ++i) {
    const bool test = i < 20;
    out << R"({"id":"c)" << i << R"(","prompt":")" << prompt(true, rng)
        << R"(","models":{"small":{"correct":)" << test << R"(},"large":{"correct":)" << !test
        << "}}}\n";
  }
  out.close();
  auto k = lab("table: contrary.jsonl, tasks: 1, shots: 20");
  Prompt p(prompt(true, rng));
  const auto b = k.believe(p.work);
  EXPECT_LT(b[0].quality, 0.2) << "marks are read, not believed";
  EXPECT_GT(b[1].quality, 0.8);
}

}  // namespace
}  // namespace swy::route::testing
