// Rules that change scores before the choice, or the choice itself by hand: mixing over tokens,
// steering, a forced expert.
//
// When to use: between the router's product and moe::assign. Unlike a balancing bias these change
// the weights too. Threading: pure. Ownership: the caller's memory, no allocation. Precision: float
// in and out, sums in double (rows.h).
#pragma once

#include <cstdint>
#include <span>

#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

// out_i = sum_j share_ij score_j with rows of `share` summing to 1 (similarities after softmax, or
// mean attention). out must not be score's memory.
Status mix_scores(Rows<const float> share, Rows<const float> score, Rows<float> out);
// share_ij = softmax_j(<x_i, x_j> / temperature), over j <= i where causal. Wants: share square.
Status similarity_share(Rows<const float> x, double temperature, bool causal, Rows<float> share);

// Soft steering: z_j += lambda * sd(z) for allowed j (sd with n - 1).
Status steer_softly(std::span<const std::uint64_t> allowed, double lambda, std::span<float> z);
// Hard steering: allowed j get max(z) + N(0, 1e-6), so they come first in random order.
Status steer_hard(std::span<const std::uint64_t> allowed, base::Rng& rng, std::span<float> z);

// Post-MoE in training: where `forced` is not among the chosen it replaces the last. Weights are
// p of the chosen, renormalised if asked. Wants: chosen not empty, no -1 in it.
Status force_expert(std::span<const double> p, std::int32_t forced, bool renormalise,
                    std::span<std::int32_t> chosen, std::span<double> weight);

// ES-MoE (one token = one image): logits held to +-30, / temperature, + noise in training, top-k.
// Training: p of the chosen / (sum + 1e-6). Inference: softmax over the chosen.
struct EsMoe {
  double temperature = 1;
  double noise = 1;  // in training; 0 for none
};
Status es_moe_route(std::span<const double> logits, const EsMoe& rule, base::Rng* training,
                    std::span<double> scratch, std::span<std::int32_t> chosen,
                    std::span<double> weight);

// MST-Distill's gate over teachers: softmax, the best k, loss = mean of the chosen teachers'
// losses. Returns that mean.
Checked<double> distill_gate(std::span<const double> logits, std::span<const double> teacher_loss,
                             std::span<std::int32_t> chosen);

// MoFME: the gate's logits of several dropout passes (rows) -> weights. Every mean is scaled by the
// inverse of its variance (n - 1) + 1e-5 and the positive ones are normalised to sum 1; all zero
// or less: even. Wants: two passes.
Status uncertainty_weights(Rows<const double> passes, std::span<double> weight);

}  // namespace swy::moe
