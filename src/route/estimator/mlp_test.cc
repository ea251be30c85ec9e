#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class Mlp : public LearnedLab {
 protected:
  Mlp() : LearnedLab("mlp") {}
};

TEST_F(Mlp, LearnsWhoSolvesWhatFromIncompleteObservations) { expect_learns(); }

TEST_F(Mlp, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(Mlp, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

}  // namespace
}  // namespace swy::route::testing
