#include "route/estimator/pairwise.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace swy::route {
namespace {

TEST(Pairwise, MovesEloAsInTheKnownAnswer) {
  double a = 1500;
  double b = 1500;
  elo_update(a, b, 1, 32);
  EXPECT_DOUBLE_EQ(a, 1516);
  EXPECT_NEAR(elo_expected(a, b), 0.545922, 1e-6);
  elo_update(a, b, 1, 32);
  EXPECT_NEAR(a, 1530.530, 5e-4);
  EXPECT_NEAR(b, 1469.470, 5e-4);
}

TEST(Pairwise, GivesEloAnOrderAndBradleyTerryNone) {
  double a = 1500;
  double b = 1500;
  elo_update(a, b, 1, 32);
  elo_update(a, b, 0, 32);
  double c = 1500;
  double d = 1500;
  elo_update(c, d, 0, 32);
  elo_update(c, d, 1, 32);
  EXPECT_LT(a, 1500);
  EXPECT_GT(c, 1500);
  const std::array<double, 4> wins = {0, 1, 1, 0};
  std::array<double, 2> strength{};
  bradley_terry(wins, 0, strength);
  EXPECT_NEAR(strength[0], strength[1], 1e-9);
}

TEST(Pairwise, FitsTheWeightedBattlesOfTheKnownAnswer) {
  // Weights 100, 31.6228 and 10 for a win, a loss and a tie: odds 2.867068.
  const std::array<double, 4> wins = {0, 100 + 5, 31.6228 + 5, 0};
  std::array<double, 2> strength{};
  bradley_terry(wins, 0, strength);
  EXPECT_NEAR(strength[0] / strength[1], 2.867068, 1e-5);
  EXPECT_NEAR(strength[0] / (strength[0] + strength[1]), 0.741406, 1e-6);
  EXPECT_NEAR(400 * std::log10(strength[0] / strength[1]), 182.975, 1e-3);
}

TEST(Pairwise, KeepsAModelThatAlwaysWonFinite) {
  const std::array<double, 9> wins = {0, 5, 5, 0, 0, 3, 0, 2, 0};
  std::array<double, 3> strength{};
  bradley_terry(wins, 1, strength);
  EXPECT_GT(strength[0], strength[1]);
  EXPECT_GT(strength[1], strength[2]);
  EXPECT_LT(strength[0], 1e3);
  bradley_terry(wins, 0, strength);
  EXPECT_TRUE(std::isfinite(strength[0]));
  EXPECT_GT(strength[2], 0);
}

TEST(Pairwise, TellsWhoWasBetterAndKeepsTheUnknownUnknown) {
  EXPECT_EQ(result_of(1, 0), 1);
  EXPECT_EQ(result_of(0, 1), 0);
  EXPECT_EQ(result_of(0.5F, 0.5F), 0.5);
  EXPECT_TRUE(std::isnan(result_of(std::nanf(""), 1)));
  EXPECT_TRUE(std::isnan(result_of(1, std::nanf(""))));
}

}  // namespace
}  // namespace swy::route
