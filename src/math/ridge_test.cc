#include "math/ridge.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "math/testing/tables.h"

namespace swy::math {
namespace {

using testing::kNone;
using testing::random_rows;

TEST(Cholesky, SolvesAKnownSystem) {
  Cholesky c;
  ASSERT_TRUE(c.factor({4, 0, 2, 3}, 2));  // (4 2; 2 3)
  std::vector<double> b = {8, 7};
  c.solve(b);
  EXPECT_NEAR(b[0], 1.25, 1e-12);
  EXPECT_NEAR(b[1], 1.5, 1e-12);
  std::vector<double> w = {2, 1};
  c.whiten(w);
  EXPECT_NEAR(w[0] * w[0] + w[1] * w[1], 1.0, 1e-12);  // (2 1) A^-1 (2 1)' = 1
}

TEST(Cholesky, RefusesWhatIsNotPositiveDefinite) {
  Cholesky c;
  EXPECT_FALSE(c.factor({1, 0, 2, 1}, 2));
}

// One input, no penalty to speak of: the least-squares line through (0,1), (1,3), (2,5) is 1 + 2x;
// with penalty a on centred x (sum of squares 2) the slope is 4 / (2 + a).
TEST(Ridge, FindsTheLineAndShrinksItsSlope) {
  Matrix x(3, 1);
  x.row(1)[0] = 1;
  x.row(2)[0] = 2;
  const std::vector<std::vector<float>> y = {{1, 3, 5}};
  const RidgeModel free = fit_ridge(x, y, {.penalties = {1e-9}, .folds = 3});
  EXPECT_NEAR(free.weights[0], 2, 1e-6);
  EXPECT_NEAR(free.bias[0], 1, 1e-6);
  const RidgeModel held = fit_ridge(x, y, {.penalties = {2}, .folds = 3});
  EXPECT_NEAR(held.weights[0], 1, 1e-6);
  EXPECT_NEAR(held.bias[0], 2, 1e-6);
  std::vector<double> out(1);
  held.predict(std::vector<float>{4}, out);
  EXPECT_NEAR(out[0], 6, 1e-6);
}

TEST(Ridge, RecoversWeightsFromNoisyRowsAndPicksAPenaltyThatPredicts) {
  const Matrix x = random_rows(400, 5);
  base::Rng rng(7, 7, 7);
  std::vector<std::vector<float>> y(2, std::vector<float>(400));
  for (std::size_t i = 0; i < 400; ++i) {
    y[0][i] = 0.5F + 2 * x.row(i)[0] - x.row(i)[3] + 0.1F * static_cast<float>(rng.uniform() - 0.5);
    y[1][i] = static_cast<float>(rng.uniform());  // nothing to learn
  }
  const RidgeModel m = fit_ridge(x, std::span(y).first(1), {.penalties = {0.1, 1000}});
  EXPECT_EQ(m.penalty, 0.1);
  EXPECT_NEAR(m.weights[0], 2, 0.05);
  EXPECT_NEAR(m.weights[3], -1, 0.05);
  EXPECT_NEAR(m.weights[1], 0, 0.05);
  EXPECT_EQ(fit_ridge(x, std::span(y).subspan(1), {.penalties = {0.1, 1000}}).penalty, 1000);
}

TEST(Ridge, AMissingObservationIsLeftOutAndChangesNoOtherOutput) {
  const Matrix x = random_rows(60, 3);
  std::vector<std::vector<float>> y(2, std::vector<float>(60));
  for (std::size_t i = 0; i < 60; ++i) y[0][i] = y[1][i] = x.row(i)[0];
  const RidgeModel whole = fit_ridge(x, y, {.penalties = {1}});
  for (std::size_t i = 0; i < 60; i += 4) y[1][i] = kNone;
  const RidgeModel holes = fit_ridge(x, y, {.penalties = {1}});
  for (std::size_t d = 0; d < 3; ++d) EXPECT_FLOAT_EQ(whole.weights[d], holes.weights[d]);
  EXPECT_NE(whole.weights[3], holes.weights[3]);
  EXPECT_NEAR(holes.weights[3], 1, 0.15);
  const std::vector<std::vector<float>> none = {std::vector<float>(60, kNone)};
  EXPECT_EQ(fit_ridge(x, none).bias[0], 0);
}

// Rows one by one, in batches of which the last is not full, against the formula with all rows at
// hand: (X'X + a I)^-1 X'y, centred.
TEST(Ridge, RowsOneByOneGiveTheSameAsAllAtOnce) {
  constexpr std::size_t kRows = 203;
  constexpr std::size_t kDims = 19;
  const Matrix x = random_rows(kRows, kDims);
  base::Rng rng(3, 1, 4);
  std::vector<std::vector<float>> y(3, std::vector<float>(kRows));
  for (std::size_t i = 0; i < kRows; ++i) {
    for (auto& column : y)
      column[i] = x.row(i)[2] + x.row(i)[11] * static_cast<float>(rng.uniform());
    if (i % 5 == 0) y[1][i] = kNone;
  }
  RidgeSums sums(kDims, std::vector<std::size_t>{0, 1, 0}, 3);
  for (std::size_t i = 0; i < kRows; ++i)
    sums.add(x.row(i), std::vector<float>{y[0][i], y[1][i], y[2][i]});
  const RidgeModel one_by_one = sums.fit(std::vector<double>{0.5});
  const RidgeModel at_once = fit_ridge(x, y, {.penalties = {0.5}});
  for (std::size_t o = 0; o < 3; ++o) {
    Gram gram(kDims);
    double mean = 0;
    std::vector<double> w(kDims, 0.0);
    for (std::size_t i = 0; i < kRows; ++i) {
      if (std::isnan(y[o][i])) continue;
      gram.add(x.row(i));
      mean += static_cast<double>(y[o][i]);
    }
    mean /= gram.rows;
    for (std::size_t i = 0; i < kRows; ++i) {
      if (std::isnan(y[o][i])) continue;
      for (std::size_t d = 0; d < kDims; ++d)
        w[d] += static_cast<double>(x.row(i)[d]) * (static_cast<double>(y[o][i]) - mean);
    }
    Cholesky factor;
    ASSERT_TRUE(factor.factor(gram.centred(0.5), kDims));
    factor.solve(w);
    for (std::size_t d = 0; d < kDims; ++d) {
      EXPECT_NEAR(one_by_one.weights[o * kDims + d], w[d], 1e-6);
      EXPECT_NEAR(at_once.weights[o * kDims + d], w[d], 1e-6);
    }
  }
}

// The penalty is chosen by sums; the rows' own errors say the same.
TEST(Ridge, ChoosesThePenaltyOfLeastErrorOnHeldOutRows) {
  const Matrix x = random_rows(120, 40);
  base::Rng rng(9, 1, 4);
  std::vector<std::vector<float>> y(1, std::vector<float>(120));
  for (std::size_t i = 0; i < 120; ++i)
    y[0][i] = x.row(i)[2] + 2 * static_cast<float>(rng.uniform() - 0.5);
  const std::vector<double> penalties = {0.01, 1, 10, 30, 100, 1000};
  double least = 1e300;
  double best = 0;
  for (const double penalty : penalties) {
    const RidgeModel m = fit_ridge(x, y, {.penalties = {penalty}});
    double error = 0;
    for (std::size_t i = 0; i < 120; ++i)
      error += std::pow(static_cast<double>(m.held_out.row(i)[0] - y[0][i]), 2);
    if (error < least) {
      least = error;
      best = penalty;
    }
  }
  EXPECT_EQ(fit_ridge(x, y, {.penalties = penalties}).penalty, best);
  EXPECT_GT(best, 0.01);
  EXPECT_LT(best, 1000);
}

TEST(Ridge, EveryRowIsHeldOutOfItsOwnPrediction) {
  const Matrix x = random_rows(30, 2);
  std::vector<std::vector<float>> y = {std::vector<float>(30, 0.0F)};
  const RidgeModel before = fit_ridge(x, y, {.penalties = {1}});
  y[0][4] = 100;
  const RidgeModel after = fit_ridge(x, y, {.penalties = {1}});
  EXPECT_EQ(before.held_out.row(4)[0], after.held_out.row(4)[0]);
  EXPECT_NE(before.held_out.row(5)[0], after.held_out.row(5)[0]);
}

}  // namespace
}  // namespace swy::math
