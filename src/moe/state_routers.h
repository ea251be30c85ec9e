// Routers that carry something from step to step: a recurrent state over layers, a residual over
// hops, centroids over batches.
//
// When to use: each function makes one step's scores (choose with moe::assign or largest()) or
// moves the state afterwards; the caller keeps the state. Threading: pure on the caller's memory.
// Ownership: nothing is kept or allocated. Precision: float in and out, sums in double (rows.h).
#pragma once

#include <cstdint>
#include <span>

#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

// --- RMoE: a gated recurrent cell over the layers, per token.
struct GruWeights {  // input rows x input, recurrent rows x state; biases may be empty
  Rows<const float> ir, iz, in, hr, hz, hn;
  std::span<const float> bir, biz, bin, bhr, bhz, bhn;
};
// state <- cell(x, state). Wants: next as long as state, not the same memory.
Status gru_step(const GruWeights& w, std::span<const float> x, std::span<const float> state,
                std::span<float> next);
// out = matrix * x: the projections before and after the cell.
Status project(Rows<const float> matrix, std::span<const float> x, std::span<float> out);

// --- Chain-of-Experts: x <- x + sum_i weight_i * expert_i(x). `outputs` holds the chosen experts'
// outputs in the order of `weight`.
Status chain_step(std::span<const double> weight, Rows<const float> outputs, std::span<float> x);

// --- Hops of one mixture layer that stop early: whether |delta| / |h| < threshold.
Checked<bool> halts(std::span<const float> h, std::span<const float> delta, double threshold);

// --- Online K-means: Transform::kCosine scores tokens against State::centroid (so does ST-MoE's
// router, on a projection); these move the centroids afterwards.
// centroid_j <- (1 - rate) centroid_j + rate * mean of the tokens with j among their choices; one
// without tokens stays. Wants: scratch of experts * (dims + 1).
Status kmeans_update(Rows<const float> x, Rows<const std::int32_t> chosen, double rate,
                     std::span<double> scratch, Rows<float> centroids);
// Puts centroids that had no token on the tokens farthest from their own centroid, best first.
// `load` per expert; returns how many moved.
Checked<std::size_t> reseed_idle(Rows<const float> x, Rows<const std::int32_t> chosen,
                                 std::span<const std::uint32_t> load, Rows<float> centroids);

// --- AdaptDHM: one soft clustering step, centres kept at length 1: c_j = normalise(keep * c_j +
// (1 - keep) * sum_t softmax_j(x_t . c) x_t). Wants: scratch of clusters * (dims + 1).
Status cluster_step(Rows<const float> x, double keep, std::span<double> scratch,
                    Rows<float> centres);
// The cluster of a token: the largest x . c.
Checked<std::size_t> cluster_of(std::span<const float> x, Rows<const float> centres);

}  // namespace swy::moe
