// Shared pools.
//   ReXMoE (2510.17483): the open pool grows linearly from N to r N between two steps; the mask is
//     applied to the scores before top-k. Loses: r of 16 and more collapses. Which neighbours open
//     first is not in the text; ours: nearest layers first, the lower before the upper.
//   UniPool (2605.06665): s0 = mean of 1 / |the k largest of relu(x / |x|)| over x ~ N(0, I). A
//   pole
//     where all draws are negative, which we leave out of the mean (the source divides by zero).
//   Union-of-Experts (2503.02495): masked probabilities over their column sum times capacity.
//     Couples the batch: one sequence's output depends on the others, and the only user of an
//     expert gets a weight of about the capacity.
// Cost: the scale once; union E plus the column sums. Test: router/pool_rules_test.cc.
#include "moe/pool_rules.h"

#include <algorithm>
#include <cmath>

namespace swy::moe {

std::uint32_t open_experts(const ProgressivePool& pool, std::uint64_t step) {
  const std::uint64_t all = std::uint64_t{pool.each} * pool.layers;
  if (step <= pool.begin) return pool.each;
  if (step >= pool.end) return static_cast<std::uint32_t>(all);
  const double done =
      static_cast<double>(step - pool.begin) / static_cast<double>(pool.end - pool.begin);
  return static_cast<std::uint32_t>(pool.each + static_cast<double>(all - pool.each) * done);
}

Status open_mask(const ProgressivePool& pool, std::uint32_t layer, std::uint32_t open,
                 std::span<std::uint64_t> live) {
  const auto args =
      Arguments()
          .that(layer < pool.layers, Code::kBadShape, "layer")
          .span(live.size(), (std::size_t{pool.each} * pool.layers + 63) / 64, "live");
  if (!args.ok()) return args.status();
  std::fill(live.begin(), live.end(), 0U);
  std::uint32_t left = open;
  const auto open_layer = [&](std::uint32_t l) {
    for (std::uint32_t i = 0; i < pool.each && left > 0; ++i, --left) {
      const std::uint32_t e = l * pool.each + i;
      live[e / 64] |= std::uint64_t{1} << (e % 64U);
    }
  };
  open_layer(layer);
  for (std::uint32_t far = 1; far < pool.layers; ++far) {
    if (layer >= far) open_layer(layer - far);
    if (layer + far < pool.layers) open_layer(layer + far);
  }
  return {};
}

Checked<double> norm_router_scale(std::size_t experts, std::size_t k, std::size_t draws,
                                  std::uint64_t seed, std::span<double> scratch) {
  const auto args = Arguments()
                        .that(k > 0 && k <= experts, Code::kBadShape, "k")
                        .span(scratch.size(), experts, "scratch");
  if (!args.ok()) return args.status();
  const auto row = scratch.first(experts);
  double sum = 0;
  double used = 0;
  for (std::size_t i = 0; i < draws; ++i) {
    base::Rng rng(seed, i, 0);
    for (double& v : row) v = normal(rng);
    const double norm = length(row);
    std::partial_sort(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(k), row.end(),
                      std::greater<>());
    double squares = 0;
    for (std::size_t j = 0; j < k && row[j] > 0; ++j) squares += row[j] * row[j] / (norm * norm);
    if (squares <= 0) continue;
    sum += 1 / std::sqrt(squares);
    used += 1;
  }
  return used > 0 ? sum / used : 1;
}

Status union_gate(Rows<const double> p, std::size_t k, double capacity, std::span<double> scratch,
                  Rows<double> out) {
  constexpr double kTiny = 1e-6;
  const auto args = Arguments()
                        .table(p, "p")
                        .experts(p, "p")
                        .table(out, p.rows, p.cols, "out")
                        .span(scratch.size(), 2 * p.cols, "scratch");
  if (!args.ok()) return args.status();
  const auto sum = scratch.subspan(0, p.cols);
  const auto row = scratch.subspan(p.cols, p.cols);
  std::fill(sum.begin(), sum.end(), kTiny);
  for (std::size_t t = 0; t < p.rows; ++t) {
    std::copy_n(p.row(t).begin(), p.cols, row.begin());
    std::fill_n(out.row(t).begin(), p.cols, 0.0);
    std::ptrdiff_t at = next_largest(row, -1);
    for (std::size_t i = 0; i < k && at >= 0; ++i, at = next_largest(row, at)) {
      const auto j = static_cast<std::size_t>(at);
      out.at(t, j) = row[j];
      sum[j] += row[j];
    }
  }
  for (std::size_t t = 0; t < p.rows; ++t)
    for (std::size_t j = 0; j < p.cols; ++j) out.at(t, j) *= capacity / sum[j];
  return {};
}

}  // namespace swy::moe
