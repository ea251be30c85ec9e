#include "math/boosted_trees.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "math/testing/tables.h"

namespace swy::math {
namespace {

using testing::kNone;
using testing::random_rows;

double mean_error(const BoostedTrees& m, const Matrix& x, std::span<const float> truth) {
  std::vector<double> out(m.outputs);
  double error = 0;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    m.predict(x.row(i), out);
    error += std::pow(out[0] - static_cast<double>(truth[i]), 2);
  }
  return error / static_cast<double>(x.rows());
}

// Four points, one stump: mean 1.5; left (0, 1) has residuals -1.5 and -0.5, right 0.5 and 1.5.
// The best split without penalty is in the middle: S = -2 and 2, gain 2 + 2 = 4. With two
// pseudo-rows a leaf is worth -2 / (2 + 2) = -.5.
TEST(BoostedTrees, OneStumpIsTheSplitAndTheMeansOneComputesByHand) {
  Matrix x(4, 1);
  for (std::size_t i = 0; i < 4; ++i) x.row(i)[0] = static_cast<float>(i);
  const std::vector<std::vector<float>> y = {{0, 1, 2, 3}};
  BoostOptions o{.rounds = 1, .depth = 1, .rate = 1, .leaf_rows = 1, .l2 = 0, .columns = 1};
  const BoostedTrees free = fit_boosted_trees(x, y, o);
  ASSERT_EQ(free.rounds, 1U);
  EXPECT_EQ(free.base[0], 1.5F);
  EXPECT_EQ(free.threshold[0], 1.0F);
  EXPECT_NEAR(free.leaf[0], -1, 1e-6);
  EXPECT_NEAR(free.leaf[1], 1, 1e-6);
  o.l2 = 2;
  o.rate = 0.5;
  const BoostedTrees held = fit_boosted_trees(x, y, o);
  EXPECT_NEAR(held.leaf[0], -0.25, 1e-6);
  EXPECT_NEAR(held.leaf[1], 0.25, 1e-6);
}

TEST(BoostedTrees, FirstSplitIsTheBestOfAllByBruteForce) {
  const Matrix x = random_rows(28, 5);  // every value has a bin of its own
  base::Rng rng(4, 4, 4);
  std::vector<std::vector<float>> y(1, std::vector<float>(28));
  double mean = 0;
  for (std::size_t i = 0; i < 28; ++i) {
    y[0][i] = x.row(i)[2] + static_cast<float>(rng.uniform());
    mean += static_cast<double>(y[0][i]) / 28;
  }
  const BoostedTrees m = fit_boosted_trees(
      x, y, {.rounds = 1, .depth = 1, .rate = 1, .leaf_rows = 3, .l2 = 1, .columns = 1});
  double best = 0;
  std::size_t feature = 0;
  float threshold = 0;
  for (std::size_t d = 0; d < 5; ++d) {
    for (std::size_t k = 0; k < 28; ++k) {
      double sum[2] = {0, 0};
      double n[2] = {0, 0};
      for (std::size_t i = 0; i < 28; ++i) {
        const int side = x.row(i)[d] > x.row(k)[d] ? 1 : 0;
        sum[side] += static_cast<double>(y[0][i]) - mean;
        n[side] += 1;
      }
      const double worth = sum[0] * sum[0] / (n[0] + 1) + sum[1] * sum[1] / (n[1] + 1);
      if (n[0] < 3 || n[1] < 3 || worth <= best) continue;
      best = worth;
      feature = d;
      threshold = x.row(k)[d];
    }
  }
  ASSERT_EQ(m.rounds, 1U);
  EXPECT_EQ(m.feature[0], feature);
  EXPECT_EQ(m.threshold[0], threshold);
}

TEST(BoostedTrees, FindsAPlantedRuleThatNoLineSays) {
  const Matrix x = random_rows(1000, 6);
  std::vector<std::vector<float>> y(1);
  for (std::size_t i = 0; i < 1000; ++i)
    y[0].push_back((x.row(i)[0] > 0) == (x.row(i)[3] > 0) ? 1.0F : 0.0F);
  const BoostedTrees m = fit_boosted_trees(x, y, {.rounds = 200, .columns = 1});
  EXPECT_LT(mean_error(m, x, y[0]), 0.05);  // a constant has .25
}

TEST(BoostedTrees, EndsEarlyWhereThereIsOnlyNoise) {
  const Matrix x = random_rows(600, 20);
  base::Rng rng(9, 9, 9);
  std::vector<std::vector<float>> y(1);
  for (std::size_t i = 0; i < 600; ++i) y[0].push_back(rng.below(2) == 0 ? 1.0F : 0.0F);
  EXPECT_LT(fit_boosted_trees(x, y, {.rounds = 200}).rounds, 12U);
}

TEST(BoostedTrees, LeavesOutWhatWasNotObserved) {
  const Matrix x = random_rows(400, 3);
  std::vector<std::vector<float>> y(3);
  for (std::size_t i = 0; i < 400; ++i) {
    const float v = x.row(i)[1] > 0.2F ? 1.0F : 0.0F;
    y[0].push_back(i % 3 == 0 ? kNone : v);
    y[1].push_back(kNone);
    y[2].push_back(0.75F);
  }
  const BoostedTrees m = fit_boosted_trees(x, y, {.rounds = 60, .columns = 1});
  std::vector<double> high(3);
  std::vector<double> low(3);
  m.predict(std::vector<float>{0, 0.9F, 0}, high);
  m.predict(std::vector<float>{0, -0.9F, 0}, low);
  EXPECT_GT(high[0], 0.9);
  EXPECT_LT(low[0], 0.1);
  EXPECT_EQ(high[1], 0);
  EXPECT_EQ(high[2], 0.75);
}

TEST(BoostedTrees, HasLeavesOfEnoughRowsAndTheSameTreesEveryTime) {
  const Matrix x = random_rows(300, 4);
  std::vector<std::vector<float>> y(1);
  for (std::size_t i = 0; i < 300; ++i) y[0].push_back(x.row(i)[0]);
  const BoostOptions o{.rounds = 5, .depth = 3, .leaf_rows = 40, .columns = 1};
  const BoostedTrees a = fit_boosted_trees(x, y, o);
  const BoostedTrees b = fit_boosted_trees(x, y, o);
  EXPECT_EQ(a.leaf, b.leaf);
  EXPECT_EQ(a.threshold, b.threshold);
  ASSERT_GT(a.rounds, 0U);
  std::vector<int> reached(a.leaves());
  for (std::size_t i = 0; i < 300; ++i) {
    std::size_t at = 0;
    while (at < a.inner()) at = 2 * at + (x.row(i)[a.feature[at]] > a.threshold[at] ? 2 : 1);
    ++reached[at - a.inner()];
  }
  for (const int n : reached) EXPECT_TRUE(n == 0 || n >= 40) << n;
}

TEST(BoostedTrees, SaysTheMeanWithoutInputsThatDiffer) {
  Matrix x(50, 2);
  std::vector<std::vector<float>> y(1);
  for (std::size_t i = 0; i < 50; ++i) y[0].push_back(i % 2 == 0 ? 1.0F : 0.0F);
  std::vector<double> out(1);
  fit_boosted_trees(x, y, {.rounds = 5}).predict(std::vector<float>{7, 7}, out);
  EXPECT_NEAR(out[0], 0.5, 1e-6);
}

}  // namespace
}  // namespace swy::math
