#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class HybridLlm : public LearnedLab {
 protected:
  HybridLlm() : LearnedLab("hybrid_llm") {}
};

TEST_F(HybridLlm, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(HybridLlm, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(HybridLlm, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

// The large model is always right, the small one on poems: there it will do.
TEST_F(HybridLlm, KnowsWhenTheSmallModelWillDo) {
  std::ofstream out(folder_ / "will.jsonl");
  base::Rng rng(31, 0, 0);
  for (int i = 0; i < 240; ++i) {
    const bool sum = i % 2 == 0;
    out << R"({"id":"h)" << i << R"(","prompt":")" << prompt(sum, rng)
        << R"(","models":{"small":{"correct":)" << !sum << R"(},"large":{"correct":1}}})" << '\n';
  }
  out.close();
  for (const char* label : {"det", "prob", "trans"}) {
    auto k = lab(std::string("table: will.jsonl, label: ") + label);
    ASSERT_TRUE(k.made());
    for (int i = 0; i < 20; ++i) {
      const bool sum = i % 2 == 0;
      Prompt p(prompt(sum, rng));
      const auto b = k.believe(p.work);
      EXPECT_GT(b[1].quality, 0.9) << label;
      EXPECT_EQ(b[0].quality > 0.6, !sum) << label << " " << b[0].quality;
      EXPECT_TRUE(std::isnan(b[2].quality));
    }
  }
}

TEST_F(HybridLlm, IsAsGoodAsTheReferenceWhereAllAreRight) {
  expect_equal_outcomes_stay_equal(0.02);
}

TEST_F(HybridLlm, SaysWhatIsWrongWithItsOptions) {
  EXPECT_NE(found("table: two.jsonl, label: maybe").find("'maybe' should be det, prob or trans"),
            std::string::npos);
  EXPECT_NE(found("table: two.jsonl, reference: nobody").find("there is no model 'nobody'"),
            std::string::npos);
}

TEST_F(HybridLlm, KnowsNothingFromATableOfOtherModels) {
  expect_unknown_from_a_table_of_other_models();
}

}  // namespace
}  // namespace swy::route::testing
