// BlockFFN's losses (2507.08771, from its code; coefficients there 5e-2 and 2e-3):
//   chunk     1 - mean prod_i q_i, q = 1 - p + 1e-5;         d/dp_i = prod / q_i / n
//   locality  mean BCE(l = a z_{t-1}, y = sigmoid(a z_t));   d/dl = sigmoid(l) - y,  d/dy = -l
// ReMoE's regulariser (2412.14711, number from memory; rule from its code, second hand: variant
// of):
//   L1        mean_t sum_j relu(z_tj), times a coefficient that is multiplied or divided by 1.2
//   each
//             step until the active share is k / E; both constants from memory.
// Cost: one pass. Loses: at the published sharpness slopes vanish away from 0; a product of many
// tokens is 0 for any expert used often, so the chunk loss says little beyond 64 tokens.
// Test: loss/router_loss_test.cc.
#include "moe/locality_loss.h"

#include <algorithm>
#include <cmath>

namespace swy::moe {

Checked<double> chunk_loss(Rows<const double> p, std::size_t window, double scale,
                           Rows<double> grad) {
  constexpr double kTiny = 1e-5;
  const auto args = Arguments()
                        .that(window > 0, Code::kBadShape, "window")
                        .table(p, "p")
                        .optional(grad, p.rows, p.cols, "grad");
  if (!args.ok()) return args.status();
  const std::size_t chunks = p.rows / window;
  if (chunks == 0 || p.cols == 0) return 0;
  const auto n = static_cast<double>(chunks * p.cols);
  double sum = 0;
  for (std::size_t c = 0; c < chunks; ++c)
    for (std::size_t e = 0; e < p.cols; ++e) {
      double untouched = 1;
      for (std::size_t i = c * window; i < (c + 1) * window; ++i)
        untouched *= 1 - p.at(i, e) + kTiny;
      sum += untouched;
      for (std::size_t i = c * window; grad.wanted() && i < (c + 1) * window; ++i)
        grad.at(i, e) += scale * untouched / (1 - p.at(i, e) + kTiny) / n;
    }
  return 1 - sum / n;
}

Checked<double> activation_locality(Rows<const double> z, double sharpness, bool through_target,
                                    double scale, Rows<double> grad) {
  const auto args = Arguments().table(z, "z").optional(grad, z.rows, z.cols, "grad");
  if (!args.ok()) return args.status();
  if (z.rows < 2 || z.cols == 0) return 0;
  const auto n = static_cast<double>((z.rows - 1) * z.cols);
  double sum = 0;
  for (std::size_t t = 1; t < z.rows; ++t)
    for (std::size_t e = 0; e < z.cols; ++e) {
      const double logit = sharpness * z.at(t - 1, e);
      const double target = sigmoid(sharpness * z.at(t, e));
      sum += std::max(logit, 0.0) - logit * target + std::log1p(std::exp(-std::fabs(logit)));
      if (!grad.wanted()) continue;
      grad.at(t - 1, e) += scale / n * sharpness * (sigmoid(logit) - target);
      if (through_target) grad.at(t, e) -= scale / n * sharpness * logit * target * (1 - target);
    }
  return sum / n;
}

Checked<double> relu_l1(Rows<const double> z, double scale, Rows<double> grad) {
  const auto args = Arguments().table(z, "z").optional(grad, z.rows, z.cols, "grad");
  if (!args.ok()) return args.status();
  const auto t = static_cast<double>(z.rows);
  double sum = 0;
  for (std::size_t i = 0; i < z.rows; ++i)
    for (std::size_t j = 0; j < z.cols; ++j) {
      const double v = z.at(i, j);
      if (v <= 0) continue;  // NaN passes on
      sum += v / t;
      if (grad.wanted()) grad.at(i, j) += scale / t;
    }
  return sum;
}

}  // namespace swy::moe
