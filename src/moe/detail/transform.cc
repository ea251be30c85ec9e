// Stage 1: logits -> scores and selection keys of one token, plain.
//
// Formulas (z: logits, s: scores, b: bias, c: cost):
//   identity s = z; softmax s = exp(z - max) / sum; sigmoid s = 1 / (1 + exp(-z));
//   sqrt_softplus s = sqrt(log(1 + exp(z))); relu s = max(z, 0);
//   relu_rms s = gain relu(z) / sqrt(mean relu(z)^2 + eps); l2_relu s = relu(z / (|z| + eps));
//   cosine s = temperature <h, m> / (|h| |m|).
//   key = s + (b - lambda c), or z where that keeps the order (Job::on_logits).
// A dead expert is not there: a softmax or a norm runs over the living (the mean of relu_rms still
// divides by all). +inf takes all of a softmax or norm, several share it.
// Cost: cols exponentials (none with Job::selected_only). When it loses: sqrt_softplus and cosine
// are not vectorised. Sums of squares run in double, so nothing overflows.
// Sources: arXiv 1701.06538 (noise, from memory), 2507.08771 (relu_rms, code), 2605.06665 (l2_relu,
// code), 2206.03382 (cosine, code of Tutel); llama.cpp (sqrt_softplus).
// Test: assign_test.cc, golden_test.cc, properties_test.cc.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/rng.h"
#include "moe/detail/number.h"
#include "moe/detail/stages.h"

namespace swy::moe::detail {
namespace {

base::Rng key_of(const Ctx& ctx, std::uint64_t token, std::uint64_t expert) {
  base::Rng call(ctx.seed, ctx.layer, ctx.step);
  return base::Rng(call.next(), token, expert);
}

double dot(const Scores& h, std::size_t token, const float* m) {
  double sum = 0;
  for (std::size_t i = 0; i < h.cols; ++i)
    sum += static_cast<double>(score_at(h, token * h.ld + i)) * static_cast<double>(m[i]);
  return sum;
}

float cosine_at(const Job& job, std::size_t token, std::size_t expert) {
  const Scores& h = job.ctx.hidden;
  const float* m = job.state.centroid.data() + expert * h.cols;
  double hh = 0;
  double mm = 0;
  for (std::size_t i = 0; i < h.cols; ++i) {
    const auto x = static_cast<double>(score_at(h, token * h.ld + i));
    hh += x * x;
    mm += static_cast<double>(m[i]) * static_cast<double>(m[i]);
  }
  if (!(hh > 0) || !(mm > 0)) return 0;
  return job.spec.temperature *
         static_cast<float>(dot(h, token, m) / (std::sqrt(hh) * std::sqrt(mm)));
}

float logit_at(const Job& job, std::size_t token, std::size_t expert) {
  if (job.spec.transform == Transform::kCosine) return cosine_at(job, token, expert);
  return score_at(job.scores, token * job.scores.ld + expert);
}

// Logits one by one: for dead experts, noise and cosine.
std::uint64_t load_slowly(const Job& job, std::size_t token, float* logit) {
  const std::size_t n = job.scores.cols;
  const float noise = job.ctx.training ? job.spec.noise : 0;
  std::uint64_t nans = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (!expert_is_live(job.ctx, j)) {
      logit[j] = -kInf;
      continue;
    }
    float z = logit_at(job, token, j);
    if (std::isnan(z)) {
      z = kLowest;
      ++nans;
    }
    if (noise != 0 && z > kLowest && z < kInf) {
      const float sd = job.ctx.noise_sd.empty() ? 1.0F : job.ctx.noise_sd[token * n + j];
      z += noise * sd * normal_at(job.ctx, token, j);
      if (std::isnan(z)) z = kLowest;  // a NaN deviation
    }
    logit[j] = z;
  }
  std::fill(logit + n, logit + padded(n), -kInf);
  return nans;
}

float sqrt_softplus(float z) {
  return std::sqrt(std::max(z, 0.0F) + std::log1p(exp_f32(-std::fabs(z))));
}

template <class F>
void each_score(const float* z, std::size_t n, float* s, F f) {
  for (std::size_t j = 0; j < n; ++j) s[j] = z[j] == -kInf ? 0.0F : f(z[j]);
}

// z[j] / (norm) for positive z[j], else 0; with infinities in the row they share all.
template <class F>
void normed_relu(const float* z, std::size_t n, bool positive_only, float* s, F norm_of) {
  double squares = 0;
  std::size_t infinite = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (z[j] == -kInf || (positive_only && z[j] <= 0)) continue;
    if (z[j] == kInf) ++infinite;
    squares += static_cast<double>(z[j]) * static_cast<double>(z[j]);
  }
  if (infinite > 0) squares = static_cast<double>(infinite);
  const double norm = norm_of(squares);
  for (std::size_t j = 0; j < n; ++j) {
    double a = z[j] > 0 ? static_cast<double>(z[j]) : 0.0;
    if (infinite > 0) a = z[j] == kInf ? 1.0 : 0.0;
    s[j] = a > 0 ? static_cast<float>(a / norm) : 0.0F;
  }
}

