// Stages 1 (transform), 2 (top-k) and 4 (weigh) for one token, plain.
//
// Formulas (z: logits, s: scores, b: bias, c: cost, S: selected):
//   identity s = z; softmax s = exp(z - max) / sum; sigmoid s = 1 / (1 + exp(-z));
//   sqrt_softplus s = sqrt(log(1 + exp(z))).
//   key = s + b - lambda c, or z where that keeps the order (selects_on_logits).
//   Group limit (DeepSeek-V2 / V3): a group's score is the sum of its best 1 or 2 keys; the best
//   groups_kept groups stay, the rest is -inf or, as Hugging Face has it, 0.0.
//   raw w = s; renorm w = s / sum_S s; softmax_selected w = softmax over S; sigmoid; one; all times
//   scale.
// Cost: cols exponentials (k with needs_selected_only), cols + k^2 compares by insertion.
// When it loses: k near cols, where a sort would be cheaper; nobody routes like that.
// Sources: arXiv 1701.06538 (noisy top-k, from memory), 2006.16668 (second expert at random, from
// memory), code of Hugging Face transformers, Megatron-core, llama.cpp as named in preset.cc.
// Test: assign_test.cc, golden_test.cc.
#include "moe/detail/stages.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/rng.h"
#include "moe/detail/number.h"

