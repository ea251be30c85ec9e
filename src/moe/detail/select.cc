// Stage 2: which experts one token takes, plain.
//
// Rules: top-k; group limit (DeepSeek-V2 / V3): a group's score is the sum of its best 1 or 2 keys,
// the best groups_kept groups stay, the rest is -inf or, as Hugging Face has it, 0.0; top-p: the
// shortest prefix of falling keys whose scores sum past p, with the expert that crosses (Dynamic
// MoE; ">=" is UniMoE-Audio's count); threshold: key > t, at least kmin; hash: token id -> expert
// by table or by UniPool's formula; dense: all. Cost: top-k n + k^2 by insertion up to k = 32, n +
// k log n by heap beyond; top-p n + kept log n; threshold n + kept log kept. When it loses:
// insertion on rising rows (every element enters); the UniPool hash is periodic in the position for
// power-of-two n: for parity, not for use. Sources: code of transformers (groups), arXiv 2403.07652
// (top-p, code), 2510.13344 (code), 2507.08771 (threshold 0, code), 2106.04426 (hash, from memory),
// 2605.06665 (formula, code). Deviations: p >= 1, or sums that never cross for rounding, keep every
// expert, as the reference. Test: golden_test.cc, properties_test.cc.
#include <algorithm>

#include "moe/detail/check.h"
#include "moe/detail/number.h"
#include "moe/detail/stages.h"

namespace swy::moe::detail {
namespace {

// Sum of the best `top` keys above -inf of each group; -inf where there is none.
float group_score(const Kernels& kernels, const float* key, std::size_t n, std::size_t top) {
  float two[2];
  kernels.best_two(key, n, two);
  return top == 2 && two[1] > -kInf ? two[0] + two[1] : two[0];
}

std::size_t select_topp(const Job& job, const Row& row, std::int32_t* expert) {
  const Spec& spec = job.spec;
  const std::size_t most = row_width(spec, job.scores.cols);
  std::size_t have = heap_of(row.key, job.scores.cols, -kInf, row.index);
  double mass = 0;
  std::size_t n = 0;
  while (have > 0 && n < most) {
    const std::int32_t e = pop(row.key, row.index, have);
    mass += static_cast<double>(row.score[e]);
    const auto p = static_cast<double>(spec.top_p);
    const bool crossed = spec.past_top_p ? mass > p : mass >= p;
    if (crossed && !spec.keep_crossing && n >= spec.kmin) break;
    expert[n++] = e;
    if (crossed && n >= spec.kmin) break;
  }
  return n;
}

std::size_t select_threshold(const Job& job, const Row& row, std::int32_t* expert) {
  const std::size_t most = row_width(job.spec, job.scores.cols);
  // Only the kmin best may come from below the threshold.
  const float bound = job.spec.kmin > 0 ? -kInf : job.spec.threshold;
  std::size_t have = heap_of(row.key, job.scores.cols, bound, row.index);
  std::size_t n = 0;
  while (have > 0 && n < most) {
    const std::int32_t e = pop(row.key, row.index, have);
    if (!(row.key[e] > job.spec.threshold) && n >= job.spec.kmin) break;
    expert[n++] = e;
  }
  return n;
}

std::size_t select_dense(const Row& row, std::size_t cols, std::int32_t* expert) {
  std::size_t n = 0;
  for (std::size_t j = 0; j < cols; ++j) {
    if (row.key[j] > -kInf) expert[n++] = static_cast<std::int32_t>(j);
  }
  return n;
}

std::size_t select_hash(const Job& job, std::size_t token, std::int32_t* expert) {
  const std::uint32_t id = job.ctx.token_id[token];
  const std::size_t cols = job.scores.cols;
  std::size_t e = cols;
  if (!job.ctx.hash_table.empty()) {
    if (id < job.ctx.hash_table.size()) e = static_cast<std::size_t>(job.ctx.hash_table[id]);
  } else {
    const std::uint64_t h =
        job.ctx.layer * 2654435761U + std::uint64_t{id} * 2246822519U + job.ctx.seed * 1103515245U;
    e = (h & 0xFFFFFFFFU) % cols;
  }
  if (e >= cols || !expert_is_live(job.ctx, e)) return 0;  // an id without a place goes nowhere
  expert[0] = static_cast<std::int32_t>(e);
  return 1;
}

}  // namespace

// A group is kept when fewer than `kept` others come before it. groups^2 compares, no memory.
void limit_groups(const Job& job, float* key, std::size_t cols) {
  const Spec& spec = job.spec;
  const std::size_t size = cols / spec.groups;
  float score[kMaxGroups];  // checked by check_spec
  for (std::size_t g = 0; g < spec.groups; ++g)
    score[g] = group_score(job.kernels, key + g * size, size, spec.group_top);
  for (std::size_t g = 0; g < spec.groups; ++g) {
    std::size_t before = 0;
    for (std::size_t h = 0; h < spec.groups; ++h)
      before += score[h] > score[g] || (score[h] == score[g] && h < g) ? 1 : 0;
    if (before < spec.groups_kept) continue;
    for (std::size_t j = g * size; j < (g + 1) * size; ++j)
      key[j] = spec.mask_with_zero && key[j] > -kInf ? 0.0F : -kInf;
  }
}

std::size_t select_row(const Job& job, std::size_t token, const Row& row, std::int32_t* expert) {
  const std::size_t cols = job.scores.cols;
  switch (job.spec.select) {
    case Select::kTopk:
      if (job.spec.groups > 1) limit_groups(job, row.key, cols);
      return job.kernels.topk(row.key, cols, std::min<std::size_t>(job.spec.k, cols), expert,
                              row.index, row.value);
    case Select::kTopp:
      return select_topp(job, row, expert);
    case Select::kThreshold:
      return select_threshold(job, row, expert);
    case Select::kHash:
      return select_hash(job, token, expert);
    case Select::kDense:
      return select_dense(row, cols, expert);
    case Select::kExpertChoice:
      return 0;  // choose_by_expert
  }
  return 0;
}

}  // namespace swy::moe::detail
