#include "moe/variable_count.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "moe/testing/golden_file.h"

namespace swy::moe {
namespace {

using testing::Table;

// Picks of logits whose softmax is p.
std::size_t picks(const std::vector<double>& p, double mass) {
  std::vector<double> z(p.size());
  for (std::size_t j = 0; j < p.size(); ++j) z[j] = std::log(p[j]);
  std::vector<double> scratch(p.size());
  std::vector<std::int32_t> chosen(p.size());
  std::vector<double> w(p.size());
  return unimoe_weights({z, {}}, mass, .01, scratch, chosen, {w, {}});
}

TEST(UniMoe, CountsSumsBelowTheMass) {
  const Table<double> f1(testing::kF1);
  std::vector<double> p(3);
  for (std::size_t t = 0; t < 4; ++t) {
    softmax(f1.view().row(t), p);
    EXPECT_EQ(picks(p, .4), 1U);
    EXPECT_EQ(picks(p, .7), 2U);
  }
  // Reached exactly: this rule stops, top-p would go on.
  EXPECT_EQ(picks({.25, .25, .25, .25}, .5), 2U);
  EXPECT_EQ(picks({.25, .25, .25, .25}, 2), 4U);
}

TEST(UniMoe, SolvesTheWorkedExample) {
  const std::vector<double> dynamic = {1, .8, .2, -1, 0};
  const std::vector<double> shared = {.5, -.2};
  std::vector<double> scratch(5);
  std::vector<std::int32_t> chosen(5);
  std::vector<double> wd(5);
  std::vector<double> ws(2);
  EXPECT_EQ(unimoe_weights({dynamic, shared}, .7, .01, scratch, chosen, {wd, ws}), 3U);
  EXPECT_EQ(chosen[2], 2);
  testing::expect_near(wd, {.238057599, .238057599, .238057599, 0, 0}, 1e-8);
  testing::expect_near(ws, {.190986083, .094840882}, 1e-8);
}

TEST(UniMoe, WeightsSumToOne) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(111, c, 0);
    std::vector<double> dynamic(1 + rng.below(8));
    std::vector<double> shared(rng.below(3));
    for (double& v : dynamic) v = normal(rng);
    for (double& v : shared) v = normal(rng);
    std::vector<double> scratch(dynamic.size());
    std::vector<std::int32_t> chosen(dynamic.size());
    std::vector<double> wd(dynamic.size());
    std::vector<double> ws(shared.size());
    const std::size_t n = unimoe_weights({dynamic, shared}, .7, .01, scratch, chosen, {wd, ws});
    ASSERT_GE(n, 1U);
    ASSERT_NEAR(
        std::accumulate(wd.begin(), wd.end(), 0.0) + std::accumulate(ws.begin(), ws.end(), 0.0), 1,
        1e-5)
        << "case " << c;
  }
}

TEST(UniMoe, DropsByRankOrPositionAndNormalisesAgain) {
  EXPECT_EQ(unimoe_capacity(100, 5, 3), 60U);
  EXPECT_EQ(unimoe_capacity(10, 3, 1), 8U);
  EXPECT_EQ(unimoe_capacity(10, 3, 1, 1), 4U);
  const testing::Matrix weights = {{.6, .4}, {1, 0}, {.5, .5}, {.25, .75}};
  std::vector<std::uint32_t> scratch(4);
  Table<double> by_weight(weights);
  EXPECT_EQ(unimoe_drop(by_weight.view(), Table<double>(weights).view(), 2, scratch), 3U);
  testing::expect_rows(by_weight.view(), {{1, 0}, {1, 0}, {0, 1}, {0, 1}}, 2e-5);
  Table<double> by_place(weights);
  EXPECT_EQ(unimoe_drop(by_place.view(), {}, 2, scratch), 3U);
  testing::expect_rows(by_place.view(), {{.6, .4}, {1, 0}, {0, 1}, {0, 0}}, 2e-5);
  Table<double> roomy(weights);
  EXPECT_EQ(unimoe_drop(roomy.view(), {}, 4, scratch), 0U);
  EXPECT_EQ(roomy.data, Table<double>(weights).data);
}

