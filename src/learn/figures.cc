// Definitions are in figures.h; all are exact counts, O(n log n) at most. Test: figures_test.cc
// against scikit-learn.
#include "learn/figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace swy::learn {

double accuracy(std::span<const std::uint32_t> truth, std::span<const std::uint32_t> said) {
  if (truth.empty()) return 0;
  std::size_t right = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) right += truth[i] == said[i] ? 1U : 0U;
  return static_cast<double>(right) / static_cast<double>(truth.size());
}

double macro_f1(std::span<const std::uint32_t> truth, std::span<const std::uint32_t> said,
                std::size_t labels) {
  std::vector<double> hits(labels), is(labels), claimed(labels);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    is[truth[i]] += 1;
    claimed[said[i]] += 1;
    if (truth[i] == said[i]) hits[truth[i]] += 1;
  }
  double sum = 0;
  double present = 0;
  for (std::size_t c = 0; c < labels; ++c) {
    if (is[c] == 0) continue;
    present += 1;
    sum += 2 * hits[c] / (is[c] + claimed[c]);
  }
  return present == 0 ? 0 : sum / present;
}

double ece(std::span<const float> confidence, std::span<const std::uint8_t> right,
           std::size_t bins) {
  std::vector<double> says(bins), holds(bins);
  for (std::size_t i = 0; i < confidence.size(); ++i) {
    const auto c = static_cast<double>(confidence[i]);
    // (low, high], as in the paper; 0 belongs to the first
    const double at = std::ceil(c * static_cast<double>(bins)) - 1;
    const auto bin = static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(bins - 1)));
    says[bin] += c;
    holds[bin] += right[i] != 0 ? 1 : 0;
  }
  double sum = 0;
  for (std::size_t b = 0; b < bins; ++b) sum += std::fabs(says[b] - holds[b]);
  return confidence.empty() ? 0 : sum / static_cast<double>(confidence.size());
}

double ece_by_chance(std::span<const float> confidence, std::size_t bins) {
  constexpr std::size_t kDraws = 100;
  std::vector<double> errors;
  std::vector<std::uint8_t> right(confidence.size());
  for (std::uint64_t draw = 0; draw < kDraws; ++draw) {
    base::Rng rng(1, draw, 0);
    for (std::size_t i = 0; i < right.size(); ++i) {
      right[i] = rng.uniform() < static_cast<double>(confidence[i]) ? 1 : 0;
    }
    errors.push_back(ece(confidence, right, bins));
  }
  std::sort(errors.begin(), errors.end());
  return errors[kDraws * 95 / 100];
}

double auroc(std::span<const float> score, std::span<const std::uint8_t> positive) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return score[a] < score[b]; });
  double rank_sum = 0;
  double positives = 0;
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    while (j < order.size() && score[order[j]] == score[order[i]]) ++j;
    const double rank = static_cast<double>(i + j + 1) / 2;  // mean of ranks i + 1 .. j
    for (std::size_t k = i; k < j; ++k) {
      if (positive[order[k]] == 0) continue;
      rank_sum += rank;
      positives += 1;
    }
    i = j;
  }
  const double negatives = static_cast<double>(score.size()) - positives;
  if (positives == 0 || negatives == 0) return 0.5;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

}  // namespace swy::learn