void relu_rms_row(const Job& job, const float* z, std::size_t n, float* s) {
  normed_relu(z, n, true, s, [&](double squares) {
    return std::sqrt(squares / static_cast<double>(n) + static_cast<double>(job.spec.norm_eps));
  });
  for (std::size_t j = 0; j < n && !job.ctx.gain.empty(); ++j) s[j] *= job.ctx.gain[j];
}

void l2_relu_row(const Job& job, const float* z, std::size_t n, float* s) {
  normed_relu(z, n, false, s, [&](double squares) {
    return std::sqrt(squares) + static_cast<double>(job.spec.norm_eps);
  });
}

// Does selection compare logits (moe.h, "Monotone")?
bool selects_on_logits(const Job& job) {
  const bool monotone = job.spec.transform == Transform::kSoftmax ||
                        job.spec.transform == Transform::kSigmoid ||
                        job.spec.transform == Transform::kSqrtSoftplus;
  return monotone && job.spec.select == Select::kTopk && job.spec.groups <= 1 &&
         job.state.bias.empty() && (job.ctx.cost.empty() || job.ctx.lambda == 0);
}

// Is softmax -> select -> divide by the sum the same as a softmax over the selected (identity of
// the specification's part A)? Then only k exponentials are needed.
bool needs_selected_only(const Job& job) {
  // The largest p of a row is at least 1 / cols: a smaller eps changes no bit of the sum.
  const bool eps_idle = job.spec.eps_kind == EpsKind::kNone ||
                        job.spec.eps * static_cast<float>(job.scores.cols) < 0x1.0p-26F;
  return selects_on_logits(job) && job.spec.transform == Transform::kSoftmax &&
         job.spec.weigh == Weigh::kRenorm && eps_idle &&
         (job.spec.k > 1 || job.spec.renorm_single) && job.spec.cap != Cap::kBatchPriority;
}

}  // namespace

std::uint64_t load_row(const Job& job, std::size_t token, float* logit) {
  const bool plain = job.ctx.expert_live.empty() && job.spec.transform != Transform::kCosine &&
                     (job.spec.noise == 0 || !job.ctx.training);
  return plain ? job.kernels.load(job.scores, token, logit) : load_slowly(job, token, logit);
}

void score_row(const Job& job, const float* z, std::size_t n, float* s) {
  switch (job.spec.transform) {
    case Transform::kIdentity:
    case Transform::kCosine:
      return each_score(z, n, s, [](float v) { return v; });
    case Transform::kSoftmax:
      return job.kernels.softmax(z, n, nullptr, s);
    case Transform::kSigmoid:
      return job.kernels.sigmoid(z, n, s);
    case Transform::kSqrtSoftplus:
      return each_score(z, n, s, sqrt_softplus);
    case Transform::kRelu:
      return each_score(z, n, s, [](float v) { return v > 0 ? v : 0.0F; });
    case Transform::kReluRms:
      return relu_rms_row(job, z, n, s);
    case Transform::kL2Relu:
      return l2_relu_row(job, z, n, s);
  }
}

Row take_row(Scratch& scratch, std::size_t cols) {
  Row row;
  // Selection stores whole vectors past the last survivor.
  const std::size_t n = padded(cols) + kLanes;
  row.logit = scratch.take<float>(n);
  row.score = scratch.take<float>(n);
  row.key = scratch.take<float>(n);
  row.value = scratch.take<float>(n);
  row.index = scratch.take<std::uint32_t>(n);
  return row;
}

Job make_job(const Spec& spec, const Scores& scores, const Ctx& ctx, const State& state) {
  Job job{spec, scores, ctx, state, ctx.kernels != nullptr ? *ctx.kernels : best_kernels()};
  job.on_logits = selects_on_logits(job);
  job.selected_only = needs_selected_only(job);
  return job;
}

void make_adjust(Job& job, float* memory) {
  const bool priced = !job.ctx.cost.empty() && job.ctx.lambda != 0;
  if (job.state.bias.empty() && !priced) return;
  for (std::size_t j = 0; j < job.scores.cols; ++j) {
    memory[j] = job.state.bias.empty() ? 0.0F : job.state.bias[j];
    if (priced) memory[j] -= job.ctx.lambda * job.ctx.cost[j];
  }
  std::fill(memory + job.scores.cols, memory + padded(job.scores.cols), 0.0F);
  job.adjust = memory;
}

void score_token(const Job& job, std::size_t token, const Row& row) {
  (void)load_row(job, token, row.logit);
  score_row(job, row.logit, job.scores.cols, row.score);
}

std::uint64_t transform_row(const Job& job, std::size_t token, Row& row) {
  const std::size_t n = job.scores.cols;
  const std::uint64_t nans = load_row(job, token, row.logit);
  if (!job.selected_only) score_row(job, row.logit, n, row.score);
  if (job.on_logits) {
    row.key = row.logit;
    return nans;
  }
  job.kernels.keys(row.score, row.logit, job.adjust, n, row.key);
  return nans;
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