TEST(UniMoe, BatchesWithLimitsKeepThemAndShareOutWhatIsLeft) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(82, c, 0);
    const std::size_t tokens = 1 + rng.below(8);
    const std::size_t experts = 1 + rng.below(5);
    const auto z = testing::random_table(rng, tokens, experts);
    const std::vector<double> shared = {normal(rng), normal(rng)};
    Table<double> weight(tokens, experts);
    std::vector<double> scratch(experts);
    std::vector<std::int32_t> id(experts);
    for (std::size_t t = 0; t < tokens; ++t)
      ASSERT_TRUE(unimoe_pick(z.view().row(t), .7, .01, scratch, id, weight.view().row(t)).ok());
    const std::size_t capacity = rng.below(4);
    std::vector<std::uint32_t> order(tokens);
    ASSERT_TRUE(unimoe_drop(weight.view(), z.view(), capacity, order).ok());
    for (std::size_t j = 0; j < experts; ++j) {
      std::size_t takers = 0;
      for (std::size_t t = 0; t < tokens; ++t) takers += weight.at(t, j) > 0 ? 1U : 0U;
      ASSERT_LE(takers, capacity) << "case " << c;
    }
    for (std::size_t t = 0; t < tokens; ++t) {
      std::vector<double> always(2);
      const auto row = weight.view().row(t);
      ASSERT_TRUE(unimoe_share({z.view().row(t), shared}, {row, always}).ok());
      double sum = always[0] + always[1];
      for (const double w : row) sum += w;
      ASSERT_NEAR(sum, 1, 1e-4) << "case " << c;
    }
  }
}

TEST(Percentile, IsNumpysLinearOne) {
  std::vector<double> v = {.1, .4, .2, .3};
  EXPECT_NEAR(percentile(v, .5), .25, 1e-12);
  EXPECT_EQ(percentile(v, 0), .1);
  EXPECT_EQ(percentile(v, 1), .4);
}

TEST(Percentile, OfATokensOwnValuesIsTopKInDisguise) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(112, c, 0);
    std::vector<double> v(8);
    for (double& x : v) x = normal(rng);
    std::vector<double> copy = v;
    const double bar = percentile(copy, .75);
    ASSERT_EQ(std::count_if(v.begin(), v.end(), [&](double x) { return x >= bar; }), 2);
  }
}

