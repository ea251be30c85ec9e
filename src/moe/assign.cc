// assign(): stages 1, 2 and 4 per token, in order, then the counts.
//
// Cost: O(rows * cols). Source: the specification's observation that every rule is five stages.
// Test: assign_test.cc (semantics, bad input), golden_test.cc (fixtures).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "moe/detail/check.h"
#include "moe/detail/number.h"
#include "moe/detail/stages.h"
#include "switchyard/moe.h"

namespace swy::moe {
namespace {

constexpr std::size_t kAlign = 64;  // a cache line, and the widest vector

std::size_t row_stride(std::size_t cols) {
  return (cols + detail::kLanes - 1) / detail::kLanes * detail::kLanes;
}

// Arrays of floats taken from the caller's scratch. REQUIRES: workspace_bytes() of it.
class Scratch {
 public:
  explicit Scratch(std::span<std::byte> ws) : at_(ws.data()) {
    const auto past = reinterpret_cast<std::uintptr_t>(at_) % kAlign;
    if (past != 0) at_ += kAlign - past;
  }
  float* floats(std::size_t n) {
    auto* p = reinterpret_cast<float*>(at_);
    at_ += row_stride(n) * sizeof(float);
    return p;
  }

 private:
  std::byte* at_;
};

// The second choice stays with probability min(1, 2 w2 / (w1 + w2)) (GShard).
void drop_second(const Ctx& ctx, std::size_t token, std::size_t n, std::int32_t* expert,
                 float* weight) {
  if (n < 2) return;
  const float sum = weight[0] + weight[1];
  const float chance = sum > 0 ? 2 * weight[1] / sum : 0.0F;
  if (detail::uniform_at(ctx, token) < chance) return;
  expert[1] = -1;
  weight[1] = 0;
}

void assign_row(const detail::Job& job, std::size_t token, detail::Row row, Assignment& out) {
  std::int32_t* expert = out.expert.data() + token * out.kmax;
  float* weight = out.weight.data() + token * out.kmax;
  std::size_t n = 0;
  if (detail::token_is_live(job.ctx, token)) {
    out.nan_scores += detail::transform_row(job, token, row);
    n = detail::select_topk(job.spec, row.key, job.scores.cols, expert);
    detail::weigh_row(job, row, expert, n, weight);
    if (job.spec.random_second && job.ctx.training) drop_second(job.ctx, token, n, expert, weight);
  }
  std::fill(expert + n, expert + out.kmax, -1);
  std::fill(weight + n, weight + out.kmax, 0.0F);
}

void count(const Assignment& a, std::size_t rows, std::size_t experts,
           std::span<std::uint32_t> counts) {
  if (counts.empty()) return;
  std::fill_n(counts.begin(), experts, 0U);
  for (std::size_t i = 0; i < rows * a.kmax; ++i) {
    if (a.expert[i] >= 0) ++counts[static_cast<std::size_t>(a.expert[i])];
  }
}

}  // namespace

std::size_t workspace_bytes(const Spec& /*spec*/, Shape shape) noexcept {
  return 3 * row_stride(shape.experts) * sizeof(float) + kAlign;
}

Status assign(const Spec& spec, const Scores& scores, const Ctx& ctx, const State& state,
              Assignment& out, std::span<std::byte> workspace) noexcept {
  const detail::Job job{spec, scores, ctx, state};
  out.nan_scores = 0;
  if (const Status s = detail::check_spec(spec, scores.cols); !s.ok()) return s;
  if (const Status s = detail::check_inputs(job); !s.ok()) return s;
  if (const Status s = detail::check_assignment(out, scores.rows, scores.cols); !s.ok()) return s;
  if (out.kmax < detail::row_width(spec, scores.cols)) return {Code::kBadShape, "assignment.kmax"};
  if (workspace.size() < workspace_bytes(spec, {scores.rows, scores.cols, out.kmax}))
    return {Code::kTooShort, "workspace"};
  Scratch scratch(workspace);
  const detail::Row row{scratch.floats(scores.cols), scratch.floats(scores.cols),
                        scratch.floats(scores.cols)};
  for (std::size_t t = 0; t < scores.rows; ++t) assign_row(job, t, row, out);
  count(out, scores.rows, scores.cols, out.demand);
  count(out, scores.rows, scores.cols, out.kept);
  return {};
}

}  // namespace swy::moe
