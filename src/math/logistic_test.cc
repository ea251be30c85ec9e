#include "math/logistic.h"

#include <gtest/gtest.h>

#include <cmath>

namespace swy::math {
namespace {

TEST(Logistic, FindsTheOddsOfEachGroup) {
  // Two groups: 3 of 4 right and 1 of 4 right. Without ridge the fit is exact.
  const std::vector<double> x = {0, 0, 0, 0, 1, 1, 1, 1};
  const std::vector<double> y = {1, 1, 1, 0, 0, 0, 0, 1};
  const Logistic m = fit_logistic(x, 1, y, 0);
  const double zero = 0;
  const double one = 1;
  EXPECT_NEAR(m.probability({&zero, 1}), 0.75, 1e-6);
  EXPECT_NEAR(m.probability({&one, 1}), 0.25, 1e-6);
}

TEST(Logistic, TakesSoftLabelsAndColumnsThatDoNotVary) {
  const std::vector<double> x = {1, 7, 2, 7, 3, 7};
  const std::vector<double> y = {0.2, 0.5, 0.8};
  const Logistic m = fit_logistic(x, 2, y, 0);
  EXPECT_EQ(m.weights[1], 0);
  EXPECT_NEAR(m.probability({x.data() + 2, 2}), 0.5, 1e-6);
  EXPECT_NEAR(m.weights[0], std::log(4.0), 1e-5);
}

TEST(Logistic, StaysFiniteOnSeparableRowsAndNone) {
  const std::vector<double> x = {0, 1};
  const std::vector<double> y = {0, 1};
  EXPECT_TRUE(std::isfinite(fit_logistic(x, 1, y, 1).weights[0]));
  EXPECT_EQ(fit_logistic({}, 1, {}).bias, 0);
}

}  // namespace
}  // namespace swy::math
