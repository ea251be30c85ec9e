// Entropy terms, ERC, RoMA and the budget loss, with gradients.
//   entropy     H_q = (1 - sum p^q) / (q - 1),  dH/dp = -q p^(q-1) / (q - 1);  q = 1: -log p - 1
//   ERC         1/n^2 sum_{i != j} relu(M_ij - a M_ii) + relu(M_ji - a M_ii)   (2512.23447)
//   RoMA        sum_j W_j |r - r_j|^2,  d/dr = 2 sum W_j (r - r_j)             (2511.07419)
//   Duo-LLM     (mean P_big - target)^2                                        (2410.10846)
// Entropies: DynMoLE (2504.00661, constants from a third-party port: variant of), Dynamic-MoE
// (2403.07652), MAGNET (2602.20723, abstract only: variant of), UniPool's lock (2605.06665).
// Cost: one pass; ERC n^2, independent of tokens. Loses: an entropy bonus and an entropy penalty
// pull apart, so use one at a time; ERC knows experts only by their proxies.
// Test: loss/router_loss_test.cc.
#include "moe/router_loss.h"

#include <algorithm>
#include <cmath>

namespace swy::moe {
namespace {

// Between the two formulas: 1 - sum p^q loses about six digits at q - 1 = 1e-10, so stop at 1e-6.
bool shannon(double q) { return std::fabs(q - 1) < 1e-6; }

}  // namespace

double entropy(std::span<const double> p, double q) {
  double sum = 0;
  if (shannon(q)) {
    for (const double v : p)
      if (v > 0) sum -= v * std::log(v);
    return sum;
  }
  for (const double v : p)
    if (v > 0) sum += std::pow(v, q);
  return (1 - sum) / (q - 1);
}

double most_entropy(std::size_t n, double q) {
  const auto count = static_cast<double>(n);
  return shannon(q) ? std::log(count) : (1 - std::pow(count, 1 - q)) / (q - 1);
}

Status entropy_backward(std::span<const double> p, double q, double scale, std::span<double> grad) {
  const auto args = Arguments().same(grad.size(), p.size(), "grad");
  if (!args.ok()) return args.status();
  for (std::size_t j = 0; j < p.size(); ++j)
    grad[j] += scale * (shannon(q) ? -std::log(p[j]) - 1 : -q * std::pow(p[j], q - 1) / (q - 1));
  return {};
}

Checked<double> mean_entropy(Rows<const double> p, double q, double scale, Rows<double> grad) {
  const auto args =
      Arguments().table(p, "p").experts(p, "p").optional(grad, p.rows, p.cols, "grad");
  if (!args.ok()) return args.status();
  const auto t = static_cast<double>(p.rows);
  double sum = 0;
  for (std::size_t i = 0; i < p.rows; ++i) {
    sum += entropy(p.row(i), q);
    if (grad.wanted()) (void)entropy_backward(p.row(i), q, scale / t, grad.row(i));
  }
  return p.rows > 0 ? sum / t : 0;
}

Checked<double> entropy_of_mean(Rows<const double> p, double q, double scale,
                                std::span<double> scratch, Rows<double> grad) {
  if (p.rows == 0) return 0;
  const auto args = Arguments()
                        .table(p, "p")
                        .experts(p, "p")
                        .optional(grad, p.rows, p.cols, "grad")
                        .span(scratch.size(), 2 * p.cols, "scratch");
  if (!args.ok()) return args.status();
  const auto mean = scratch.subspan(0, p.cols);
  const auto slope = scratch.subspan(p.cols, p.cols);
  std::fill_n(scratch.begin(), 2 * p.cols, 0.0);
  const auto t = static_cast<double>(p.rows);
  for (std::size_t i = 0; i < p.rows; ++i)
    for (std::size_t j = 0; j < p.cols; ++j) mean[j] += p.at(i, j) / t;
  if (grad.wanted()) (void)entropy_backward(mean, q, scale / t, slope);
  for (std::size_t i = 0; grad.wanted() && i < p.rows; ++i)
    for (std::size_t j = 0; j < p.cols; ++j) grad.at(i, j) += slope[j];
  return entropy(mean, q);
}

Checked<double> entropy_lock(Rows<const double> p, std::size_t k, double scale, Rows<double> grad) {
  const auto args = Arguments()
                        .table(p, "p")
                        .experts(p, "p")
                        .optional(grad, p.rows, p.cols, "grad")
                        .that(k > 0, Code::kBadShape, "k");
  if (!args.ok()) return args.status();
  const auto layers = static_cast<double>(p.rows);
  double sum = 0;
  for (std::size_t l = 0; l < p.rows; ++l) {
    const double off = entropy(p.row(l)) - std::log(static_cast<double>(k));
    sum += off * off;
    if (grad.wanted()) (void)entropy_backward(p.row(l), 1, scale * 2 * off / layers, grad.row(l));
  }
  return p.rows > 0 ? sum / layers : 0;
}

Checked<double> budget_loss(std::span<const double> p_big, double target, double scale,
                            std::span<double> grad) {
  Arguments args;
  if (!grad.empty()) args.same(grad.size(), p_big.size(), "grad");
  if (!args.ok()) return args.status();
  if (p_big.empty()) return 0;
  double mean = 0;
  for (const double p : p_big) mean += p / static_cast<double>(p_big.size());
  for (double& g : grad) g += scale * 2 * (mean - target) / static_cast<double>(p_big.size());
  return (mean - target) * (mean - target);
}

Checked<double> erc_loss(Rows<const double> m, double alpha, double scale, Rows<double> grad) {
  const auto args = Arguments()
                        .table(m, "m")
                        .that(m.rows == m.cols && m.rows > 0, Code::kBadShape, "m")
                        .optional(grad, m.rows, m.cols, "grad");
  if (!args.ok()) return args.status();
  const double each = 1.0 / static_cast<double>(m.rows * m.rows);
  double sum = 0;
  const auto term = [&](std::size_t r, std::size_t c, std::size_t own) {
    const double over = m.at(r, c) - alpha * m.at(own, own);
    if (over <= 0) return;
    sum += over * each;
    if (!grad.wanted()) return;
    grad.at(r, c) += scale * each;
    grad.at(own, own) -= scale * alpha * each;
  };
  for (std::size_t i = 0; i < m.rows; ++i)
    for (std::size_t j = 0; j < m.rows; ++j) {
      if (i == j) continue;
      term(i, j, i);
      term(j, i, i);
    }
  return sum;
}

Checked<double> erc_radius(Rows<const double> router, std::size_t i) {
  const auto args = Arguments()
                        .table(router, "router")
                        .that(router.rows > 1, Code::kBadShape, "router")
                        .that(i < router.rows, Code::kBadShape, "i");
  if (!args.ok()) return args.status();
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < router.rows; ++j) {
    if (j == i) continue;
    double sum = 0;
    for (std::size_t d = 0; d < router.cols; ++d) {
      const double by = router.at(i, d) - router.at(j, d);
      sum += by * by;
    }
    nearest = std::min(nearest, std::sqrt(sum));
  }
  const double norm = length(router.row(i));
  return norm > 0 ? nearest / (2 * norm) : 0;
}

Checked<double> manifold_loss(std::span<const double> r, Rows<const double> neighbours,
                              std::span<const double> w, double scale, std::span<double> grad) {
  Arguments args;
  args.table(neighbours, "neighbours")
      .that(neighbours.rows == 0 || neighbours.cols == r.size(), Code::kBadShape, "neighbours")
      .same(w.size(), neighbours.rows, "w");
  if (!grad.empty()) args.same(grad.size(), r.size(), "grad");
  if (!args.ok()) return args.status();
  double total = 0;
  for (const double v : w) total += v;
  if (total <= 0) return 0;
  double sum = 0;
  for (std::size_t j = 0; j < neighbours.rows; ++j)
    for (std::size_t d = 0; d < r.size(); ++d) {
      const double by = r[d] - neighbours.at(j, d);
      sum += w[j] / total * by * by;
      if (!grad.empty()) grad[d] += scale * 2 * w[j] / total * by;
    }
  return sum;
}

}  // namespace swy::moe
