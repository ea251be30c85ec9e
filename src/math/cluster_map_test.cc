#include "math/cluster_map.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "math/testing/finite_difference.h"

namespace swy::math {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

// The specification's T4: four questions, models S, M, L.
struct T4 {
  Matrix x{4, 2};
  std::vector<std::vector<float>> y = {{1, 0, 0, 0}, {1, 1, 0, 1}, {1, 1, 1, 0}};
  T4() {
    constexpr std::array<float, 8> kRows{1, 0, 0.8F, 0.6F, 0, 1, -0.6F, 0.8F};
    std::copy(kRows.begin(), kRows.end(), x.all().begin());
  }
};

// Error rates of cluster 0 are .5, 0, 0; with .01 per unit of cost (1, 4, 20): .51, .04, .20.
TEST(ClusterMap, GivesTheKnownErrorRatesOfAGroup) {
  const T4 t4;
  const std::array<std::uint32_t, 4> group{0, 0, 1, 1};
  const ClusterMap m = nearest_centre_map(t4.x, t4.y, group, 0);
  EXPECT_NEAR(m.map[0], 0.9, 1e-6);
  EXPECT_NEAR(m.map[1], 0.3, 1e-6);
  std::vector<double> q(3);
  m.predict(std::vector<float>{0.96F, 0.28F}, q);
  EXPECT_NEAR(1 - q[0] + 0.01 * 1, 0.51, 1e-6);
  EXPECT_NEAR(1 - q[1] + 0.01 * 4, 0.04, 1e-6);
  EXPECT_NEAR(1 - q[2] + 0.01 * 20, 0.20, 1e-6);
}

TEST(ClusterMap, DrawsThinGroupsToTheMeanOfTheOutput) {
  const T4 t4;
  const std::array<std::uint32_t, 4> group{0, 0, 1, 1};
  std::vector<double> q(3);
  nearest_centre_map(t4.x, t4.y, group, 2).predict(std::vector<float>{1, 0}, q);
  EXPECT_NEAR(q[0], (1 + 2 * 0.25) / 4, 1e-6);
}

TEST(ClusterMap, FindsSeparateHeaps) {
  base::Rng rng(1, 1, 1);
  Matrix x(90, 3);
  for (std::size_t i = 0; i < 90; ++i) {
    for (float& v : x.row(i)) v = static_cast<float>(rng.uniform()) * 0.1F;
    x.row(i)[i % 3] += 1;
  }
  const auto group = dense_k_means(x, 3, 20, 1);
  for (std::size_t i = 3; i < 90; ++i) EXPECT_EQ(group[i], group[i % 3]);
  EXPECT_NE(group[0], group[1]);
  EXPECT_NE(group[1], group[2]);
  EXPECT_NE(group[0], group[2]);
  EXPECT_EQ(group, dense_k_means(x, 3, 20, 1));
}

TEST(ClusterMap, MakesNoMoreGroupsThanThereAreDifferentRows) {
  const Matrix same(5, 2);
  for (const std::uint32_t g : dense_k_means(same, 4, 10, 1)) EXPECT_EQ(g, 0U);
}

TEST(ClusterMap, LossOfTheLearnedMapHasTheGradientOfFiniteDifferences) {
  T4 t4;
  t4.y[1][0] = kNone;
  const std::array<std::uint32_t, 4> group{0, 0, 1, 1};
  ClusterMap m = nearest_centre_map(t4.x, t4.y, group, 1);
  m.learned = true;
  const RowLoss loss = cluster_map_loss(m, t4.x, t4.y);
  for (std::uint32_t i = 0; i < 4; ++i) testing::expect_gradient(loss, i, m.map);
}

// Who is right turns on x0, but the rows lie in heaps along x1, which k-means finds.
TEST(ClusterMap, LearnedMapFindsWhatNearestCentresMiss) {
  base::Rng rng(2, 2, 2);
  Matrix x(600, 2);
  std::vector<std::vector<float>> y(2);
  for (std::size_t i = 0; i < 600; ++i) {
    x.row(i)[0] = static_cast<float>(rng.uniform() - 0.5);
    x.row(i)[1] = static_cast<float>(i % 2 == 0 ? 2 : -2) + static_cast<float>(rng.uniform());
    const bool right = rng.below(10) == 0 ? x.row(i)[0] < 0 : x.row(i)[0] > 0;
    y[0].push_back(right ? 1.0F : 0.0F);
    y[1].push_back(right ? 0.0F : 1.0F);
  }
  const auto error = [&](const ClusterMap& m) {
    std::vector<double> q(2);
    double sum = 0;
    for (std::size_t i = 0; i < 600; ++i) {
      m.predict(x.row(i), q);
      sum += std::pow(q[0] - static_cast<double>(y[0][i]), 2);
    }
    return sum / 600;
  };
  ClusterMapOptions o{.groups = 4};
  const double nearest = error(fit_cluster_map(x, y, o));
  o.learned = true;
  o.descent = {.rate = 0.05, .epochs = 100};
  EXPECT_LT(error(fit_cluster_map(x, y, o)), nearest - 0.02);
}

}  // namespace
}  // namespace swy::math
