#include "moe/batch.h"

#include "moe/detail/check.h"

namespace swy::moe {

std::uint32_t entries_per_token(const Spec& spec, std::uint32_t experts) {
  return static_cast<std::uint32_t>(detail::row_width(spec, experts));
}

Status Batch::assign(const Spec& spec, const Scores& scores, const Ctx& ctx, const State& state) {
  shape_ = {scores.rows, scores.cols, entries_per_token(spec, scores.cols)};
  const std::size_t entries = std::size_t{shape_.tokens} * shape_.kmax;
  expert_.resize(entries);
  weight_.resize(entries);
  slot_.resize(entries);
  demand_.resize(shape_.experts);
  kept_.resize(shape_.experts);
  workspace_.resize(workspace_bytes(spec, shape_));
  out_ = {shape_.kmax, expert_, weight_, slot_, demand_, kept_, 0};
  return moe::assign(spec, scores, ctx, state, out_, workspace_);
}

Status Batch::update(const Spec& spec, const Scores& scores, const Ctx& ctx, State& state) {
  return moe::update(spec, scores, ctx, out_, state, workspace_);
}

StateMemory::StateMemory(const Spec& spec, std::uint32_t experts)
    : bias(spec.update == Update::kNone ? 0 : experts),
      hist(spec.update == Update::kHistQuantile || spec.update == Update::kColumnQuantile
               ? std::size_t{experts} * kBins
               : 0) {}

}  // namespace swy::moe
