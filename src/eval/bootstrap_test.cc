#include "eval/bootstrap.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>

#include "base/rng.h"

namespace swy::eval {
namespace {

std::vector<float> coin(std::size_t n, double p, std::uint64_t seed) {
  std::vector<float> out;
  base::Rng rng(seed, 0, 0);
  for (std::size_t i = 0; i < n; ++i) out.push_back(rng.uniform() < p ? 1.0F : 0.0F);
  return out;
}

TEST(Bootstrap, IsTheSameForTheSameSeedAndAnotherForAnother) {
  const std::vector<float> a = coin(300, .7, 1);
  const std::vector<std::span<const float>> columns{a};
  EXPECT_EQ(resample(columns, 50, 7).means, resample(columns, 50, 7).means);
  EXPECT_NE(resample(columns, 50, 7).means, resample(columns, 50, 8).means);
}

TEST(Bootstrap, IntervalHasTheWidthThatTheStandardErrorSays) {
  const std::vector<float> a = coin(1000, .7, 2);
  const std::vector<std::span<const float>> columns{a};
  const Resamples r = resample(columns, 4000, 1);
  double mean = 0;
  for (const float v : a) mean += static_cast<double>(v) / 1000;
  const Interval i = percentile_interval(mean, r.means);
  const double se = std::sqrt(mean * (1 - mean) / 1000);
  EXPECT_NEAR(i.hi - i.lo, 2 * 1.96 * se, 0.1 * 2 * 1.96 * se);
  EXPECT_NEAR((i.hi + i.lo) / 2, mean, 0.1 * se * 2);
}

TEST(Bootstrap, PairsColumnsSoThatAConstantDifferenceHasNoWidth) {
  const std::vector<float> a = coin(500, .5, 3);
  std::vector<float> b;
  for (const float v : a) b.push_back(v + 0.25F);
  const std::vector<std::span<const float>> columns{a, b};
  const Resamples r = resample(columns, 100, 1);
  for (std::size_t k = 0; k < r.count; ++k) EXPECT_NEAR(r.of(k)[1] - r.of(k)[0], 0.25, 1e-5);
}

TEST(Bootstrap, WithoutSamplesThereIsNoInterval) {
  const Interval i = percentile_interval(.5, {});
  EXPECT_DOUBLE_EQ(i.value, .5);
  EXPECT_TRUE(std::isnan(i.lo));
  EXPECT_TRUE(std::isnan(i.hi));
}

TEST(Bootstrap, APairedTestSeesADifferenceThatUnpairedNoiseWouldHide) {
  std::vector<float> easy(400);
  std::vector<float> same(400);
  base::Rng rng(3, 0, 0);
  for (std::size_t i = 0; i < 400; ++i) {
    easy[i] = rng.uniform() < .5 ? 1.0F : 0.0F;
    same[i] = i % 25 == 0 ? 1.0F : easy[i];  // never worse, now and then better
  }
  const std::array<std::span<const float>, 2> columns{easy, same};
  const Resamples r = resample(columns, 500, 1);
  const auto series = [&](std::size_t c, const std::vector<float>& v) {
    std::vector<double> out{std::accumulate(v.begin(), v.end(), 0.0) / 400};
    for (std::size_t k = 0; k < r.count; ++k) out.push_back(r.of(k)[c]);
    return out;
  };
  const auto [d, p] = paired_difference(series(0, easy), series(1, same));
  EXPECT_GT(d.lo, 0);
  EXPECT_LT(p, .01);
  const auto [zero, one] = paired_difference(series(0, easy), series(0, easy));
  EXPECT_EQ(zero.value, 0);
  EXPECT_EQ(one, 1);
}

}  // namespace
}  // namespace swy::eval
