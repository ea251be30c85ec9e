// Balance losses over probabilities p and counts c (constants):
//   Switch (2101.03961)   E sum_j (c_j / (T k)) mean_t p_tj,        d/dp_tj = E f_j / T
//   GShard (2006.16668)   the same with first choices only: k = 1
//   UniPool (2605.06665)  the same, c and p pooled over the layers that share experts
//   DeepSeek-V3           the same per sequence, averaged
//   Shazeer (1701.06538)  CV^2 = E sum x^2 / (sum x)^2 - 1
//   z-loss (2202.08906)   mean_t lse(z_t)^2,                        d/dz_tj = (2/T) lse_t p_tj
//   MST-Distill (2507.07015)  KL(mean p || uniform)
// Cost: one pass over p. Loses: every one of them trades quality for balance, and the scope of the
// mean (sequence, batch, all layers) changes results more than the coefficient does; Switch's loss
// may fall below 1 (three tokens .51 .49, one .01 .99: .885). The Switch and Shazeer forms follow
// memory and the Hugging Face, Tutel and Megatron sources. Test: loss/balance_loss_test.cc.
#include "moe/balance_loss.h"

#include <algorithm>
#include <cmath>

namespace swy::moe {
namespace {

// Adds one layer's counts and sums of p; returns its live tokens.
std::size_t gather(const BalanceLayer& layer, std::size_t k, std::span<double> count,
                   std::span<double> sum) {
  std::size_t live = 0;
  for (std::size_t t = 0; t < layer.p.rows; ++t) {
    bool any = false;
    for (const std::int32_t e : layer.chosen.row(t).first(k)) {
      if (e < 0) continue;
      any = true;
      count[static_cast<std::size_t>(e)] += 1;
    }
    if (!any) continue;
    ++live;
    for (std::size_t j = 0; j < layer.p.cols; ++j) sum[j] += layer.p.at(t, j);
  }
  return live;
}

bool is_live(Rows<const std::int32_t> chosen, std::size_t t, std::size_t k) {
  const auto row = chosen.row(t).first(k);
  return std::any_of(row.begin(), row.end(), [](std::int32_t e) { return e >= 0; });
}

void check_layer(Arguments& args, const BalanceLayer& layer, std::size_t experts, std::size_t k) {
  const std::size_t rows = layer.p.rows;
  args.table(layer.p, rows, experts, "p").experts(layer.p, "p");
  args.table(layer.chosen, rows, layer.chosen.cols, "chosen")
      .that(rows == 0 || layer.chosen.cols >= k, Code::kBadShape, "chosen");
  if (args.ok())
    args.ids(layer.chosen, experts, "chosen").optional(layer.grad, rows, experts, "grad");
}

}  // namespace

Checked<double> balance_loss(std::span<const BalanceLayer> layers, std::size_t k, double scale,
                             std::span<double> scratch) {
  if (layers.empty()) return 0;
  const std::size_t experts = layers[0].p.cols;
  Arguments args;
  args.that(k > 0, Code::kBadShape, "k").span(scratch.size(), 2 * experts, "scratch");
  for (const BalanceLayer& layer : layers) check_layer(args, layer, experts, k);
  if (!args.ok()) return args.status();
  const auto count = scratch.subspan(0, experts);
  const auto sum = scratch.subspan(experts, experts);
  std::fill(count.begin(), count.end(), 0.0);
  std::fill(sum.begin(), sum.end(), 0.0);
  std::size_t live = 0;
  for (const BalanceLayer& layer : layers) live += gather(layer, k, count, sum);
  if (live == 0) return 0;
  const auto t = static_cast<double>(live);
  const double factor = static_cast<double>(experts) / (t * t * static_cast<double>(k));
  for (const BalanceLayer& layer : layers)
    for (std::size_t i = 0; layer.grad.wanted() && i < layer.p.rows; ++i)
      for (std::size_t j = 0; is_live(layer.chosen, i, k) && j < experts; ++j)
        layer.grad.at(i, j) += scale * factor * count[j];
  return factor * inner(count, sum);
}

Checked<double> sequence_balance_loss(const BalanceLayer& layer,
                                      std::span<const std::uint32_t> begin, std::size_t k,
                                      double scale, std::span<double> scratch) {
  if (begin.size() < 2) return 0;
  Arguments args;
  args.begins(begin, layer.p.rows, "begin");
  check_layer(args, layer, layer.p.cols, k);
  if (!args.ok()) return args.status();
  const auto sequences = static_cast<double>(begin.size() - 1);
  double sum = 0;
  for (std::size_t s = 0; s + 1 < begin.size(); ++s) {
    const BalanceLayer part{layer.p.part(begin[s], begin[s + 1]),
                            layer.chosen.part(begin[s], begin[s + 1]),
                            layer.grad.part(begin[s], begin[s + 1])};
    const Checked<double> one = balance_loss({&part, 1}, k, scale / sequences, scratch);
    if (!one.ok()) return one;
    sum += one;
  }
  return sum / sequences;
}

Checked<double> cv_squared(std::span<const double> x, Variance variance, double scale,
                           std::span<double> grad) {
  Arguments args;
  if (!grad.empty()) args.same(grad.size(), x.size(), "grad");
  if (!args.ok()) return args.status();
  const auto n = static_cast<double>(x.size());
  double sum = 0;
  double squares = 0;
  for (const double v : x) {
    sum += v;
    squares += v * v;
  }
  if (sum == 0 || (variance == Variance::kSample && x.size() < 2)) return 0;
  const double correction = variance == Variance::kSample ? n / (n - 1) : 1.0;
  for (std::size_t j = 0; j < grad.size(); ++j)
    grad[j] += scale * correction * 2 * n * (x[j] / (sum * sum) - squares / (sum * sum * sum));
  return correction * (n * squares / (sum * sum) - 1);
}

Checked<double> z_loss(Rows<const double> logits, double scale, Rows<double> grad) {
  Arguments args;
  args.table(logits, "logits")
      .experts(logits, "logits")
      .optional(grad, logits.rows, logits.cols, "grad");
  if (!args.ok()) return args.status();
  const auto t = static_cast<double>(logits.rows);
  double sum = 0;
  for (std::size_t i = 0; i < logits.rows; ++i) {
    const double lse = log_sum_exp(logits.row(i));
    sum += lse * lse;
    for (std::size_t j = 0; grad.wanted() && j < logits.cols; ++j)
      grad.at(i, j) += scale * 2 / t * lse * std::exp(logits.at(i, j) - lse);
  }
  return logits.rows > 0 ? sum / t : 0;
}

Checked<double> kl_to_uniform(Rows<const double> p, double scale, std::span<double> scratch,
                              Rows<double> grad) {
  if (p.rows == 0) return 0;
  Arguments args;
  args.table(p, "p")
      .experts(p, "p")
      .span(scratch.size(), p.cols, "scratch")
      .optional(grad, p.rows, p.cols, "grad");
  if (!args.ok()) return args.status();
  const auto t = static_cast<double>(p.rows);
  const auto mean = scratch.first(p.cols);
  std::fill(mean.begin(), mean.end(), 0.0);
  for (std::size_t i = 0; i < p.rows; ++i)
    for (std::size_t j = 0; j < p.cols; ++j) mean[j] += p.at(i, j) / t;
  double sum = 0;
  for (const double m : mean)
    if (m > 0) sum += m * std::log(m * static_cast<double>(p.cols));
  for (std::size_t i = 0; grad.wanted() && i < p.rows; ++i)
    for (std::size_t j = 0; j < p.cols; ++j)
      if (mean[j] > 0)
        grad.at(i, j) += scale / t * (std::log(mean[j] * static_cast<double>(p.cols)) + 1);
  return sum;
}

}  // namespace swy::moe
