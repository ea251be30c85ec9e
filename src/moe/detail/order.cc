// Order statistics by narrowing: a sample brackets the answer (three standard deviations of its
// rank), one pass keeps what lies inside and counts what lies above, halving the bracket and
// counting leaves a handful, which std::nth_element settles. Exact: wherever the bracket misses,
// holds many equal values or does not shrink, nth_element runs over all.
// Cost: about two passes of the list; short lists go to nth_element at once. When it loses: values
// whose scale spans many powers of two (the bracket halves in value, not in rank).
// Source: ours; sampling before selection is Floyd and Rivest's idea. Test: kernels_test.cc.
#include "moe/detail/order.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "moe/detail/number.h"

namespace swy::moe::detail {
namespace {

constexpr std::size_t kSample = 256;
constexpr std::size_t kFew = 16;
constexpr int kRounds = 24;

float by_nth_element(float* v, std::size_t n, std::size_t rank, bool middle) {
  std::nth_element(v, v + rank, v + n, std::greater<>());
  return settle(v[rank], middle ? *std::min_element(v, v + rank) : 0, middle);
}

struct Range {
  float low;
  float high;
};

// Of kSample values.
Range range_of(const float* v) {
  float low[kLanes];
  float high[kLanes];
  std::copy_n(v, kLanes, low);
  std::copy_n(v, kLanes, high);
  for (std::size_t i = kLanes; i < kSample; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      low[l] = v[i + l] < low[l] ? v[i + l] : low[l];
      high[l] = v[i + l] > high[l] ? v[i + l] : high[l];
    }
  }
  return {*std::min_element(low, low + kLanes), *std::max_element(high, high + kLanes)};
}

// A value that about `count` of the sample exceed.
float cut(const Kernels& kernels, const float* sample, Range range, double count) {
  float t = range.low;
  for (int round = 0; round < kRounds / 2; ++round) {
    t = 0.5F * range.low + 0.5F * range.high;
    const auto above = static_cast<double>(kernels.count_above(sample, kSample, t));
    if (std::fabs(above - count) <= 2) break;
    (above > count ? range.low : range.high) = t;
  }
  return t;
}

// The same where t lies between the two.
float beside(const float* v, std::size_t n, float t, bool middle) {
  float below[kLanes];
  float above[kLanes];
  std::fill_n(below, kLanes, -kInf);
  std::fill_n(above, kLanes, kInf);
  for (std::size_t i = 0; i < padded(n); i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      const float x = v[i + l];
      const bool over = x > t;
      const float low = over ? -kInf : x;
      const float high = over ? x : kInf;
      below[l] = low > below[l] ? low : below[l];
      above[l] = high < above[l] ? high : above[l];
    }
  }
  return settle(*std::max_element(below, below + kLanes), *std::min_element(above, above + kLanes),
                middle);
}

// A list in which rank-th and (rank + 1)-th largest lie above `low` and not above `high`.
float narrow(const Kernels& kernels, float* v, std::size_t n, std::size_t rank, bool middle,
             Range range) {
  std::fill(v + n, v + padded(n), -kInf);
  std::size_t over_low = kernels.count_above(v, n, range.low);
  std::size_t over_high = 0;
  if (over_low <= rank || !std::isfinite(range.high - range.low))
    return by_nth_element(v, n, rank, middle);
  for (int round = 0; over_low - over_high > kFew; ++round) {
    const float t = 0.5F * range.low + 0.5F * range.high;
    const std::size_t over = kernels.count_above(v, n, t);
    if (over == rank) return beside(v, n, t, middle);
    if (round == kRounds) return by_nth_element(v, n, rank, middle);
    if (over > rank) {
      range.low = t;
      over_low = over;
    } else {
      range.high = t;
      over_high = over;
    }
  }
  float few[kFew + 2 * kLanes];  // collect() may store whole vectors
  std::size_t above = 0;
  const float least = std::nextafter(range.low, kInf);
  const std::size_t inside = kernels.collect(v, n, least, range.high, few, &above);
  return by_nth_element(few, inside, rank - above, middle);
}

}  // namespace

float order_statistic(const Kernels& kernels, float* v, std::size_t n, std::size_t rank,
                      bool middle, float* scratch) {
  if (n < 4 * kSample) return by_nth_element(v, n, rank, middle);
  const std::size_t step = n / kSample;
  for (std::size_t i = 0; i < kSample; ++i) scratch[i] = v[i * step];
  const double share = static_cast<double>(rank) / static_cast<double>(n);
  const double at = share * kSample;
  const double slack = 3 * std::sqrt(kSample * share * (1 - share)) + 1;
  const Range all = range_of(scratch);
  if (!std::isfinite(all.high - all.low) || at + slack >= kSample || at - slack <= 0)
    return by_nth_element(v, n, rank, middle);
  Range range{cut(kernels, scratch, all, at + slack), 0};
  range.high = cut(kernels, scratch, {range.low, all.high}, at - slack);
  std::size_t above = 0;
  const std::size_t inside = kernels.collect(v, n, range.low, range.high, scratch, &above);
  if (above + 1 <= rank && rank < above + inside)
    return narrow(kernels, scratch, inside, rank - above, middle, range);
  return by_nth_element(v, n, rank, middle);
}

}  // namespace swy::moe::detail
