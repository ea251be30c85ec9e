#include "moe/detail/check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

namespace swy::moe::detail {
namespace {

constexpr Status kFine{};

Status bad(const char* what) { return {Code::kBadSpec, what}; }
Status too_short(const char* what) { return {Code::kTooShort, what}; }

Status check_groups(const Spec& spec, std::size_t experts) {
  if (spec.groups <= 1) return kFine;
  if (spec.groups > kMaxGroups || experts % spec.groups != 0) return bad("spec.groups");
  if (spec.groups_kept < 1 || spec.groups_kept > spec.groups) return bad("spec.groups_kept");
  if (spec.group_top < 1 || spec.group_top > 2) return bad("spec.group_top");
  return kFine;
}

}  // namespace

std::size_t row_width(const Spec& spec, std::size_t experts) {
  const std::size_t most = spec.kmax == 0 ? experts : spec.kmax;
  switch (spec.select) {
    case Select::kTopk:
      return std::min<std::size_t>(spec.k, experts);
    case Select::kHash:
      return 1;
    case Select::kDense:
      return experts;
    default:
      return std::min(most, experts);
  }
}

Status check_spec(const Spec& spec, std::size_t experts) {
  if (spec.k < 1) return bad("spec.k");
  if (spec.kmax != 0 && spec.kmax < spec.kmin) return bad("spec.kmin");
  const std::pair<float, const char*> finite[] = {
      {spec.scale, "spec.scale"},
      {spec.noise, "spec.noise"},
      {spec.temperature, "spec.temperature"},
      {spec.capacity_factor, "spec.capacity_factor"},
      {spec.rate, "spec.rate"},
      {spec.hist_low, "spec.hist_low"},
      {spec.hist_high, "spec.hist_high"},
  };
  for (const auto& [value, name] : finite) {
    if (!std::isfinite(value)) return bad(name);
  }
  if (std::isnan(spec.top_p)) return bad("spec.top_p");
  if (std::isnan(spec.threshold)) return bad("spec.threshold");
  if (!(spec.ema >= 0 && spec.ema < 1)) return bad("spec.ema");
  if (!(spec.eps >= 0) || !std::isfinite(spec.eps)) return bad("spec.eps");
  if (!(spec.norm_eps >= 0) || !std::isfinite(spec.norm_eps)) return bad("spec.norm_eps");
  return check_groups(spec, experts);
}

namespace {

Status check_matrix(const Scores& s, const char* name, const char* ld) {
  if (s.ld < s.cols) return {Code::kBadShape, ld};
  if (s.rows == 0) return kFine;
  const std::size_t ahead = s.rows - 1;
  if (ahead > 0 && s.ld > (SIZE_MAX / 8 - s.cols) / ahead) return {Code::kBadShape, ld};
  if (s.data == nullptr || s.size < ahead * s.ld + s.cols) return too_short(name);
  return kFine;
}

Status check_cosine(const Job& job) {
  const Scores& h = job.ctx.hidden;
  if (h.rows < job.scores.rows) return too_short("ctx.hidden");
  if (const Status s = check_matrix(h, "ctx.hidden", "ctx.hidden.ld"); !s.ok()) return s;
  if (job.state.centroid.size() / job.scores.cols < h.cols) return too_short("state.centroid");
  return kFine;
}

Status check_context(const Job& job) {
  const Ctx& c = job.ctx;
  const std::size_t rows = job.scores.rows;
  const std::size_t cols = job.scores.cols;
  const std::tuple<std::size_t, std::size_t, const char*> spans[] = {
      {c.token_live.size(), rows, "ctx.token_live"},
      {c.expert_live.size(), (cols + 63) / 64, "ctx.expert_live"},
      {c.capacity.size(), cols, "ctx.capacity"},
      {c.cost.size(), cols, "ctx.cost"},
      {c.noise_sd.size() / cols, rows, "ctx.noise_sd"},
      {c.gain.size(), cols, "ctx.gain"},
      {job.state.bias.size(), cols, "state.bias"},
  };
  for (const auto& [have, need, name] : spans) {
    if (have != 0 && have < need) return too_short(name);
  }
  if (!c.noise_sd.empty() && c.noise_sd.size() / cols < rows) return too_short("ctx.noise_sd");
  if (job.spec.select == Select::kHash && c.token_id.size() < rows)
    return too_short("ctx.token_id");
  for (std::size_t i = 0; i < c.seq_begin.size(); ++i) {
    const std::uint32_t before = i == 0 ? 0 : c.seq_begin[i - 1];
    if (c.seq_begin[i] < before || c.seq_begin[i] > rows || (i == 0 && c.seq_begin[0] != 0))
      return {Code::kBadShape, "ctx.seq_begin"};
  }
  return kFine;
}

}  // namespace

Status check_inputs(const Job& job, bool reads_scores) {
  const Scores& s = job.scores;
  if (s.cols == 0 || s.cols > INT32_MAX) return {Code::kBadShape, "scores.cols"};
  if (const Status c = check_context(job); !c.ok()) return c;
  if (!reads_scores) return kFine;
  if (job.spec.transform == Transform::kCosine) return check_cosine(job);
  return check_matrix(s, "scores", "scores.ld");
}

Status check_assignment(const Assignment& a, std::size_t rows, std::size_t experts) {
  const std::size_t entries = rows * a.kmax;
  if (a.expert.size() < entries) return too_short("assignment.expert");
  if (a.weight.size() < entries) return too_short("assignment.weight");
  if (!a.slot.empty() && a.slot.size() < entries) return too_short("assignment.slot");
  if (!a.demand.empty() && a.demand.size() < experts) return too_short("assignment.demand");
  if (!a.kept.empty() && a.kept.size() < experts) return too_short("assignment.kept");
  return kFine;
}

}  // namespace swy::moe::detail
