#include "route/estimator/preference_losses.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "math/testing/finite_difference.h"
#include "route/estimator/linear_scores.h"

namespace swy::route {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

void expect_slopes(std::size_t scores, const ScoreLoss& loss) {
  math::Matrix x(2, 3);
  constexpr std::array<float, 6> kRows{0.5F, -1, 0.25F, -0.75F, 0.1F, 1};
  std::copy(kRows.begin(), kRows.end(), x.all().begin());
  std::vector<float> w;
  for (std::size_t k = 0; k < scores * 4; ++k) w.push_back(0.3F * std::sin(1.7F * float(k)));
  for (std::uint32_t row = 0; row < 2; ++row)
    math::testing::expect_gradient(linear_loss(x, scores, loss), row, w);
}

// beta (1, 0), eta 0: win .475367, lose .134471, both bad .211942, tie .178221.
TEST(PreferenceLosses, BagGivesTheKnownChances) {
  const BagChances c = bag_chances(1, 0, 0);
  EXPECT_NEAR(c.win, 0.475367, 1e-6);
  EXPECT_NEAR(c.lose, 0.134471, 1e-6);
  EXPECT_NEAR(c.bad, 0.211942, 1e-6);
  EXPECT_NEAR(c.tie, 0.178221, 1e-6);
}

TEST(PreferenceLosses, BagHasTheSlopesOfFiniteDifferences) {
  expect_slopes(5, [](std::uint32_t, std::span<const float> s, std::span<float> slope) {
    const std::array<float, 4> y{1, 0, 0, 1};  // all four results occur
    return bag_loss(y, s, slope);
  });
}

TEST(PreferenceLosses, BradleyTerryHasTheSlopesOfFiniteDifferences) {
  expect_slopes(4, [](std::uint32_t row, std::span<const float> s, std::span<float> slope) {
    const std::array<float, 4> y{1, row == 0 ? 0 : kNone, 1, 0.5F};
    return bradley_terry_loss(y, s, slope);
  });
}

TEST(PreferenceLosses, BradleyTerryOfATieIsLeastAtEqualScores) {
  const std::array<float, 2> y{1, 1};
  std::array<float, 2> slope{};
  EXPECT_NEAR(bradley_terry_loss(y, std::array<float, 2>{2, 2}, slope), std::log(2), 1e-9);
  EXPECT_EQ(slope[0], 0);
  EXPECT_EQ(bradley_terry_loss(std::array<float, 2>{1, kNone}, std::array<float, 2>{0, 0}, slope),
            0);
}

// r = (1, 0, -1), the tag's 0, beta .3: (.436752, .323554, .239694); KL to uniform .029339.
TEST(PreferenceLosses, DistillationGivesTheKnownTarget) {
  std::array<float, 3> target{};
  distillation_target(std::array<float, 3>{1, 0, -1}, std::array<float, 3>{0, 0, 0}, 0.3, target);
  EXPECT_NEAR(target[0], 0.436752, 1e-6);
  EXPECT_NEAR(target[1], 0.323554, 1e-6);
  EXPECT_NEAR(target[2], 0.239694, 1e-6);
  std::array<float, 3> slope{};
  EXPECT_NEAR(distillation_loss(target, std::array<float, 3>{0, 0, 0}, slope), 0.029339, 1e-6);
}

TEST(PreferenceLosses, DistillationLeavesOutWhatWasNotObserved) {
  std::array<float, 3> target{};
  distillation_target(std::array<float, 3>{1, kNone, 1}, std::array<float, 3>{0, 0, 0}, 1, target);
  EXPECT_EQ(target[1], 0);
  EXPECT_NEAR(target[0], 0.5, 1e-6);
  expect_slopes(3, [&](std::uint32_t, std::span<const float> s, std::span<float> slope) {
    return distillation_loss(target, s, slope);
  });
}

// Gaps (.1, -.1, -.2, -.4): mean differences .375, .5, .375, 0 at t = 0, .1, .2, .4, so t* = .1.
TEST(PreferenceLosses, TheKnownSlackTellsMost) {
  EXPECT_NEAR(mean_difference({1, 0, 0, 0}), 0.375, 1e-9);
  EXPECT_NEAR(mean_difference({1, 1, 0, 0}), 0.5, 1e-9);
  EXPECT_NEAR(mean_difference({1, 1, 1, 1}), 0, 1e-9);
  EXPECT_NEAR(mean_difference({0.2, 0.7}), 0.25, 1e-9);
  EXPECT_NEAR(most_telling_slack(std::array<double, 4>{0.1, -0.1, -0.2, -0.4}), 0.1, 1e-9);
  EXPECT_EQ(most_telling_slack({}), 0);
}

// Samples S (.5, .6), L (.55, .7): .25 at t = 0, .75 at t = .1.
TEST(PreferenceLosses, GivesTheKnownChanceOverPairsOfSamples) {
  const std::array<double, 2> small{0.5, 0.6};
  const std::array<double, 2> large{0.55, 0.7};
  EXPECT_NEAR(chance_at_least(small, large, 0), 0.25, 1e-9);
  EXPECT_NEAR(chance_at_least(small, large, 0.1), 0.75, 1e-9);
}

}  // namespace
}  // namespace swy::route
