#include "moe/score_edit.h"

#include <gtest/gtest.h>

#include <numeric>

#include "moe/testing/golden_file.h"

namespace swy::moe {
namespace {

using testing::Table;

const testing::Matrix kShare = {{.6, .4, 0, 0}, {.4, .6, 0, 0}, {0, 0, .7, .3}, {0, 0, .3, .7}};

TEST(Mixing, SolvesTheWorkedExample) {
  const Table<float> share(kShare);
  const Table<float> f1(testing::kF1);
  Table<float> out(4, 3);
  EXPECT_TRUE(mix_scores(share.view(), f1.view(), out.view()).ok());
  testing::expect_near(out.data, {1.8, 1.16, .04, 1.7, 1.24, .06, 1.3, .6, .33, 1.7, 1.4, -.43});
  for (std::size_t t = 0; t < 4; ++t) EXPECT_EQ(best_of(out.view().row(t)), 0U);
}

TEST(Mixing, StaysInTheConvexHullAndIdentityChangesNothing) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(101, c, 0);
    const std::size_t n = 1 + rng.below(6);
    Table<float> x(n, 3);
    Table<float> score(n, 4);
    for (float& v : x.data) v = static_cast<float>(normal(rng));
    for (float& v : score.data) v = static_cast<float>(normal(rng));
    Table<float> share(n, n);
    Table<float> out(n, 4);
    EXPECT_TRUE(similarity_share(x.view(), 1, true, share.view()).ok());
    EXPECT_TRUE(mix_scores(share.view(), score.view(), out.view()).ok());
    for (std::size_t e = 0; e < 4; ++e) {
      ASSERT_NEAR(out.at(0, e), score.at(0, e), 1e-6);  // causal: the first sees only itself
      float low = score.at(0, e);
      float high = low;
      for (std::size_t i = 0; i < n; ++i) {
        low = std::min(low, score.at(i, e));
        high = std::max(high, score.at(i, e));
        ASSERT_GE(out.at(i, e), low - 1e-5F);
        ASSERT_LE(out.at(i, e), high + 1e-5F);
      }
    }
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) share.at(i, j) = i == j ? 1.0F : 0.0F;
    EXPECT_TRUE(mix_scores(share.view(), score.view(), out.view()).ok());
    ASSERT_EQ(out.data, score.data);
  }
}

TEST(Steering, SolvesTheWorkedExample) {
  const std::uint64_t allowed[] = {1U << 3U};
  std::vector<float> z = {2, 1, 0, .9F};
  EXPECT_TRUE(steer_softly(allowed, .5, z).ok());
  testing::expect_near(z, {2, 1, 0, 1.30901304});
  std::vector<float> same = {2, 1, 0, .9F};
  EXPECT_TRUE(steer_softly(allowed, 0, same).ok());
  EXPECT_EQ(same, (std::vector<float>{2, 1, 0, .9F}));
}

TEST(Steering, HardPutsTheAllowedFirstInRandomOrder) {
  const std::uint64_t allowed[] = {0b1010};
  int first = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    base::Rng rng(102, i, 0);
    std::vector<float> z = {200, 1, 0, .9F};
    EXPECT_TRUE(steer_hard(allowed, rng, z).ok());
    const std::size_t best = best_of(z);
    ASSERT_TRUE(best == 1 || best == 3);
    first += best == 1 ? 1 : 0;
    ASSERT_EQ(z[0], 200);
    ASSERT_NEAR(z[1], 200, .01);
  }
  EXPECT_NEAR(first / 2000.0, .5, .05);
}

TEST(PostMoe, SolvesTheWorkedExample) {
  std::vector<double> p(3);
  softmax(std::vector<double>{2, 1, 0}, p);
  std::vector<std::int32_t> chosen = {0, 1};
  std::vector<double> w(2);
  EXPECT_TRUE(force_expert(p, 2, false, chosen, w).ok());
  EXPECT_EQ(chosen, (std::vector<std::int32_t>{0, 2}));
  testing::expect_near(w, {.665241, .090031});
  EXPECT_TRUE(force_expert(p, 0, true, chosen, w).ok());  // already there
  EXPECT_EQ(chosen, (std::vector<std::int32_t>{0, 2}));
  testing::expect_near(w, {.880797, .119203});
}

TEST(EsMoe, TrainsAndInfersTheSameWeightsWithoutNoise) {
  std::vector<double> scratch(3);
  std::vector<std::int32_t> chosen(2);
  std::vector<double> w(2);
  EXPECT_TRUE(es_moe_route(std::vector<double>{2, 1, 0}, {}, nullptr, scratch, chosen, w).ok());
  EXPECT_EQ(chosen, (std::vector<std::int32_t>{0, 1}));
  testing::expect_near(w, {.731059, .268941});
  base::Rng rng(1, 0, 0);
  EXPECT_TRUE(
      es_moe_route(std::vector<double>{2, 1, 0}, {.noise = 0}, &rng, scratch, chosen, w).ok());
  testing::expect_near(w, {.731059, .268941}, 2e-6);
  EXPECT_TRUE(
      es_moe_route(std::vector<double>{1e6, -1e6, 0}, {}, nullptr, scratch, chosen, w).ok());
  EXPECT_EQ(chosen, (std::vector<std::int32_t>{0, 2}));
}

TEST(DistillGate, AveragesTheChosenTeachersLosses) {
  std::vector<std::int32_t> chosen(1);
  const std::vector<double> loss = {.5, .25, 4};
  EXPECT_EQ(distill_gate(std::vector<double>{1, 3, 2}, loss, chosen), .25);
  std::vector<std::int32_t> two(2);
  EXPECT_EQ(distill_gate(std::vector<double>{1, 3, 2}, loss, two), 2.125);
}

TEST(Uncertainty, TrustsWhereThePassesAgree) {
  // One logit 1 2 3 2 2 has mean 2, variance .5 (n - 1), precision 2 (to the 1e-5).
  const Table<double> passes(testing::Matrix{{1, 2}, {2, 2}, {3, 2}, {2, 2.1}, {2, 1.9}});
  std::vector<double> w(2);
  EXPECT_TRUE(uncertainty_weights(passes.view(), w).ok());
  const double a = 2 / (.5 + 1e-5);
  const double b = 2 / (.005 + 1e-5);
  testing::expect_near(w, {a / (a + b), b / (a + b)}, 1e-9);
  const Table<double> none(testing::Matrix{{-1, -2}, {-1, -2}});
  EXPECT_TRUE(uncertainty_weights(none.view(), w).ok());
  testing::expect_near(w, {.5, .5});
}

TEST(ScoreEdit, AgreesWithTheOraclesFile) {
  SWY_MOE_GOLDEN(golden);
  const Table<float> share(testing::matrix(golden.at("H_simmix", "S")));
  const Table<float> f1(testing::kF1);
  Table<float> out(4, 3);
  EXPECT_TRUE(mix_scores(share.view(), f1.view(), out.view()).ok());
  const auto want = testing::matrix(golden.at("H_simmix", "out"));
  for (std::size_t t = 0; t < 4; ++t) testing::expect_near(out.view().row(t), want[t]);
  const std::uint64_t allowed[] = {8};
  std::vector<float> z = {2, 1, 0, .9F};
  EXPECT_TRUE(steer_softly(allowed, golden.at("H_steer", "lam").as_number().value_or(0), z).ok());
  testing::expect_near(z, testing::numbers(golden.at("H_steer", "out")));
}

}  // namespace
}  // namespace swy::moe
