#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class MatrixFactorisation : public LearnedLab {
 protected:
  MatrixFactorisation() : LearnedLab("matrix_factorisation") {}
};

TEST_F(MatrixFactorisation, LearnsWhoSolvesWhatFromIncompleteObservations) { expect_learns(); }

TEST_F(MatrixFactorisation, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(MatrixFactorisation, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

}  // namespace
}  // namespace swy::route::testing
