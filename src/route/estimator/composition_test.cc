#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class Composition : public LearnedLab {
 protected:
  Composition() : LearnedLab("composition") {
    // The same questions with their kind as domain: on sums small has .25 and large .75 of 40 each,
    // on poems small .5 and large .25.
    std::ofstream out(folder_ / "kinds.jsonl");
    base::Rng rng(12, 0, 0);
    for (int i = 0; i < 80; ++i) {
      const bool sum = i % 2 == 0;
      const int k = i / 2 % 4;
      out << R"({"id":"k)" << i << R"(","domain":")" << (sum ? "sum" : "poem") << R"(","prompt":")"
          << prompt(sum, rng) << R"(","models":{"small":{"correct":)" << (sum ? k < 1 : k < 2)
          << R"(},"large":{"correct":)" << (sum ? k < 3 : k < 1) << "}}}\n";
    }
  }
  static constexpr const char* kSum = "Compute the product of the primes seven forty";
  static constexpr const char* kPoem = "Write a poem about the autumn rain harbour";
};

TEST_F(Composition, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(Composition, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(Composition, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(Composition, KnowsNothingFromATableOfOtherModels) {
  expect_unknown_from_a_table_of_other_models();
}

TEST_F(Composition, BelievesTheMeansOfTheCategory) {
  auto k = lab("table: kinds.jsonl, shrink: 0, confidence: 0");
  Prompt sum(kSum);
  EXPECT_NEAR(k.believe(sum.work)[0].quality, 0.25, 1e-6);
  EXPECT_NEAR(k.believe(sum.work)[1].quality, 0.75, 1e-6);
  EXPECT_TRUE(std::isnan(k.believe(sum.work)[2].quality));
  Prompt poem(kPoem);
  EXPECT_NEAR(k.believe(poem.work)[0].quality, 0.5, 1e-6);
  EXPECT_NEAR(k.believe(poem.work)[1].quality, 0.25, 1e-6);
  auto shrunk = lab("table: kinds.jsonl, shrink: 40, confidence: 0");
  EXPECT_NEAR(shrunk.believe(poem.work)[0].quality, (20 + 40 * 0.375) / 80, 1e-6);
}

TEST_F(Composition, BelievesTheGeneralMeansOfAPromptThatItCannotPlace) {
  auto k = lab("table: kinds.jsonl, shrink: 0, confidence: 1");
  Prompt sum(kSum);
  EXPECT_NEAR(k.believe(sum.work)[0].quality, 0.375, 1e-6);
  EXPECT_NEAR(k.believe(sum.work)[1].quality, 0.5, 1e-6);
}

TEST_F(Composition, ForgetsTheModelsThatDoNotFitIntoMemory) {
  // Together 8 are too large: large alone is worth (.75 + .25) / 2, small (.25 + .5) / 2.
  auto k = lab("table: kinds.jsonl, shrink: 0, sizes: { small: 1, large: 7 }, memory: 7.5");
  Prompt poem(kPoem);
  EXPECT_TRUE(std::isnan(k.believe(poem.work)[0].quality));
  EXPECT_NEAR(k.believe(poem.work)[1].quality, 0.25, 1e-6);
}

TEST_F(Composition, GivesACategoryToOneModelWhenWhatIsUsedIsBounded) {
  auto k = lab("table: kinds.jsonl, shrink: 0, sizes: { small: 1, large: 7 }, active: 4");
  Prompt poem(kPoem), sum(kSum);  // poems to small (1), sums to large (7): 4 on average
  EXPECT_NEAR(k.believe(poem.work)[0].quality, 0.5, 1e-6);
  EXPECT_TRUE(std::isnan(k.believe(poem.work)[1].quality));
  EXPECT_TRUE(std::isnan(k.believe(sum.work)[0].quality));
  EXPECT_NEAR(k.believe(sum.work)[1].quality, 0.75, 1e-6);
}

TEST_F(Composition, SaysWhatIsWrongWithItsOptions) {
  const auto has = [&](const std::string& options, const char* message) {
    return found("table: two.jsonl, " + options).find(message) != std::string::npos;
  };
  EXPECT_TRUE(has("memory: 7", "memory and active need the sizes of the models"));
  EXPECT_TRUE(has("memory: 7, sizes: { smal: 1 }", "there is no model 'smal', did you mean"));
  EXPECT_TRUE(has("memory: 7, sizes: { small: 8 }", "memory: no model of sizes fits"));
  EXPECT_TRUE(has("active: 7, sizes: { small: 8 }", "active: no model of sizes fits"));
  EXPECT_TRUE(has("sizes: { small: 0 }", "needs a size above 0"));
}

}  // namespace
}  // namespace swy::route::testing
