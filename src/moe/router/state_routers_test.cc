#include "moe/state_routers.h"

#include <gtest/gtest.h>

#include "moe/testing/golden.h"
#include "moe/testing/lab.h"

namespace swy::moe {
namespace {

using testing::Table;

const testing::Matrix kX = {{1, 0}, {.8, .6}, {0, 1}, {-.6, .8}};
const testing::Matrix kM = {{1, .1}, {0, 1}, {-1, 0}};

Table<float> half_identity() { return Table<float>(testing::Matrix{{.5, 0}, {0, .5}}); }

TEST(Recurrent, SolvesTheWorkedExample) {
  const Table<float> h = half_identity();
  const auto v = h.view();
  const GruWeights w{v, v, v, v, v, v, {}, {}, {}, {}, {}, {}};
  const std::vector<float> zero(2);
  std::vector<float> h1(2);
  std::vector<float> h2(2);
  EXPECT_TRUE(gru_step(w, std::vector<float>{1, -1}, zero, h1).ok());
  testing::expect_near(h1, {.174468021, -.287649137}, 1e-7);
  EXPECT_TRUE(gru_step(w, std::vector<float>{.5, .5}, h1, h2).ok());
  testing::expect_near(h2, {.22347558, -.069762796}, 1e-7);
}

TEST(Recurrent, StateStaysWithinOneAndHalvesWithoutWeights) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(81, c, 0);
    const std::size_t n = 1 + rng.below(4);
    const std::size_t in = 1 + rng.below(4);
    Table<float> wi(n, in);
    Table<float> wh(n, n);
    for (float& v : wi.data) v = static_cast<float>(3 * normal(rng));
    for (float& v : wh.data) v = static_cast<float>(3 * normal(rng));
    std::vector<float> bias(n, .5F);
    const GruWeights w{wi.view(), wi.view(), wi.view(), wh.view(), wh.view(), wh.view(),
                       bias,      bias,      bias,      bias,      bias,      bias};
    std::vector<float> x(in);
    std::vector<float> s(n);
    std::vector<float> next(n);
    for (int step = 0; step < 4; ++step) {
      for (float& v : x) v = static_cast<float>(5 * normal(rng));
      EXPECT_TRUE(gru_step(w, x, s, next).ok());
      s = next;
      for (const float v : s) ASSERT_LE(std::fabs(v), 1.0F);
    }
    std::fill(wi.data.begin(), wi.data.end(), 0.0F);
    std::fill(wh.data.begin(), wh.data.end(), 0.0F);
    const GruWeights none{wi.view(), wi.view(), wi.view(), wh.view(), wh.view(), wh.view(),
                          {},        {},        {},        {},        {},        {}};
    EXPECT_TRUE(gru_step(none, x, s, next).ok());
    for (std::size_t i = 0; i < n; ++i) ASSERT_NEAR(next[i], .5F * s[i], 1e-6);
  }
}

TEST(Chain, SolvesTheWorkedExample) {
  // E0(x) = x, E1(x) = -x / 2; x = 1, weights .6 and then .5.
  std::vector<float> x = {1};
  Table<float> out(testing::Matrix{{1}});
  EXPECT_TRUE(chain_step(std::vector<double>{.6}, out.view(), x).ok());
  EXPECT_NEAR(x[0], 1.6, 1e-6);
  out.at(0, 0) = -x[0] / 2;
  EXPECT_TRUE(chain_step(std::vector<double>{.5}, out.view(), x).ok());
  EXPECT_NEAR(x[0], 1.2, 1e-6);
}

TEST(Halting, IsMonotoneInTheThreshold) {
  const std::vector<float> h = {3, 4};
  const std::vector<float> delta = {.3F, 0};
  EXPECT_TRUE(halts(h, delta, .1));  // .06
  EXPECT_FALSE(halts(h, delta, .05));
  EXPECT_FALSE(halts(h, delta, 0));
}

TEST(KMeans, SolvesTheWorkedExample) {
  const Table<float> x(kX);
  Table<float> m(kM);
  Spec spec = testing::named("gpt-oss");
  spec.transform = Transform::kCosine;
  spec.weigh = Weigh::kRaw;
  spec.k = 1;
  testing::Lab lab(spec, {4, {0, 0, 0}});
  lab.ctx.hidden = Scores::f32(x.data, 4, 2);
  lab.centroid = m.data;
  ASSERT_TRUE(lab.run().ok());
  testing::expect_near(lab.weight, {.99503719, .855731984, 1, .8});
  EXPECT_EQ(lab.expert, (std::vector<std::int32_t>{0, 0, 1, 1}));
  std::vector<double> scratch(3 * 3);
  EXPECT_TRUE(kmeans_update(x.view(), {lab.expert.data(), 4, 1}, .1, scratch, m.view()).ok());
  testing::expect_near(m.data, {.99, .12, -.03, .99, -1, 0});
}

TEST(KMeans, ReseedsIdleCentroidsOnDifferentTokens) {
  const Table<float> x(testing::Matrix{{1, 0}, {.9, .1}, {0, 1}, {-1, 0}});
  Table<float> m(testing::Matrix{{1, 0}, {0, 0}, {0, 0}});
  Table<std::int32_t> chosen(4, 1);
  const std::vector<std::uint32_t> load = {4, 0, 0};
  EXPECT_EQ(reseed_idle(x.view(), chosen.view(), load, m.view()), 2U);
  testing::expect_near(m.data, {1, 0, -1, 0, 0, 1});
}

TEST(AdaptDhm, SolvesTheWorkedExample) {
  const Table<float> x(kX);
  Table<float> c(testing::Matrix{{1, 0}, {0, 1}});
  std::vector<double> scratch(2 * 3);
  for (int round = 0; round < 3; ++round)
    EXPECT_TRUE(cluster_step(x.view(), .9, scratch, c.view()).ok());
  testing::expect_near(c.data, {.978197478, .207676897, .03698651, .999315765});
  for (std::size_t t = 0; t < 4; ++t) EXPECT_EQ(cluster_of(x.view().row(t), c.view()), t / 2);
}

TEST(AdaptDhm, KeepsItsCentresAtLengthOne) {
  for (std::size_t i = 0; i < testing::random_cases(); ++i) {
    base::Rng rng(83, i, 0);
    Table<float> x(5, 3);
    Table<float> c(3, 3);
    for (float& v : x.data) v = static_cast<float>(normal(rng));
    for (float& v : c.data) v = static_cast<float>(normal(rng));
    std::vector<double> scratch(3 * 4);
    EXPECT_TRUE(cluster_step(x.view(), .9, scratch, c.view()).ok());
    for (std::size_t j = 0; j < 3; ++j) ASSERT_NEAR(length(c.view().row(j)), 1, 1e-6);
  }
}

}  // namespace
}  // namespace swy::moe
