// noisy_load(): Load_j = Phi((z_j - threshold_j) / sd_j), threshold_j = the k-th largest of the
// noisy logits beside j: the (k+1)-th of all where j is among the k, else the k-th (Shazeer et al.,
// 1701.06538; from memory, checked against Tutel's source). Cost: O(E k) for the two thresholds.
// Loses: k = E has no threshold (required away). Test: loss/balance_loss_test.cc.
#include <cmath>
#include <optional>

#include "moe/balance_loss.h"

namespace swy::moe {
namespace {

constexpr double kRootHalf = 0.7071067811865476;     // 1 / sqrt(2)
constexpr double kNormalPeak = 0.39894228040143268;  // 1 / sqrt(2 pi)

struct Thresholds {
  std::size_t kth = 0, next = 0;  // where the k-th and the (k+1)-th largest stand
};

// None with fewer than k + 1 numbers above -inf.
std::optional<Thresholds> thresholds(std::span<const double> noisy, std::size_t k) {
  std::ptrdiff_t at = -1;
  for (std::size_t i = 0; i < k; ++i) {
    at = next_largest(noisy, at);
    if (at < 0) return std::nullopt;
  }
  const std::ptrdiff_t next = next_largest(noisy, at);
  if (next < 0) return std::nullopt;
  return Thresholds{static_cast<std::size_t>(at), static_cast<std::size_t>(next)};
}

Status check(std::span<const double> clean, std::span<const double> noisy,
             std::span<const double> sd, std::size_t k) {
  const std::size_t n = noisy.size();
  return Arguments()
      .same(clean.size(), n, "clean")
      .same(sd.size(), n, "sd")
      .that(k > 0 && k < n, Code::kBadShape, "k")
      .status();
}

}  // namespace

Status noisy_load(std::span<const double> clean, std::span<const double> noisy,
                  std::span<const double> sd, std::size_t k, std::span<double> load) {
  if (const Status s = check(clean, noisy, sd, k); !s.ok()) return s;
  const auto args = Arguments().same(load.size(), noisy.size(), "load");
  if (!args.ok()) return args.status();
  const auto at = thresholds(noisy, k);
  if (!at) return {Code::kBadShape, "noisy"};
  for (std::size_t j = 0; j < load.size(); ++j) {
    const double bar = noisy[noisy[j] >= noisy[at->kth] ? at->next : at->kth];
    load[j] = 0.5 * std::erfc(-(clean[j] - bar) / sd[j] * kRootHalf);
  }
  return {};
}

Status noisy_load_backward(std::span<const double> clean, std::span<const double> noisy,
                           std::span<const double> sd, std::size_t k, std::span<const double> dload,
                           const NoisyLoadGradient& grad) {
  if (const Status s = check(clean, noisy, sd, k); !s.ok()) return s;
  const std::size_t n = noisy.size();
  Arguments args;
  args.same(dload.size(), n, "dload");
  if (!grad.clean.empty()) args.same(grad.clean.size(), n, "grad.clean");
  if (!grad.noisy.empty()) args.same(grad.noisy.size(), n, "grad.noisy");
  if (!grad.sd.empty()) args.same(grad.sd.size(), n, "grad.sd");
  if (!args.ok()) return args.status();
  const auto at = thresholds(noisy, k);
  if (!at) return {Code::kBadShape, "noisy"};
  for (std::size_t j = 0; j < dload.size(); ++j) {
    const std::size_t bar = noisy[j] >= noisy[at->kth] ? at->next : at->kth;
    const double z = (clean[j] - noisy[bar]) / sd[j];
    const double slope = dload[j] * kNormalPeak * std::exp(-0.5 * z * z) / sd[j];
    if (!grad.clean.empty()) grad.clean[j] += slope;
    if (!grad.noisy.empty()) grad.noisy[bar] -= slope;
    if (!grad.sd.empty()) grad.sd[j] -= slope * z;
  }
  return {};
}

}  // namespace swy::moe
