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
  EXPECT_NEAR(gate_loss(target, {}, std::array<float, 3>{0, 0, 0}, slope), 0.029339, 1e-6);
}

TEST(PreferenceLosses, DistillationLeavesOutWhatWasNotObserved) {
  std::array<float, 3> target{};
  distillation_target(std::array<float, 3>{1, kNone, 1}, std::array<float, 3>{0, 0, 0}, 1, target);
  EXPECT_TRUE(std::isnan(target[1]));
  EXPECT_NEAR(target[0], 0.5, 1e-6);
  expect_slopes(3, [&](std::uint32_t, std::span<const float> s, std::span<float> slope) {
    return gate_loss(target, {}, s, slope);
  });
}

TEST(PreferenceLosses, SharesAreInProportionToWhatWasRight) {
  std::array<float, 4> target{};
  share_target(std::array<float, 4>{1, 0, kNone, 0.5F}, std::array<float, 4>{0, 0, 0, 0}, 1,
               target);
  EXPECT_NEAR(target[0], 2.0 / 3, 1e-6);
  EXPECT_EQ(target[1], 0);
  EXPECT_TRUE(std::isnan(target[2]));
  EXPECT_NEAR(target[3], 1.0 / 3, 1e-6);
  share_target(std::array<float, 4>{0, 0, 0, 0}, std::array<float, 4>{1, 0, 0, 0}, 1, target);
  for (const float t : target) EXPECT_TRUE(std::isnan(t)) << "nobody was right";
}

// Logits (1, .5, 0) are p (.506480, .307196, .186324); costs (1, 1, 3): .813676 + .558972.
TEST(PreferenceLosses, GatesPayForWhatTheyExpectToSpendAndForTheirFirstChoice) {
  const std::array<float, 3> s{1, 0.5F, 0};
  const std::array<float, 3> target{0.5F, 0.5F, 0};
  const std::array<float, 3> cost{1, 1, 3};
  std::array<float, 3> slope{};
  const double kl = gate_loss(target, {}, s, slope);
  EXPECT_NEAR(kl, 0.5 * (std::log(0.5 / 0.506480) + std::log(0.5 / 0.307196)), 1e-5);
  EXPECT_NEAR(gate_loss(target, {cost, 2, 0}, s, slope), kl + 2 * 1.372648, 1e-5);
  EXPECT_NEAR(gate_loss(target, {cost, 0, 3}, s, slope),
              kl - 1.5 * (std::log(0.506480) + std::log(0.307196)), 1e-5);
  expect_slopes(3, [&](std::uint32_t, std::span<const float> at, std::span<float> out) {
    return gate_loss(target, {cost, 0.7, 0.4}, at, out);
  });
}

// In expectation over the draws it is the slope of the expected reward, whatever the baseline.
TEST(PreferenceLosses, ReinforceIsUnbiased) {
  const std::array<double, 3> reward{0.9, 0.2, -0.4};
  const auto softmax = [](const std::array<double, 3>& s) {
    std::array<double, 3> p{};
    double sum = 0;
    for (std::size_t m = 0; m < 3; ++m) sum += p[m] = std::exp(s[m]);
    for (double& v : p) v /= sum;
    return p;
  };
  const auto objective = [&](const std::array<double, 3>& s) {  // less is better
    const auto p = softmax(s);
    double value = 0;
    for (std::size_t m = 0; m < 3; ++m) value -= p[m] * reward[m] - 0.3 * p[m] * std::log(p[m]);
    return value;
  };
  const std::array<double, 3> at{0.5, -0.2, 0.1};
  const auto p = softmax(at);
  for (const double baseline : {0.0, 0.7}) {
    std::array<double, 3> mean{};
    for (std::size_t a = 0; a < 3; ++a) {
      std::array<double, 3> slope{};
      reinforce(p, a, reward[a] - baseline, 0.3, slope);
      for (std::size_t m = 0; m < 3; ++m) mean[m] += p[a] * slope[m];
    }
    for (std::size_t m = 0; m < 3; ++m) {
      auto up = at, down = at;
      up[m] += 1e-5;
      down[m] -= 1e-5;
      EXPECT_NEAR(mean[m], (objective(up) - objective(down)) / 2e-5, 1e-8);
    }
  }
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
