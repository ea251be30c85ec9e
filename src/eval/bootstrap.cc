// Percentile bootstrap over questions (Efron 1979). A resample draws n questions with replacement;
// all that matters of it is how often each was drawn, so a resample is a weight vector and the
// means of all columns are one vector-matrix product over row-major values, which the compiler
// vectorises; rows drawn zero times (37 %) cost nothing. O(count * n * columns) multiply-adds. Sums
// are float within blocks of 256 rows and double between them: relative error below 2e-5 at worst,
// far below the sampling noise. Loses for n under about 20, where percentile intervals are too
// narrow. Tests: bootstrap_test.cc (determinism, known standard error, pairing).
#include "eval/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/rng.h"

namespace swy::eval {
namespace {

constexpr std::size_t kBlock = 256;

std::vector<float> row_major(std::span<const std::span<const float>> columns) {
  const std::size_t n = columns[0].size();
  std::vector<float> out(n * columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c) {
    SWY_ASSERT(columns[c].size() == n);
    for (std::size_t i = 0; i < n; ++i) out[i * columns.size() + c] = columns[c][i];
  }
  return out;
}

void add_scaled(const float* row, float weight, float* sum, std::size_t columns) {
  for (std::size_t c = 0; c < columns; ++c) sum[c] += weight * row[c];
}

void weighted_means(const std::vector<float>& values, const std::vector<std::uint16_t>& drawn,
                    std::vector<float>& block, std::span<double> out) {
  const std::size_t columns = out.size();
  const std::size_t n = drawn.size();
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t begin = 0; begin < n; begin += kBlock) {
    std::fill(block.begin(), block.end(), 0.0F);
    for (std::size_t i = begin; i < std::min(n, begin + kBlock); ++i) {
      if (drawn[i] != 0)
        add_scaled(values.data() + i * columns, static_cast<float>(drawn[i]), block.data(),
                   columns);
    }
    for (std::size_t c = 0; c < columns; ++c) out[c] += static_cast<double>(block[c]);
  }
  for (double& v : out) v /= static_cast<double>(n);
}

}  // namespace

Resamples resample(std::span<const std::span<const float>> columns, std::size_t count,
                   std::uint64_t seed) {
  Resamples r{count, columns.size(), {}};
  if (columns.empty()) return r;
  const std::size_t n = columns[0].size();
  SWY_ASSERT(n > 0);
  const std::vector<float> values = row_major(columns);
  r.means.resize(count * columns.size());
  std::vector<std::uint16_t> drawn(n);
  std::vector<float> block(columns.size());
  for (std::size_t k = 0; k < count; ++k) {
    base::Rng rng(seed, k, 1);
    std::fill(drawn.begin(), drawn.end(), std::uint16_t{0});
    for (std::size_t i = 0; i < n; ++i) ++drawn[rng.below(n)];
    weighted_means(values, drawn, block, {r.means.data() + k * columns.size(), columns.size()});
  }
  return r;
}

Interval percentile_interval(double value, std::vector<double> samples) {
  std::erase_if(samples, [](double v) { return std::isnan(v); });
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (samples.empty()) return {value, kNone, kNone};
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double p) {
    const double x = p * static_cast<double>(samples.size() - 1);
    const auto i = static_cast<std::size_t>(x);
    const double f = x - static_cast<double>(i);
    return i + 1 < samples.size() ? samples[i] + f * (samples[i + 1] - samples[i]) : samples[i];
  };
  return {value, at(0.025), at(0.975)};
}

std::pair<Interval, double> paired_difference(std::span<const double> a,
                                              std::span<const double> b) {
  SWY_ASSERT(!a.empty() && a.size() == b.size());
  std::vector<double> samples;
  std::size_t at_most = 0;
  std::size_t at_least = 0;
  for (std::size_t i = 1; i < a.size(); ++i) {
    const double d = b[i] - a[i];
    if (std::isnan(d)) continue;
    samples.push_back(d);
    at_most += d <= 0 ? 1U : 0U;
    at_least += d >= 0 ? 1U : 0U;
  }
  double p = std::numeric_limits<double>::quiet_NaN();
  if (!samples.empty()) {
    p = std::min(1.0, 2.0 * static_cast<double>(std::min(at_most, at_least) + 1) /
                          static_cast<double>(samples.size() + 1));
  }
  return {percentile_interval(b[0] - a[0], std::move(samples)), p};
}

}  // namespace swy::eval
