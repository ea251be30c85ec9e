// Stage 4: combine weights of the experts selected for one token, plain.
//
// Formulas (s: scores, S: selected): raw w = s; renorm w = s / sum_S s, the sum with eps added, or
// clamped from below, or as it is; softmax_selected w = softmax of s over S; sigmoid w of s; one
// w = 1; all times scale. Softmax, then top-k, then renorm is a softmax over the selected logits
// (Job::selected_only): k exponentials instead of cols.
// Cost: k. A sum of 0 gives weights of 0.
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

// value[i] = from[expert[i]], padded with `pad`.
void gather(const float* from, const std::int32_t* expert, std::size_t n, float pad, float* value) {
  for (std::size_t i = 0; i < n; ++i) value[i] = from[expert[i]];
  std::fill(value + n, value + padded(n), pad);
}

void softmax_over(const Job& job, const float* from, const std::int32_t* expert, std::size_t n,
                  float* value) {
  gather(from, expert, n, -kInf, value);
  // Selected by logits, the first is the largest.
  const float first = value[0];
  job.kernels.softmax(value, n, job.on_logits ? &first : nullptr, value);
}

void renormalise(const Spec& spec, std::size_t n, float* value) {
  if (spec.k == 1 && !spec.renorm_single) return;
  const float sum = eps_applied(spec, sum16(value, n));
  for (std::size_t i = 0; i < n; ++i) value[i] = sum != 0 ? value[i] / sum : 0.0F;
}

}  // namespace

void weigh_row(const Job& job, const Row& row, const std::int32_t* expert, std::size_t n,
               float* weight) {
  const Spec& spec = job.spec;
  float* value = row.value;
  if (n == 0) return;
  if (job.selected_only) {
    softmax_over(job, row.logit, expert, n, value);
  } else if (spec.weigh == Weigh::kSoftmaxSelected) {
    softmax_over(job, row.score, expert, n, value);
  } else if (spec.weigh == Weigh::kOne) {
    std::fill(value, value + n, 1.0F);
  } else {
    gather(row.score, expert, n, 0, value);
    if (spec.weigh == Weigh::kRenorm) renormalise(spec, n, value);
    if (spec.weigh == Weigh::kSigmoid) job.kernels.sigmoid(value, n, value);
  }
  for (std::size_t i = 0; i < n; ++i) weight[i] = value[i] * spec.scale;
}

}  // namespace swy::moe::detail
