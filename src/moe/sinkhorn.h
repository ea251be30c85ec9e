// Sinkhorn: the balanced soft assignment nearest to the scores, and the routers built on it.
//
// When to use: whole batches in training, soft batch plans (round them with slot_auction()). The
// plan couples all tokens; no gradient passes through it. sinkhorn_log() is the truth, for any
// temperature; sinkhorn() is the same in float on the SIMD kernels, for score ranges up to 80 * xi;
// sinkhorn_megatron() and selective_sinkhorn() are published routers.
// Threading: pure. Ownership: plan and scratch are the caller's; nothing is allocated.
#pragma once

#include <cstdint>
#include <span>

#include "math/kernels.h"
#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

struct SinkhornOptions {
  double xi = 1;             // small: near the hard assignment, many iterations
  double tolerance = 1e-6;   // on the worst column
  std::uint32_t most = 100;  // iterations
};

struct SinkhornOutcome {
  std::uint32_t iterations = 0;
  double error = 0;  // worst column; rows are exact
};

constexpr std::size_t sinkhorn_scratch(std::size_t tokens, std::size_t experts) {
  return tokens + 3 * experts;
}

// plan = argmax <plan, score> - xi <plan, log plan> with these row and column sums. Empty masses
// are 1 per token and tokens / experts per expert. A token of mass 0 (padding) gets a row of zeros.
// plan may be score's memory. Wants: scratch as above; finite scores.
Checked<SinkhornOutcome> sinkhorn_log(Rows<const double> score, std::span<const double> row_mass,
                                      std::span<const double> col_mass,
                                      const SinkhornOptions& options, std::span<double> scratch,
                                      Rows<double> plan);
Checked<SinkhornOutcome> sinkhorn(const math::Kernels& kernels, Rows<const float> score,
                                  std::span<const float> row_mass, std::span<const float> col_mass,
                                  const SinkhornOptions& options, std::span<float> scratch,
                                  Rows<float> plan);

// Megatron-core's: exp(logits) scaled to rows 1 / tokens and columns 1 / experts, until the column
// factors move by at most `tolerance` in the mean. Then top-k of the plan chooses, and the weights
// are sigmoid(z) for k = 1, else softmax(z) at the chosen. error = the last mean move.
Checked<SinkhornOutcome> sinkhorn_megatron(Rows<const double> logits, double tolerance,
                                           std::uint32_t most, std::span<double> scratch,
                                           Rows<double> plan);

struct SelectiveSinkhorn {
  double probability = 0.01;  // of a Sinkhorn step; published .001 to .01
  double noise = 0.1;         // sd of the normal noise of the other steps; published .1 to 4
  bool of_softmax = false;    // the plan's scores are softmax(logits) in place of the logits
  SinkhornOptions sinkhorn;   // published xi .5 to 1, 20 to 100 iterations, tolerance 1e-4
};

// One training step of Selective Sinkhorn Routing: `score` = the plan with the given probability,
// else softmax of noisy logits. Choose with renormalised_top_k(). Randomness: (seed, step).
// Returns whether this was a Sinkhorn step.
Checked<bool> selective_sinkhorn(Rows<const double> logits, const SelectiveSinkhorn& rule,
                                 std::uint64_t seed, std::uint64_t step, std::span<double> scratch,
                                 Rows<double> score);

// The k = id.size() largest of a row, weights summing to 1: of all rows with k entries the nearest
// to this one (Kullback-Leibler). Missing choices are -1 with weight 0.
Status renormalised_top_k(std::span<const double> row, std::span<std::int32_t> id,
                          std::span<double> weight);

}  // namespace swy::moe