namespace swy::moe::detail {
namespace {

base::Rng key_of(const Ctx& ctx, std::uint64_t token, std::uint64_t expert) {
  base::Rng call(ctx.seed, ctx.layer, ctx.step);
  return base::Rng(call.next(), token, expert);
}

std::uint64_t load_row(const Job& job, std::size_t token, float* logit) {
  const Scores& s = job.scores;
  const float noise = job.ctx.training ? job.spec.noise : 0;
  std::uint64_t nans = 0;
  for (std::size_t j = 0; j < s.cols; ++j) {
    if (!expert_is_live(job.ctx, j)) {
      logit[j] = -kInf;
      continue;
    }
    float z = score_at(s, token * s.ld + j);
    if (std::isnan(z)) {
      z = kLowest;
      ++nans;
    }
    if (noise != 0 && z > kLowest && z < kInf) {
      const float sd = job.ctx.noise_sd.empty() ? 1.0F : job.ctx.noise_sd[token * s.cols + j];
      z += noise * sd * normal_at(job.ctx, token, j);
    }
    logit[j] = z;
  }
  return nans;
}

void softmax_row(const float* z, std::size_t n, float* p) {
  const float max = *std::max_element(z, z + n);
  if (max == -kInf) return std::fill(p, p + n, 0.0F);
  for (std::size_t j = 0; j < n; ++j) p[j] = exp_below(z[j], max);
  const float sum = sum16(p, n);
  for (std::size_t j = 0; j < n; ++j) p[j] /= sum;
}

float sqrt_softplus(float z) {
  return std::sqrt(std::max(z, 0.0F) + std::log1p(exp_f32(-std::fabs(z))));
}

template <class F>
void each_score(const float* z, std::size_t n, float* s, F f) {
  for (std::size_t j = 0; j < n; ++j) s[j] = z[j] == -kInf ? 0.0F : f(z[j]);
}

void score_row(Transform transform, const float* z, std::size_t n, float* s) {
  switch (transform) {
    case Transform::kIdentity:
      return each_score(z, n, s, [](float v) { return v; });
    case Transform::kSoftmax:
      return softmax_row(z, n, s);
    case Transform::kSigmoid:
      return each_score(z, n, s, sigmoid_f32);
    case Transform::kSqrtSoftplus:
      return each_score(z, n, s, sqrt_softplus);
  }
}

// Sum of the best `top` keys above -inf of each group; -inf where there is none.
float group_score(const float* key, std::size_t n, std::size_t top) {
  float first = -kInf;
  float second = -kInf;
  for (std::size_t j = 0; j < n; ++j) {
    if (key[j] > first) {
      second = first;
      first = key[j];
    } else if (key[j] > second) {
      second = key[j];
    }
  }
  return top == 2 && second > -kInf ? first + second : first;
}

// A group is kept when fewer than `kept` others come before it. groups^2 compares, no memory.
void limit_groups(const Spec& spec, float* key, std::size_t cols) {
  const std::size_t size = cols / spec.groups;
  float score[kMaxGroups];  // checked by check_spec
  for (std::size_t g = 0; g < spec.groups; ++g)
    score[g] = group_score(key + g * size, size, spec.group_top);
  for (std::size_t g = 0; g < spec.groups; ++g) {
    std::size_t before = 0;
    for (std::size_t h = 0; h < spec.groups; ++h)
      before += score[h] > score[g] || (score[h] == score[g] && h < g) ? 1 : 0;
    if (before < spec.groups_kept) continue;
    for (std::size_t j = g * size; j < (g + 1) * size; ++j)
      key[j] = spec.mask_with_zero && key[j] > -kInf ? 0.0F : -kInf;
  }
}

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

bool selects_on_logits(const Job& job) {
  return job.spec.transform != Transform::kIdentity && job.spec.select == Select::kTopk &&
         job.spec.groups <= 1 && job.state.bias.empty() &&
         (job.ctx.cost.empty() || job.ctx.lambda == 0);
}

bool needs_selected_only(const Job& job) {
  // The largest p of a row is at least 1 / cols: a smaller eps changes no bit of the sum.
  const bool eps_idle = job.spec.eps_kind == EpsKind::kNone ||
                        job.spec.eps * static_cast<float>(job.scores.cols) < 0x1.0p-26F;
  return selects_on_logits(job) && job.spec.transform == Transform::kSoftmax &&
         job.spec.weigh == Weigh::kRenorm && eps_idle && (job.spec.k > 1 || job.spec.renorm_single);
}

std::uint64_t transform_row(const Job& job, std::size_t token, Row row) {
  const std::size_t n = job.scores.cols;
  const std::uint64_t nans = load_row(job, token, row.logit);
  if (needs_selected_only(job)) {
    std::copy_n(row.logit, n, row.key);
    return nans;
  }
  score_row(job.spec.transform, row.logit, n, row.score);
  if (selects_on_logits(job)) {
    std::copy_n(row.logit, n, row.key);
    return nans;
  }
  const bool priced = !job.ctx.cost.empty() && job.ctx.lambda != 0;
  for (std::size_t j = 0; j < n; ++j) {
    float key = row.score[j];
    if (!job.state.bias.empty()) key += job.state.bias[j];
    if (priced) key -= job.ctx.lambda * job.ctx.cost[j];
    if (std::isnan(key)) key = kLowest;  // a NaN bias, or infinities that meet
    row.key[j] = row.logit[j] == -kInf ? -kInf : key;
  }
  return nans;
}

std::size_t topk(const float* key, std::size_t n, std::size_t k, std::int32_t* index,
                 float* value) {
  std::size_t have = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const float v = key[j];
    if (!(v > (have < k ? -kInf : value[k - 1]))) continue;
    std::size_t at = have < k ? have++ : k - 1;
    for (; at > 0 && v > value[at - 1]; --at) {
      value[at] = value[at - 1];
      index[at] = index[at - 1];
    }
    value[at] = v;
    index[at] = static_cast<std::int32_t>(j);
  }
  return have;
}

std::size_t select_topk(const Spec& spec, float* key, std::size_t cols, std::int32_t* expert) {
  if (spec.groups > 1) limit_groups(spec, key, cols);
  const std::size_t k = std::min<std::size_t>(spec.k, cols);
  float value[kMaxK];
  return topk(key, cols, k, expert, value);
}

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

float normal_at(const Ctx& ctx, std::size_t token, std::size_t expert) {
  base::Rng rng = key_of(ctx, token, expert);
  const double u = 1.0 - rng.uniform();  // in (0, 1]
  const double angle = 2 * std::numbers::pi * rng.uniform();
  return static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(angle));
}

float uniform_at(const Ctx& ctx, std::size_t token) {
  return static_cast<float>(key_of(ctx, token, ~std::uint64_t{0}).uniform());
}

}  // namespace swy::moe::detail
