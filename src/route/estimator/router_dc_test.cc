#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class RouterDc : public LearnedLab {
 protected:
  RouterDc() : LearnedLab("router_dc") {}
};

TEST_F(RouterDc, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(RouterDc, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(RouterDc, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(RouterDc, RanksTheModelsOfAPrompt) { expect_ranks("table: two.jsonl"); }

}  // namespace
}  // namespace swy::route::testing
