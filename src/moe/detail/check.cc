#include "moe/detail/check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

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
  return std::min<std::size_t>(spec.k, experts);
}

Status check_spec(const Spec& spec, std::size_t experts) {
  if (spec.k < 1 || spec.k > kMaxK) return bad("spec.k");
  if (!std::isfinite(spec.scale)) return bad("spec.scale");
  if (!std::isfinite(spec.eps) || spec.eps < 0) return bad("spec.eps");
  if (!std::isfinite(spec.noise)) return bad("spec.noise");
  return check_groups(spec, experts);
}

Status check_inputs(const Job& job) {
  const Scores& s = job.scores;
  if (s.cols == 0 || s.cols > INT32_MAX) return {Code::kBadShape, "scores.cols"};
  if (s.ld < s.cols) return {Code::kBadShape, "scores.ld"};
  if (s.rows > 0) {
    const std::size_t ahead = s.rows - 1;
    if (ahead > 0 && s.ld > (SIZE_MAX - s.cols) / ahead) return {Code::kBadShape, "scores.ld"};
    if (s.data == nullptr || s.size < ahead * s.ld + s.cols) return too_short("scores");
  }
  const Ctx& c = job.ctx;
  if (!c.token_live.empty() && c.token_live.size() < s.rows) return too_short("ctx.token_live");
  if (!c.expert_live.empty() && c.expert_live.size() < (s.cols + std::size_t{63}) / 64)
    return too_short("ctx.expert_live");
  if (!c.cost.empty() && c.cost.size() < s.cols) return too_short("ctx.cost");
  if (!c.noise_sd.empty() && c.noise_sd.size() / s.cols < s.rows) return too_short("ctx.noise_sd");
  if (!job.state.bias.empty() && job.state.bias.size() < s.cols) return too_short("state.bias");
  return kFine;
}

Status check_assignment(const Assignment& a, std::size_t rows, std::size_t experts) {
  const std::size_t entries = rows * a.kmax;
  if (a.expert.size() < entries) return too_short("assignment.expert");
  if (a.weight.size() < entries) return too_short("assignment.weight");
  if (!a.demand.empty() && a.demand.size() < experts) return too_short("assignment.demand");
  if (!a.kept.empty() && a.kept.size() < experts) return too_short("assignment.kept");
  return kFine;
}

}  // namespace swy::moe::detail
