// backward(): gradient of the combine weights with respect to the logits.
//
// Formulas (g = dL/dw on the kept entries S, a = scale, w the weights as assigned):
//   softmax, renormalised; softmax over the selected of logits   dz_i = w_i (g_i - sum_S g w / a),
//     0 elsewhere.
//   softmax, not renormalised   dz_j = a p_j (g^_j - sum_S g p) for every live j; g^ = g on S, else
//   0. sigmoid, normalised         ds_i = (a g_i - sum_S g w) / t, dz_i = ds_i s_i (1 - s_i), t the
//   sum
//     that was divided by.
//   The rest by the chain rule: weights back to scores, scores back to logits.
// eps that is added counts as constant; a sum below its clamp as well. Selection, caps, bias and
// prices have no gradient; dropped and masked experts get none, except through the full softmax or
// a norm, which every live expert is part of.
// Cost: one transform per token; cols writes. When it loses: recomputes the scores instead of
// keeping them. Source: derived; checked against central differences in double.
// Deviation: at z = 0 the derivative of ReLU is 0. Test: backward_test.cc, golden_test.cc (K_grad).
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "moe/detail/check.h"
#include "moe/detail/number.h"
#include "moe/detail/stages.h"
#include "switchyard/moe.h"

namespace swy::moe {
namespace {

// One token: its entries, their upstream gradients, and the row of dz that is being made.
struct Entry {
  const std::int32_t* expert;
  const float* weight;
  const float* g;
  std::size_t n;
  float* d;
};

template <class F>
void each_kept(const Entry& e, F f) {
  for (std::size_t i = 0; i < e.n; ++i) {
    if (e.expert[i] >= 0) f(static_cast<std::size_t>(e.expert[i]), e.weight[i], e.g[i]);
  }
}

float sum_gw(const Entry& e) {
  float sum = 0;
  each_kept(e, [&](std::size_t, float w, float g) { sum += g * w; });
  return sum;
}

void softmax_over_kept(const Spec& spec, const Entry& e) {
  const float mean = sum_gw(e) / spec.scale;
  each_kept(e, [&](std::size_t j, float w, float g) { e.d[j] = w * (g - mean); });
}

void renorm_to_scores(const Spec& spec, const float* score, const Entry& e) {
  float sum = 0;
  std::size_t best = 0;
  float heaviest = 0;
  each_kept(e, [&](std::size_t j, float w, float) {
    sum += score[j];
    if (std::fabs(w) > std::fabs(heaviest)) {
      heaviest = w;
      best = j;
    }
  });
  if (heaviest == 0) return;
  const float t = spec.scale * score[best] / heaviest;  // what the scores were divided by
  const bool clamped = spec.eps_kind == EpsKind::kClamp && sum < spec.eps;
  const float mean = clamped ? 0.0F : sum_gw(e);
  each_kept(e, [&](std::size_t j, float, float g) { e.d[j] = (spec.scale * g - mean) / t; });
}

// dL/dscore on the kept experts.
void weights_to_scores(const Spec& spec, const float* score, const Entry& e) {
  const bool renorm = spec.weigh == Weigh::kRenorm && (spec.k > 1 || spec.renorm_single);
  if (renorm) return renorm_to_scores(spec, score, e);
  switch (spec.weigh) {
    case Weigh::kSoftmaxSelected:
      return softmax_over_kept(spec, e);
    case Weigh::kSigmoid:
      return each_kept(e, [&](std::size_t j, float, float g) {
        const float s = detail::sigmoid_f32(score[j]);
        e.d[j] = spec.scale * g * s * (1 - s);
      });
    case Weigh::kOne:
      return;
    default:
      return each_kept(e, [&](std::size_t j, float, float g) { e.d[j] = spec.scale * g; });
  }
}

void through_softmax(const float* p, std::size_t n, float* d) {
  float mean = 0;
  for (std::size_t j = 0; j < n; ++j) mean += d[j] * p[j];
  for (std::size_t j = 0; j < n; ++j) d[j] = p[j] * (d[j] - mean);
}

void through_relu_rms(const detail::Job& job, const float* z, std::size_t n, float* d) {
  double squares = 0;
  double da = 0;
  const auto gain = [&](std::size_t j) {
    return job.ctx.gain.empty() ? 1.0 : static_cast<double>(job.ctx.gain[j]);
  };
  for (std::size_t j = 0; j < n; ++j) {
    const double a = z[j] > 0 ? static_cast<double>(z[j]) : 0.0;
    squares += a * a;
    da += gain(j) * static_cast<double>(d[j]) * a;
  }
  const double count = static_cast<double>(n);
  const double r = 1 / std::sqrt(squares / count + static_cast<double>(job.spec.norm_eps));
  for (std::size_t j = 0; j < n; ++j) {
    const double a = static_cast<double>(z[j]);
    const double x = r * gain(j) * static_cast<double>(d[j]) - r * r * r * a / count * da;
    d[j] = z[j] > 0 && std::isfinite(x) ? static_cast<float>(x) : 0.0F;
  }
}

void through_l2_relu(const detail::Job& job, const float* z, std::size_t n, float* d) {
  double squares = 0;
  double dz = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (z[j] == -detail::kInf) continue;
    const auto x = static_cast<double>(z[j]);
    squares += x * x;
    if (x <= 0) d[j] = 0;
    dz += static_cast<double>(d[j]) * x;
  }
  const double norm = std::sqrt(squares);
  const double whole = norm + static_cast<double>(job.spec.norm_eps);
  for (std::size_t j = 0; j < n; ++j) {
    if (z[j] == -detail::kInf || norm == 0) {
      d[j] = 0;
      continue;
    }
    d[j] = static_cast<float>(static_cast<double>(d[j]) / whole -
                              static_cast<double>(z[j]) / (norm * whole * whole) * dz);
  }
}

void scores_to_logits(const detail::Job& job, const detail::Row& row, float* d) {
  const std::size_t n = job.scores.cols;
  const float* s = row.score;
  switch (job.spec.transform) {
    case Transform::kSoftmax:
      return through_softmax(s, n, d);
    case Transform::kSigmoid:
      for (std::size_t j = 0; j < n; ++j) d[j] *= s[j] * (1 - s[j]);
      return;
    case Transform::kSqrtSoftplus:
      for (std::size_t j = 0; j < n; ++j)
        d[j] = s[j] > 0 ? d[j] * detail::sigmoid_f32(row.logit[j]) / (2 * s[j]) : 0.0F;
      return;
    case Transform::kRelu:
      for (std::size_t j = 0; j < n; ++j) d[j] = row.logit[j] > 0 ? d[j] : 0.0F;
      return;
    case Transform::kReluRms:
      return through_relu_rms(job, row.logit, n, d);
    case Transform::kL2Relu:
      return through_l2_relu(job, row.logit, n, d);
    case Transform::kIdentity:
    case Transform::kCosine:
      return;
  }
}

void backward_row(const detail::Job& job, std::size_t token, const detail::Row& row,
                  const Entry& e) {
  const Spec& spec = job.spec;
  const bool clamps =
      spec.eps_kind == EpsKind::kClamp && spec.eps * static_cast<float>(job.scores.cols) >= 1;
  if (spec.transform == Transform::kSoftmax && spec.weigh == Weigh::kRenorm && !clamps &&
      (spec.k > 1 || spec.renorm_single))
    return softmax_over_kept(spec, e);
  detail::score_token(job, token, row);
  weights_to_scores(spec, row.score, e);
  scores_to_logits(job, row, e.d);
}

Status check(const detail::Job& job, const Assignment& done, std::span<const float> dw,
             std::span<float> dz, std::span<std::byte> workspace) {
  const Shape shape{job.scores.rows, job.scores.cols, done.kmax};
  if (const Status s = detail::check_spec(job.spec, shape.experts); !s.ok()) return s;
  if (job.spec.transform == Transform::kCosine) return {Code::kUnsupported, "spec.transform"};
  if (job.spec.scale == 0) return {Code::kBadSpec, "spec.scale"};
  if (const Status s = detail::check_inputs(job, true); !s.ok()) return s;
  if (const Status s = detail::check_assignment(done, shape.tokens, shape.experts); !s.ok())
    return s;
  if (dw.size() < std::size_t{shape.tokens} * shape.kmax) return {Code::kTooShort, "dw"};
  if (dz.size() < std::size_t{shape.tokens} * shape.experts) return {Code::kTooShort, "dz"};
  if (workspace.size() < workspace_bytes(job.spec, shape)) return {Code::kTooShort, "workspace"};
  for (std::size_t i = 0; i < std::size_t{shape.tokens} * shape.kmax; ++i) {
    if (done.expert[i] >= 0 && static_cast<std::uint32_t>(done.expert[i]) >= shape.experts)
      return {Code::kBadShape, "assignment.expert"};
  }
  return {};
}

}  // namespace

Status backward(const Spec& spec, const Scores& scores, const Ctx& ctx, const Assignment& done,
                std::span<const float> dw, std::span<float> dz,
                std::span<std::byte> workspace) noexcept {
  const State none;
  const detail::Job job = detail::make_job(spec, scores, ctx, none);
  if (const Status s = check(job, done, dw, dz, workspace); !s.ok()) return s;
  detail::Scratch scratch(workspace);
  const detail::Row row = detail::take_row(scratch, scores.cols);
  for (std::size_t t = 0; t < scores.rows; ++t) {
    float* d = dz.data() + t * scores.cols;
    std::fill_n(d, scores.cols, 0.0F);
    if (!detail::token_is_live(ctx, t)) continue;
    const std::size_t at = t * done.kmax;
    backward_row(job, t, row,
                 {done.expert.data() + at, done.weight.data() + at, dw.data() + at, done.kmax, d});
  }
  return {};
}

}  // namespace swy::moe
