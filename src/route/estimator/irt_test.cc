#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class Irt : public LearnedLab {
 protected:
  Irt() : LearnedLab("irt") {}
};

TEST_F(Irt, LearnsWhoSolvesWhatFromIncompleteObservations) { expect_learns(); }

TEST_F(Irt, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(Irt, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

}  // namespace
}  // namespace swy::route::testing
