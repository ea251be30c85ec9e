#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class Carrot : public LearnedLab {
 protected:
  Carrot() : LearnedLab("carrot") {
    // Sums have short answers, poems long ones.
    std::ofstream out(folder_ / "lengths.jsonl");
    base::Rng rng(21, 0, 0);
    for (int i = 0; i < 240; ++i) {
      const bool sum = i % 2 == 0;
      out << R"({"id":"l)" << i << R"(","prompt":")" << prompt(sum, rng)
          << R"(","models":{"small":{"correct":)" << sum << R"(,"tokens_out":)"
          << (sum ? 100 : 3000) << R"(},"large":{"correct":1,"cost":)" << (sum ? 0.001 : 0.03)
          << "}}}\n";
    }
  }
  void expect_costs_by_prompt(const std::string& options) {
    auto k = lab("table: lengths.jsonl, " + options);
    ASSERT_TRUE(k.made());
    base::Rng rng(22, 0, 0);
    for (int i = 0; i < 10; ++i) {
      const bool sum = i % 2 == 0;
      Prompt p(prompt(sum, rng));
      const auto b = k.believe(p.work, {.tokens = 1000});
      const double tokens = (b[0].cost_micro - 1000 * 1) / 2;  // at its price
      EXPECT_NEAR(tokens, sum ? 100 : 3000, 600) << i;
      EXPECT_GE(tokens, 99.9);  // never outside of what was seen
      EXPECT_NEAR(b[1].cost_micro, sum ? 1'000 : 30'000, 6'000);
    }
  }
};

// q (.5, 1, 1), c (1, 4, 20): mu = .01 chooses M with .95, .1 chooses M with .5, .5 chooses S with
// -.25.
TEST_F(Carrot, ChoosesAsTheKnownExampleDoes) {
  const std::vector<Belief> beliefs{belief(0.5, 1), belief(1, 4), belief(1, 20)};
  const auto chosen = [&](const std::string& weights) {
    PolicyLab lab("{ type: utility, cost_unit: 0.000001, " + weights + " }");
    const Weighed w = lab.weigh(beliefs);
    EXPECT_GE(w.only(), 0);
    return std::pair(w.only(), w.score[static_cast<std::size_t>(w.only())]);
  };
  EXPECT_EQ(chosen("quality: 0.99, cost: 0.01").first, 1);
  EXPECT_NEAR(chosen("quality: 0.99, cost: 0.01").second, 0.95, 1e-9);
  EXPECT_EQ(chosen("quality: 0.9, cost: 0.1").first, 1);
  EXPECT_NEAR(chosen("quality: 0.9, cost: 0.1").second, 0.5, 1e-9);
  EXPECT_EQ(chosen("quality: 0.5, cost: 0.5").first, 0);
  EXPECT_NEAR(chosen("quality: 0.5, cost: 0.5").second, -0.25, 1e-9);
}

TEST_F(Carrot, LearnsWhoSolvesWhatFromIncompleteObservations) { expect_learns(); }

TEST_F(Carrot, LearnsItFromNeighboursToo) {
  auto k = lab("table: two.jsonl, by: knn");
  ASSERT_TRUE(k.made());
  expect_knows_who_solves_what(k);
}

// In tokens and USD, although thousands of them are predicted.
TEST_F(Carrot, ExpectsTheCostOfThePromptLinearly) { expect_costs_by_prompt("by: linear"); }

TEST_F(Carrot, ExpectsTheCostOfThePromptByNeighbours) { expect_costs_by_prompt("by: knn"); }

TEST_F(Carrot, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(Carrot, SaysTheSameFromAFileOfNeighbours) {
  const Registry registry = beliefs_registry();
  const auto plan = plan_from(config("table: two.jsonl, by: knn"), registry, folder_.string());
  ASSERT_TRUE(plan->rule_sets[0].rules[0].estimator->export_weights(folder_ / "k.swy"));
  auto fitted = lab("table: two.jsonl, by: knn");
  auto loaded = lab("weights: k.swy, by: knn");
  ASSERT_TRUE(loaded.made());
  Prompt p("Compose a lullaby for seven");
  EXPECT_EQ(fitted.believe(p.work)[0].quality, loaded.believe(p.work)[0].quality);
  EXPECT_EQ(fitted.believe(p.work)[1].cost_micro, loaded.believe(p.work)[1].cost_micro);
  EXPECT_NE(found("weights: k.swy").find("quality.weights"), std::string::npos);
}

TEST_F(Carrot, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(Carrot, SaysEqualOutcomesAsTheyAre) { expect_equal_outcomes_stay_equal(); }

TEST_F(Carrot, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(Carrot, SaysWhatIsWrongWithItsOptions) {
  EXPECT_NE(found("table: two.jsonl, by: magic").find("'magic' should be linear or knn"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
