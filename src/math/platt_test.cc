#include "math/platt.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace swy::math {
namespace {

TEST(Platt, FindsTheCurveThroughTwoShares) {
  // 300 of 400 right at score 1, 100 of 400 at -1: targets are 401/402 and 1/402, so the two shares
  // are (1 + 2 * 300) / 804 and (1 + 2 * 100) / 804, and the curve goes through both.
  std::vector<double> score;
  std::vector<float> y;
  for (int i = 0; i < 800; ++i) {
    score.push_back(i < 400 ? 1 : -1);
    y.push_back(i % 400 < (i < 400 ? 300 : 100) ? 1.0F : 0.0F);
  }
  const Platt p = fit_platt(score, y);
  EXPECT_NEAR(p(1), 0.75, 0.002);
  EXPECT_NEAR(p(1) + p(-1), 1, 1e-9);
  EXPECT_NEAR(p.slope, std::log(p(1) / (1 - p(1))), 1e-9);
  EXPECT_NEAR(p(1), (300.0 * 401 + 100) / 402 / 400, 1e-9);
}

TEST(Platt, StaysFiniteWhereTheScoreSeparatesTheRows) {
  const std::vector<double> score{-2, -1, 1, 2};
  const std::vector<float> y{0, 0, 1, 1};
  const Platt p = fit_platt(score, y);
  EXPECT_GT(p(2), 0.7);
  EXPECT_LT(p(2), 1);
  EXPECT_NEAR(p.bias, 0, 1e-9);
}

TEST(Platt, SaysTheMeanOfAScoreThatPointsTheWrongWay) {
  const std::vector<double> score{-2, -1, 1, 2};
  const std::vector<float> y{1, 1, 0, 0};
  const Platt p = fit_platt(score, y);
  EXPECT_EQ(p.slope, 0);
  EXPECT_NEAR(p(5), 0.5, 1e-9);
}

TEST(Platt, LeavesOutWhatWasNotObserved) {
  const float unknown = std::numeric_limits<float>::quiet_NaN();
  const Platt p = fit_platt(std::vector<double>{3, 3, -3}, std::vector<float>{1, unknown, 0});
  const Platt q = fit_platt(std::vector<double>{3, -3}, std::vector<float>{1, 0});
  EXPECT_NEAR(p(3), q(3), 1e-12);
  const Platt none = fit_platt(std::vector<double>{1}, std::vector<float>{unknown});
  EXPECT_EQ(none(1), 0.5);
}

}  // namespace
}  // namespace swy::math