TEST(RunningQuantile, LetsTheCountVaryAroundItsShare) {
  RunningQuantile quantile{.share = .75, .rate = .01};
  base::Rng rng(113, 0, 0);
  double sum = 0;
  std::vector<int> seen(9);
  for (int t = 0; t < 20'000; ++t) {
    std::vector<double> v(8);
    for (double& x : v) x = normal(rng);
    if (t >= 5000) {
      const auto n =
          std::count_if(v.begin(), v.end(), [&](double x) { return x >= quantile.value; });
      ++seen[static_cast<std::size_t>(n)];
      sum += static_cast<double>(n);
    }
    for (const double x : v) quantile.see(x);
  }
  EXPECT_NEAR(sum / 15'000, 2, .15);
  EXPECT_GT(seen[1], 100);
  EXPECT_GT(seen[4], 100);
}

TEST(Schedules, StayWithinTheirLimits) {
  using enum LayerSchedule;
  for (const LayerSchedule s : {kUniform, kDescending, kAscending, kPyramid, kValley, kWave})
    for (std::uint32_t l = 0; l < 9; ++l) {
      EXPECT_GE(layer_limit(s, l, 9, 1, 4), 1U);
      EXPECT_LE(layer_limit(s, l, 9, 1, 4), 4U);
    }
  EXPECT_EQ(layer_limit(kUniform, 3, 9, 1, 4), 4U);
  EXPECT_EQ(layer_limit(kDescending, 0, 9, 1, 4), 4U);
  EXPECT_EQ(layer_limit(kDescending, 8, 9, 1, 4), 1U);
  EXPECT_EQ(layer_limit(kAscending, 8, 9, 1, 4), 4U);
  EXPECT_EQ(layer_limit(kPyramid, 4, 9, 1, 4), 4U);
  EXPECT_EQ(layer_limit(kPyramid, 0, 9, 1, 4), 1U);
  EXPECT_EQ(layer_limit(kValley, 4, 9, 1, 4), 1U);
  EXPECT_EQ(layer_limit(kWave, 4, 9, 1, 4), 4U);
  EXPECT_EQ(layer_limit(kWave, 2, 9, 1, 4), 1U);
  EXPECT_EQ(layer_limit(kDescending, 0, 1, 1, 4), 4U);
}

TEST(DynMole, SolvesTheWorkedExamples) {
  const auto weights = [](const std::vector<double>& p, std::size_t k) {
    std::vector<double> w(p.size());
    const std::size_t n = dynmole_weights(p, {.k = k}, w);
    std::size_t used = 0;
    for (const double v : w) used += v > 0 ? 1U : 0U;
    EXPECT_EQ(n, used);
    return w;
  };
  testing::expect_near(weights({.7, .2, .05, .05}, 1), {.777778, .222222, 0, 0});
  testing::expect_near(weights({.6, .3, .05, .05}, 1), {.666667, .333333, 0, 0});
  testing::expect_near(weights({.5, .3, .15, .05}, 1), {.5, .3, .15, .05});
  testing::expect_near(weights({.9, .05, .03, .02}, 1), {1, 0, 0, 0});
  testing::expect_near(weights({.9, .05, .03, .02}, 2), {.947368, .052632, 0, 0});
}

TEST(DynMole, RelativeLimitDoesNotDependOnTheNumberOfExperts) {
  for (const std::size_t n : {2U, 8U, 64U}) {
    const std::vector<double> even(n, 1.0 / static_cast<double>(n));
    std::vector<double> w(n);
    EXPECT_EQ(dynmole_weights(even, {.limit = .9, .relative = true}, w), n);
  }
}

TEST(Magnet, SwitchesOnceWhenTheMeanCoversTheExperts) {
  Magnet magnet{.cover = .9, .steps = 2};
  std::vector<double> narrow(3);
  softmax(std::vector<double>{2, 1, 0}, narrow);  // H / ln 3 = .757679
  const std::vector<double> even(3, 1.0 / 3);
  EXPECT_FALSE(magnet.see(narrow));
  EXPECT_FALSE(magnet.see(even));
  EXPECT_FALSE(magnet.see(narrow));
  EXPECT_FALSE(magnet.see(even));
  EXPECT_TRUE(magnet.see(even));
  EXPECT_TRUE(magnet.see(narrow));
  Magnet easy{.cover = .7576};
  EXPECT_TRUE(easy.see(narrow));
  Magnet hard{.cover = .7578};
  EXPECT_FALSE(hard.see(narrow));
}

TEST(VariableCount, AgreesWithTheOraclesFile) {
  SWY_MOE_GOLDEN(golden);
  const auto p = testing::matrix(golden.at("F_topp", "P"));
  const auto counts = golden.at("F_topp", "cnt_ge");
  for (const auto& [key, mass] : {std::pair{"0.4", .4}, std::pair{"0.7", .7}}) {
    const auto want = testing::numbers(counts.find(key).value_or(base::Json()));
    ASSERT_EQ(want.size(), p.size());
    for (std::size_t t = 0; t < p.size(); ++t) EXPECT_EQ(picks(p[t], mass), want[t]);
  }
  auto v = testing::numbers(golden.at("F_percentile", "v"));
  EXPECT_NEAR(percentile(v, golden.at("F_percentile", "tau").as_number().value_or(-1)),
              golden.at("F_percentile", "out").as_number().value_or(-1), 1e-9);
}

}  // namespace
}  // namespace swy::moe
