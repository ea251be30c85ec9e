// noisy_load(): Load_j = Phi((z_j - threshold_j) / sd_j), threshold_j = the k-th largest of the
// noisy logits beside j: the (k+1)-th of all where j is among the k, else the k-th (Shazeer et al.,
// 1701.06538; from memory, checked against Tutel's source). Cost: O(E k) for the two thresholds.
// Loses: k = E has no threshold (required away). Test: loss/balance_loss_test.cc.
#include <cmath>

#include "moe/balance_loss.h"

namespace swy::moe {
namespace {

constexpr double kRootHalf = 0.7071067811865476;     // 1 / sqrt(2)
constexpr double kNormalPeak = 0.39894228040143268;  // 1 / sqrt(2 pi)

struct Thresholds {
  std::size_t kth = 0, next = 0;  // where the k-th and the (k+1)-th largest stand
};

Thresholds thresholds(std::span<const double> noisy, std::size_t k) {
  SWY_ASSERT(k > 0 && k < noisy.size());
  std::ptrdiff_t at = -1;
  for (std::size_t i = 0; i < k; ++i) at = next_largest(noisy, at);
  const std::ptrdiff_t next = next_largest(noisy, at);
  SWY_ASSERT(at >= 0 && next >= 0);
  return {static_cast<std::size_t>(at), static_cast<std::size_t>(next)};
}

}  // namespace

void noisy_load(std::span<const double> clean, std::span<const double> noisy,
                std::span<const double> sd, std::size_t k, std::span<double> load) {
  SWY_ASSERT(clean.size() == noisy.size() && sd.size() == noisy.size());
  SWY_ASSERT(load.size() == noisy.size());
  const Thresholds at = thresholds(noisy, k);
  for (std::size_t j = 0; j < load.size(); ++j) {
    const double bar = noisy[noisy[j] >= noisy[at.kth] ? at.next : at.kth];
    load[j] = 0.5 * std::erfc(-(clean[j] - bar) / sd[j] * kRootHalf);
  }
}

void noisy_load_backward(std::span<const double> clean, std::span<const double> noisy,
                         std::span<const double> sd, std::size_t k, std::span<const double> dload,
                         const NoisyLoadGradient& grad) {
  const Thresholds at = thresholds(noisy, k);
  for (std::size_t j = 0; j < dload.size(); ++j) {
    const std::size_t bar = noisy[j] >= noisy[at.kth] ? at.next : at.kth;
    const double z = (clean[j] - noisy[bar]) / sd[j];
    const double slope = dload[j] * kNormalPeak * std::exp(-0.5 * z * z) / sd[j];
    if (!grad.clean.empty()) grad.clean[j] += slope;
    if (!grad.noisy.empty()) grad.noisy[bar] -= slope;
    if (!grad.sd.empty()) grad.sd[j] -= slope * z;
  }
}

}  // namespace swy::moe
