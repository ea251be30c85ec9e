#include "math/dual_contrastive.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "math/testing/finite_difference.h"

namespace swy::math {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

// s = (.8, .2, -.1), truth (1, 1, 0), one drawn near and one pushed away: log(1 + e^-.9).
TEST(DualContrastive, GivesTheKnownLoss) {
  std::array<float, 3> slope{};
  EXPECT_NEAR(contrast_loss(std::array<float, 3>{1, 1, 0}, std::array<float, 3>{0.8F, 0.2F, -0.1F},
                            1, 1, slope),
              0.341154, 1e-6);
}

TEST(DualContrastive, SaysNothingWhereAllAreRightOrAllAreWrong) {
  std::array<float, 2> slope{};
  const std::array<float, 2> s{0.3F, -0.3F};
  EXPECT_EQ(contrast_loss(std::array<float, 2>{1, 1}, s, 3, 3, slope), 0);
  EXPECT_EQ(contrast_loss(std::array<float, 2>{0, 0}, s, 3, 3, slope), 0);
  EXPECT_EQ(contrast_loss(std::array<float, 2>{1, kNone}, s, 3, 3, slope), 0);
  EXPECT_EQ(slope[0], 0);
}

// Four models are always right and one never: the first must not be drawn nearer than the fourth.
TEST(DualContrastive, TreatsEqualModelsAlike) {
  const std::array<float, 5> y{1, 1, 1, 1, 0};
  const std::array<float, 5> s{};
  std::array<float, 5> slope{};
  for (std::uint64_t row = 1; row <= 2000; ++row) contrast_loss(y, s, 1, 1, slope, row);
  for (std::size_t m = 0; m < 4; ++m) EXPECT_NEAR(slope[m], -250, 40) << m;
  EXPECT_NEAR(slope[4], 1000, 1);
}

TEST(DualContrastive, HasTheGradientOfFiniteDifferences) {
  base::Rng rng(1, 1, 1);
  const auto number = [&] { return static_cast<float>(rng.uniform() * 2 - 1); };
  Matrix x(6, 3);
  for (float& v : x.all()) v = number();
  const std::vector<std::vector<float>> y = {
      {1, 0, 1, 0, 1, 0}, {0, 1, kNone, 1, 0, 0}, {0.3F, 0.2F, 0, 1, 0.4F, 0}};
  const std::array<std::uint32_t, 6> group{0, 0, 1, 1, 2, 2};
  const DualContrastiveOptions o{.hidden = 2, .groups_weight = 0.7};
  std::vector<float> w;
  for (std::size_t k = 0; k < 2 * 3 + 3 * 2; ++k)
    w.push_back(number() / 2 + (number() > 0 ? 2.0F : -2.0F));
  const RowLoss loss = dual_contrastive_loss(x, y, group, o);
  for (std::uint32_t i = 0; i < 6; ++i) testing::expect_gradient(loss, i, w);
}

TEST(DualContrastive, DrawsTheModelThatSolvesAPromptNear) {
  base::Rng rng(2, 2, 2);
  Matrix x(400, 4);
  std::vector<std::vector<float>> y(2);
  for (std::size_t i = 0; i < 400; ++i) {
    for (float& v : x.row(i)) v = static_cast<float>(rng.uniform() * 2 - 1);
    y[0].push_back(x.row(i)[1] > 0 ? 1.0F : 0.0F);
    y[1].push_back(x.row(i)[1] > 0 ? 0.0F : 1.0F);
  }
  const DualContrastive m = fit_dual_contrastive(x, y, {.hidden = 4});
  std::vector<float> s(2);
  int right = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    m.cosines(x.row(i), s);
    right += (s[0] > s[1]) == (y[0][i] > y[1][i]) ? 1 : 0;
  }
  EXPECT_GT(right, 360);
}

}  // namespace
}  // namespace swy::math
