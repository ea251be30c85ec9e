// The scalar truth of stages 1, 2 and 4 for one token. Threading: pure functions on the caller's
// memory. Every faster version must give the same bits (kernels_test.cc).
#pragma once

#include <cstddef>
#include <cstdint>

#include "switchyard/moe.h"

namespace swy::moe::detail {

inline constexpr std::size_t kMaxK = 512;  // larger k: kBadSpec (unless everything is taken)
inline constexpr std::size_t kMaxGroups = 256;

// What a call does, without its result.
struct Job {
  const Spec& spec;
  const Scores& scores;
  const Ctx& ctx;
  const State& state;
};

// Memory for one token: three arrays of `cols`.
struct Row {
  float* logit;  // -inf: dead, or the router said so; NaN replaced
  float* score;  // unbiased; 0 where logit is -inf
  float* key;    // what selection compares; -inf: never
};

// Does selection compare logits (moe.h, "Monotone")?
bool selects_on_logits(const Job& job);
// Is softmax -> select -> divide by the sum the same as a softmax over the selected (identity of
// the specification's part A)? Then only k exponentials are needed.
bool needs_selected_only(const Job& job);

// Stage 1. Returns the NaNs met.
std::uint64_t transform_row(const Job& job, std::size_t token, Row row);

// Stage 2, top-k with an optional group limit. Writes at most k experts, best first; returns how
// many. key may be overwritten.
std::size_t select_topk(const Spec& spec, float* key, std::size_t cols, std::int32_t* expert);

// The k largest of key above -inf, best first, of equals the lower index. `value`: k floats.
std::size_t topk(const float* key, std::size_t n, std::size_t k, std::int32_t* index, float* value);

// Stage 4: weights of `n` selected experts.
void weigh_row(const Job& job, const Row& row, const std::int32_t* expert, std::size_t n,
               float* weight);

// Standard normal for (layer, step, token, expert): Box and Muller on two uniforms.
float normal_at(const Ctx& ctx, std::size_t token, std::size_t expert);
// Uniform in [0, 1) for a token's own decisions.
float uniform_at(const Ctx& ctx, std::size_t token);

}  // namespace swy::moe::detail
