// The scalar truth of stages 1 to 4. Threading: pure functions on the caller's memory. Every faster
// version must give the same bits (kernels_test.cc).
#pragma once

#include <cstddef>
#include <cstdint>

#include "moe/detail/kernels.h"
#include "moe/detail/scratch.h"
#include "switchyard/moe.h"

namespace swy::moe::detail {

inline constexpr std::size_t kMaxGroups = 256;

// What a call does, without its result, and what follows from that for every token.
struct Job {
  const Spec& spec;
  const Scores& scores;
  const Ctx& ctx;
  const State& state;
  const Kernels& kernels;
  bool on_logits = false;         // selection compares logits (moe.h, "Monotone")
  bool selected_only = false;     // only the selected need exponentials (weigh.cc)
  const float* adjust = nullptr;  // padded cols: bias - lambda * cost; null: neither
};
// The parts above `adjust`.
Job make_job(const Spec& spec, const Scores& scores, const Ctx& ctx, const State& state);
// Fills job.adjust where there is a bias or a price. `memory`: padded cols.
void make_adjust(Job& job, float* memory);

// Memory for one token: arrays of `cols`, padded to kLanes (kernels.h).
struct Row {
  float* logit = nullptr;          // -inf: dead, or the router said so; NaN replaced
  float* score = nullptr;          // unbiased; 0 where logit is -inf
  float* key = nullptr;            // what selection compares; -inf: never
  float* value = nullptr;          // scratch of selection and weights
  std::uint32_t* index = nullptr;  // scratch of selection
};
Row take_row(Scratch& scratch, std::size_t cols);

// Memory for kBlock tokens that are selected together (Kernels::topk_rows); null where the Spec or
// the shape does not do that.
struct Block {
  std::size_t stride = 0;
  float* logit = nullptr;          // kBlock x stride; after score_block() the keys
  float* score = nullptr;          // kBlock x stride
  std::int32_t* expert = nullptr;  // place x kBlock
  float* value = nullptr;
};
Block take_block(Scratch& scratch, const Spec& spec, Shape shape);
Block take_rows(Scratch& scratch, std::size_t cols);
// Selects and weighs the tokens [first, end), at most kBlock, all live. Returns the NaNs met.
std::uint64_t assign_block(const Job& job, std::size_t first, std::size_t end, const Block& block,
                           const Row& row, Assignment& out);

// The scores of one token alone, whatever selection needs.
void score_token(const Job& job, std::size_t token, const Row& row);
// Stage 1 in its two steps: padded logits (returns the NaNs met), and scores.
std::uint64_t load_row(const Job& job, std::size_t token, float* logit);
void score_row(const Job& job, const float* logit, std::size_t n, float* score);
// From block.logit the scores of the first rows, and the keys, adjusted (null: not).
void score_block(const Job& job, const Block& block, std::size_t rows, const float* adjust);
// Both, and keys. Returns the NaNs met. May let row.key be row.logit.
std::uint64_t transform_row(const Job& job, std::size_t token, Row& row);

// Stage 2 for the rules that need no other token: writes the experts (at most row_width), returns
// how many. row.key may be overwritten.
std::size_t select_row(const Job& job, std::size_t token, const Row& row, std::int32_t* expert);

// Group-limited top-k: keys of groups that are left out become -inf, or 0 (mask_with_zero).
void limit_groups(const Job& job, float* key, std::size_t cols);

// Stage 4: weights of `n` selected experts.
void weigh_row(const Job& job, const Row& row, const std::int32_t* expert, std::size_t n,
               float* weight);

// Stages 1, 2 and 4 of expert choice for tokens [begin, end). Adds to demand where there is one.
struct ChoiceMemory {
  float* key = nullptr;           // rows x cols
  float* column = nullptr;        // rows
  float* cut = nullptr;           // cols: an expert's least key taken
  std::uint32_t* ties = nullptr;  // cols: how many equal to the cut are taken
};
ChoiceMemory take_choice(Scratch& scratch, std::size_t rows, std::size_t cols);
void choose_by_expert(const Job& job, std::size_t begin, std::size_t end, const Row& row,
                      const ChoiceMemory& memory, Assignment& out);

// Stage 3 for tokens [begin, end): drops, slots; adds to out.kept where there is one.
struct CapMemory {
  std::uint32_t* capacity = nullptr;  // cols
  std::uint32_t* used = nullptr;      // cols
  std::uint32_t* order = nullptr;     // rows (priority) or rows x kmax (by weight)
  float* priority = nullptr;          // rows: a token's largest score
  float* mass = nullptr;              // rows: the sum of a token's weights before the cap
};
CapMemory take_cap(Scratch& scratch, const Spec& spec, Shape shape);
void apply_cap(const Job& job, std::size_t begin, std::size_t end, const CapMemory& memory,
               Assignment& out);

// Standard normal for (layer, step, token, expert): Box and Muller on two uniforms.
float normal_at(const Ctx& ctx, std::size_t token, std::size_t expert);
// Uniform in [0, 1) for a token's own decisions.
float uniform_at(const Ctx& ctx, std::size_t token);

// Calls f(begin, end) for each sequence, or once for all rows.
template <class F>
void each_sequence(const Job& job, F f) {
  const std::size_t rows = job.scores.rows;
  const auto& first = job.ctx.seq_begin;
  if (!job.spec.per_sequence || first.empty()) {
    f(std::size_t{0}, rows);
    return;
  }
  for (std::size_t s = 0; s < first.size(); ++s) {
    const std::size_t end = s + 1 < first.size() ? first[s + 1] : rows;
    if (first[s] < end) f(std::size_t{first[s]}, end);
  }
}

}  // namespace swy::moe::detail
