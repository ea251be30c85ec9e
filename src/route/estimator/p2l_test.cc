#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class P2l : public LearnedLab {
 protected:
  P2l() : LearnedLab("p2l") {}
};

TEST_F(P2l, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(P2l, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(P2l, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(P2l, SaysEqualOutcomesAsTheyAre) { expect_equal_outcomes_stay_equal(); }

TEST_F(P2l, RanksTheModelsOfAPrompt) { expect_ranks("table: two.jsonl"); }

TEST_F(P2l, RanksThemByFourResultsToo) { expect_ranks("table: two.jsonl, ties: bag"); }

TEST_F(P2l, SaysWhatIsWrongWithItsOptions) {
  EXPECT_NE(found("table: two.jsonl, ties: none").find("'none' should be half or bag"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
