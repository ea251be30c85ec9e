// sinkhorn_megatron(): K = exp(z - row max), d1 = 1; repeat d0 = 1/T / (K d1 + 1e-8), d1 = 1/E /
// (K^T d0 + 1e-8) until mean |delta d1| <= tolerance [Megatron-core]. Deviation: Megatron subtracts
// nothing and overflows in fp32 above 88; a row's maximum cancels in the plan except for the 1e-8.
//
// selective_sinkhorn(): a plan on a small random share of training steps instead of a balance loss,
// softmax of noisy logits on the others (2511.08972). Variant of the paper: read in a note and an
// independent re-implementation, not in the primary text.
//
// Cost: as sinkhorn(). Loses: both are training rules; inference is plain top-k of the logits.
// Test: transport/sinkhorn_test.cc.
#include <algorithm>
#include <cmath>

#include "moe/sinkhorn.h"

namespace swy::moe {

Checked<SinkhornOutcome> sinkhorn_megatron(Rows<const double> logits, double tolerance,
                                           std::uint32_t most, std::span<double> scratch,
                                           Rows<double> plan) {
  constexpr double kTiny = 1e-8;
  const std::size_t t = logits.rows;
  const std::size_t e = logits.cols;
  Arguments args;
  args.table(logits, "logits")
      .experts(logits, "logits")
      .table(plan, t, e, "plan")
      .span(scratch.size(), sinkhorn_scratch(t, e), "scratch");
  if (!args.ok()) return args.status();
  if (t == 0) return SinkhornOutcome{};
  const auto d0 = scratch.subspan(0, t);
  const auto d1 = scratch.subspan(t, e);
  const auto sum = scratch.subspan(t + e, e);
  for (std::size_t i = 0; i < t; ++i) {
    const double most_of_row = logits.at(i, best_of(logits.row(i)));
    const double high = std::isinf(most_of_row) && most_of_row < 0 ? 0 : most_of_row;
    for (std::size_t j = 0; j < e; ++j) plan.at(i, j) = std::exp(logits.at(i, j) - high);
  }
  std::fill(d1.begin(), d1.end(), 1.0);
  SinkhornOutcome out;
  do {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t i = 0; i < t; ++i) {
      d0[i] = 1.0 / static_cast<double>(t) / (inner(plan.row(i), d1) + kTiny);
      for (std::size_t j = 0; j < e; ++j) sum[j] += d0[i] * plan.at(i, j);
    }
    out.error = 0;
    for (std::size_t j = 0; j < e; ++j) {
      const double next = 1.0 / static_cast<double>(e) / (sum[j] + kTiny);
      out.error += std::fabs(next - d1[j]) / static_cast<double>(e);
      d1[j] = next;
    }
  } while (++out.iterations < most && out.error > tolerance);
  for (std::size_t i = 0; i < t; ++i)
    for (std::size_t j = 0; j < e; ++j) plan.at(i, j) *= d0[i] * d1[j];
  return out;
}

Checked<bool> selective_sinkhorn(Rows<const double> logits, const SelectiveSinkhorn& rule,
                                 std::uint64_t seed, std::uint64_t step, std::span<double> scratch,
                                 Rows<double> score) {
  const auto args =
      Arguments()
          .table(logits, "logits")
          .experts(logits, "logits")
          .table(score, logits.rows, logits.cols, "score")
          .span(scratch.size(), sinkhorn_scratch(logits.rows, logits.cols), "scratch");
  if (!args.ok()) return args.status();
  base::Rng coin(seed, step, 0);
  if (coin.uniform() >= rule.probability) {
    for (std::size_t i = 0; i < logits.rows; ++i) {
      base::Rng rng(seed, step, i + 1);
      const auto row = score.row(i);
      for (std::size_t j = 0; j < row.size(); ++j)
        row[j] = logits.at(i, j) + rule.noise * normal(rng);
      softmax(row, row);
    }
    return false;
  }
  if (rule.of_softmax) {
    for (std::size_t i = 0; i < logits.rows; ++i) softmax(logits.row(i), score.row(i));
    (void)sinkhorn_log(score, {}, {}, rule.sinkhorn, scratch, score);
  } else {
    (void)sinkhorn_log(logits, {}, {}, rule.sinkhorn, scratch, score);
  }
  return true;
}

Status renormalised_top_k(std::span<const double> row, std::span<std::int32_t> id,
                          std::span<double> weight) {
  const auto args = Arguments().same(weight.size(), id.size(), "weight");
  if (!args.ok()) return args.status();
  const std::size_t found = largest(row, id);
  double sum = 0;
  for (std::size_t i = 0; i < found; ++i) sum += row[static_cast<std::size_t>(id[i])];
  for (std::size_t i = 0; i < id.size(); ++i)
    weight[i] = i < found && sum > 0 ? row[static_cast<std::size_t>(id[i])] / sum : 0.0;
  return {};
}

}  // namespace swy::moe
