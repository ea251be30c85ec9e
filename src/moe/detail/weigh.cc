// Stage 4: combine weights of the experts selected for one token, plain.
//
// Formulas (s: scores, S: selected): raw w = s; renorm w = s / sum_S s, the sum with eps added, or
// clamped from below, or as it is; softmax_selected w = softmax of s over S; sigmoid w of s; one
// w = 1; all times scale. Softmax, then top-k, then renorm is a softmax over the selected logits
// (needs_selected_only): k exponentials instead of cols.
// Cost: k. Sums run in the order selected. A sum of 0 gives weights of 0.
// Sources: code of Hugging Face transformers, Tutel, Megatron-core, llama.cpp (preset.cc).
// Test: golden_test.cc, properties_test.cc.
#include <algorithm>
#include <cmath>

#include "moe/detail/number.h"
#include "moe/detail/stages.h"

namespace swy::moe::detail {
namespace {

float eps_applied(const Spec& spec, float sum) {
  switch (spec.eps_kind) {
    case EpsKind::kNone:
      return sum;
    case EpsKind::kAdd:
      return sum + spec.eps;
    case EpsKind::kClamp:
      return std::max(sum, spec.eps);
  }
  return sum;
}

void softmax_over(const float* value, const std::int32_t* expert, std::size_t n, float scale,
                  float* weight) {
  float max = -kInf;
  for (std::size_t i = 0; i < n; ++i) max = std::max(max, value[expert[i]]);
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    weight[i] = exp_below(value[expert[i]], max);
    sum += weight[i];
  }
  for (std::size_t i = 0; i < n; ++i) weight[i] = weight[i] / sum * scale;
}

void renormalise(const Spec& spec, const float* score, const std::int32_t* expert, std::size_t n,
                 float* weight) {
  if (spec.k == 1 && !spec.renorm_single) {
    for (std::size_t i = 0; i < n; ++i) weight[i] = score[expert[i]] * spec.scale;
    return;
  }
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += score[expert[i]];
  sum = eps_applied(spec, sum);
  for (std::size_t i = 0; i < n; ++i)
    weight[i] = sum != 0 ? score[expert[i]] / sum * spec.scale : 0.0F;
}

}  // namespace

void weigh_row(const Job& job, const Row& row, const std::int32_t* expert, std::size_t n,
               float* weight) {
  const Spec& spec = job.spec;
  if (n == 0) return;
  if (needs_selected_only(job)) return softmax_over(row.logit, expert, n, spec.scale, weight);
  switch (spec.weigh) {
    case Weigh::kRaw:
      for (std::size_t i = 0; i < n; ++i) weight[i] = row.score[expert[i]] * spec.scale;
      return;
    case Weigh::kRenorm:
      return renormalise(spec, row.score, expert, n, weight);
    case Weigh::kSoftmaxSelected:
      return softmax_over(row.score, expert, n, spec.scale, weight);
    case Weigh::kSigmoid:
      for (std::size_t i = 0; i < n; ++i)
        weight[i] = sigmoid_f32(row.score[expert[i]]) * spec.scale;
      return;
    case Weigh::kOne:
      return std::fill(weight, weight + n, spec.scale);
  }
}

}  // namespace swy::moe::detail
