// assign(): stages 1, 2 and 4 per token, then the cap over the batch, then the counts.
//
// Cost: O(rows * cols) plus the rule's own. Source: the observation that every published rule is a
// choice in five stages. Test: assign_test.cc (semantics, bad input), golden_test.cc (fixtures),
// properties_test.cc.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "moe/detail/check.h"
#include "moe/detail/number.h"
#include "moe/detail/stages.h"
#include "moe/detail/update.h"
#include "switchyard/moe.h"

namespace swy::moe {
namespace {

struct Memory {
  detail::Row row;
  detail::Block block;
  float* adjust = nullptr;
  detail::ChoiceMemory choice;
  detail::CapMemory cap;
};

Memory take_memory(detail::Scratch& scratch, const Spec& spec, Shape shape) {
  Memory m;
  m.row = detail::take_row(scratch, shape.experts);
  m.block = detail::take_block(scratch, spec, shape);
  m.adjust = scratch.take<float>(shape.experts + detail::kLanes);
  if (spec.select == Select::kExpertChoice)
    m.choice = detail::take_choice(scratch, shape.tokens, shape.experts);
  m.cap = detail::take_cap(scratch, spec, shape);
  return m;
}

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

bool reads_scores(const Spec& spec) {
  return spec.select != Select::kHash || spec.weigh != Weigh::kOne;
}

void assign_row(const detail::Job& job, std::size_t token, const Memory& m, Assignment& out) {
  if (!detail::token_is_live(job.ctx, token)) return;
  std::int32_t* expert = out.expert.data() + token * out.kmax;
  float* weight = out.weight.data() + token * out.kmax;
  detail::Row row = m.row;
  if (reads_scores(job.spec)) out.nan_scores += detail::transform_row(job, token, row);
  if (m.cap.priority != nullptr)
    m.cap.priority[token] = *std::max_element(row.score, row.score + job.scores.cols);
  const std::size_t n = detail::select_row(job, token, row, expert);
  detail::weigh_row(job, row, expert, n, weight);
  if (job.spec.random_second && job.ctx.training) drop_second(job.ctx, token, n, expert, weight);
}

bool all_live(const Ctx& ctx, std::size_t begin, std::size_t end) {
  for (std::size_t t = begin; t < end && !ctx.token_live.empty(); ++t) {
    if (ctx.token_live[t] == 0) return false;
  }
  return true;
}

// Of fewer rows a block costs more than the rows.
constexpr std::size_t kFewest = 4;

void assign_rows(const detail::Job& job, const Memory& m, Assignment& out) {
  const bool blocks = m.block.logit != nullptr && job.kernels.topk_rows != nullptr;
  const std::size_t rows = job.scores.rows;
  for (std::size_t t = 0; t < rows;) {
    const std::size_t end = std::min(t + detail::kBlock, rows);
    if (blocks && end - t >= kFewest && all_live(job.ctx, t, end)) {
      out.nan_scores += detail::assign_block(job, t, end, m.block, m.row, out);
      t = end;
    }
    for (; t < end; ++t) assign_row(job, t, m, out);
  }
}

void count(const Assignment& a, std::size_t rows, std::span<std::uint32_t> counts) {
  if (counts.empty()) return;
  for (const std::int32_t e : a.expert.first(rows * a.kmax)) {
    if (e >= 0) ++counts[static_cast<std::size_t>(e)];
  }
}

void clear(const Assignment& out, std::size_t rows, std::size_t experts) {
  const std::size_t entries = rows * out.kmax;
  std::fill_n(out.expert.begin(), entries, -1);
  std::fill_n(out.weight.begin(), entries, 0.0F);
  if (!out.slot.empty()) std::fill_n(out.slot.begin(), entries, 0U);
  if (!out.demand.empty()) std::fill_n(out.demand.begin(), experts, 0U);
  if (!out.kept.empty()) std::fill_n(out.kept.begin(), experts, 0U);
}

Status check(const detail::Job& job, const Assignment& out, std::span<std::byte> workspace) {
  const Shape shape{job.scores.rows, job.scores.cols, out.kmax};
  if (const Status s = detail::check_spec(job.spec, shape.experts); !s.ok()) return s;
  if (const Status s = detail::check_inputs(job, reads_scores(job.spec)); !s.ok()) return s;
  if (const Status s = detail::check_assignment(out, shape.tokens, shape.experts); !s.ok())
    return s;
  if (out.kmax < detail::row_width(job.spec, shape.experts))
    return {Code::kBadShape, "assignment.kmax"};
  if (workspace.size() < workspace_bytes(job.spec, shape)) return {Code::kTooShort, "workspace"};
  return {};
}

}  // namespace

Status assign(const Spec& spec, const Scores& scores, const Ctx& ctx, const State& state,
              Assignment& out, std::span<std::byte> workspace) noexcept {
  detail::Job job = detail::make_job(spec, scores, ctx, state);
  out.nan_scores = 0;
  if (const Status s = check(job, out, workspace); !s.ok()) return s;
  detail::Scratch scratch(workspace);
  const Memory memory = take_memory(scratch, spec, {scores.rows, scores.cols, out.kmax});
  clear(out, scores.rows, scores.cols);
  detail::make_adjust(job, memory.adjust);
  if (spec.select == Select::kExpertChoice) {
    detail::each_sequence(job, [&](std::size_t begin, std::size_t end) {
      detail::choose_by_expert(job, begin, end, memory.row, memory.choice, out);
    });
  } else {
    assign_rows(job, memory, out);
    count(out, scores.rows, out.demand);
  }
  if (spec.cap == Cap::kNone && out.slot.empty()) {
    // Nothing is dropped: what was wanted is kept.
    if (out.demand.empty() || spec.select == Select::kExpertChoice) {
      count(out, scores.rows, out.kept);
    } else if (!out.kept.empty()) {
      std::copy_n(out.demand.begin(), scores.cols, out.kept.begin());
    }
    return {};
  }
  detail::each_sequence(job, [&](std::size_t begin, std::size_t end) {
    detail::apply_cap(job, begin, end, memory.cap, out);
  });
  return {};
}

std::size_t workspace_bytes(const Spec& spec, Shape shape) noexcept {
  detail::Scratch assigning = detail::Scratch::count();
  (void)take_memory(assigning, spec, shape);
  detail::Scratch updating = detail::Scratch::count();
  (void)detail::take_update(updating, spec, shape);
  return std::max(assigning.bytes(), updating.bytes());
}

}  // namespace swy::moe
