// SparseMixer-v2 as UniMoE-Audio uses it (2510.13344, from its code): with m the largest remaining
// logit, experts with (m - z_j) / max(|z_j|, |m|) > 2 eps are masked. Inference takes the best and
// its softmax probability among the unmasked. Training samples (Gumbel), and its weight is the
// probability times 1 if the sample is the best or U > .75, else times 1/3 (.3333 + .6667 flag):
// Heun's third-order midpoint. Backward: g * probability * (onehot - p), without the factor; that
// the published factor is in the forward value only is our reading of the Phi-3.5 source (memory).
//
// Cost: E per pick. Loses: the mask divides by max(|z|, |m|): unstable near 0 and not invariant to
// adding a constant to the logits. Test: loss/gradient_test.cc.
#include <algorithm>
#include <cmath>

#include "moe/gradient.h"

namespace swy::moe {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
// U > 3/4 keeps the whole weight, else a third: the mean of the factor off the best is 1/2.
constexpr double kWhole = 0.75;
constexpr double kThird = 0.3333;

bool is_taken(std::span<const std::int32_t> taken, std::size_t j) {
  return std::find(taken.begin(), taken.end(), static_cast<std::int32_t>(j)) != taken.end();
}

}  // namespace

Checked<SparseMixerPick> sparsemixer_pick(std::span<const double> z,
                                          std::span<const std::int32_t> taken, double eps,
                                          base::Rng* training, std::span<double> p) {
  const auto args = Arguments().same(p.size(), z.size(), "p");
  if (!args.ok()) return args.status();
  std::size_t best = z.size();
  for (std::size_t j = 0; j < z.size(); ++j)
    if (!is_taken(taken, j) && z[j] > kNever && (best == z.size() || z[j] > z[best])) best = j;
  std::fill(p.begin(), p.end(), 0.0);
  if (best == z.size()) return SparseMixerPick{};
  for (std::size_t j = 0; j < z.size(); ++j) {
    const double size = std::max({std::fabs(z[j]), std::fabs(z[best]), 1e-300});
    const bool out = is_taken(taken, j) || !(z[j] > kNever) || (z[best] - z[j]) / size > 2 * eps;
    p[j] = out ? kNever : z[j];
  }
  SparseMixerPick out{.expert = static_cast<std::int32_t>(best)};
  if (training != nullptr) {
    double most = kNever;
    for (std::size_t j = 0; j < z.size(); ++j) {
      const double key = p[j] + gumbel(*training);
      if (key > most) {
        most = key;
        out.expert = static_cast<std::int32_t>(j);
      }
    }
    const bool whole = training->uniform() > kWhole;
    out.factor = whole || out.expert == static_cast<std::int32_t>(best) ? 1.0 : kThird;
  }
  softmax(p, p);
  out.probability = p[static_cast<std::size_t>(out.expert)];
  return out;
}

Status sparsemixer_backward(const SparseMixerPick& pick, std::span<const double> p, double g,
                            std::span<double> dz) {
  const auto args = Arguments().same(dz.size(), p.size(), "dz");
  if (!args.ok()) return args.status();
  for (std::size_t j = 0; j < p.size(); ++j) {
    const double own = static_cast<std::int32_t>(j) == pick.expert ? 1.0 : 0.0;
    dz[j] += g * pick.probability * (own - p[j]);
  }
  return {};
}

}  // namespace swy::moe
