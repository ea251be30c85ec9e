// Paired bootstrap: the same resampled questions for every column, so that differences between
// columns are differences on the same questions.
//
// When to use: intervals of means and of anything computed from means. Threading: pure. Ownership:
// the result owns its numbers; columns are borrowed for the call. Deterministic for a seed.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace swy::eval {

struct Interval {
  double value = 0;  // on the questions as they are
  double lo = 0;     // 2.5 and 97.5 percentile over the resamples
  double hi = 0;
};

// means[r * columns + c]: mean of column c in resample r.
struct Resamples {
  std::size_t count = 0;
  std::size_t columns = 0;
  std::vector<double> means;
  [[nodiscard]] std::span<const double> of(std::size_t r) const {
    return {means.data() + r * columns, columns};
  }
};

// REQUIRES: all columns have the same length, at least 1.
Resamples resample(std::span<const std::span<const float>> columns, std::size_t count,
                   std::uint64_t seed);

// Percentile interval of samples (consumed); NaN samples are passed over. Without samples lo and hi
// are NaN.
Interval percentile_interval(double value, std::vector<double> samples);

// The paired bootstrap test. a and b: a figure on the questions as they are, then on each resample,
// the same resamples for both. b - a with its interval, and the two-sided probability of so large a
// difference where there is none: twice the smaller share of resamples on either side of 0, at
// least 2 / (resamples + 1). NaN without resamples.
std::pair<Interval, double> paired_difference(std::span<const double> a, std::span<const double> b);

}  // namespace swy::eval
