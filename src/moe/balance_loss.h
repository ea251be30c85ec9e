// Balance losses: what makes a router spread its tokens, as values with gradients.
//
// When to use: training a router; each is added with its own small coefficient. `chosen` is one row
// of experts per token, -1 where there is none (padding tokens: rows of -1, left out of the mean).
// Counts are constants: no gradient passes through a choice. Gradients are added to what stands in
// `grad`, times `scale`; an absent grad (null data, empty span) means the value only.
// Threading: pure. Ownership: the caller's memory, no allocation. Precision: double (rows.h).
#pragma once

#include <cstdint>
#include <span>

#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

// One layer of a batch.
struct BalanceLayer {
  Rows<const double> p;             // probabilities, tokens x experts
  Rows<const std::int32_t> chosen;  // tokens x (at least k); the first k columns count
  Rows<double> grad;                // d loss / d p, or absent
};

// experts * sum_j (share of the choices that took j) * (mean of p_j), over all layers together.
// One layer: Switch's loss, with k = 1 GShard's (first choices only). All layers that share a pool
// of experts: UniPool's loss. Wants: scratch of 2 * experts; equal expert numbers.
Checked<double> balance_loss(std::span<const BalanceLayer> layers, std::size_t k, double scale,
                             std::span<double> scratch);

// The same per sequence, averaged over the sequences (DeepSeek-V3's sequence-wise loss on
// normalised sigmoids). begin = the first token of each sequence, then the number of tokens.
Checked<double> sequence_balance_loss(const BalanceLayer& layer,
                                      std::span<const std::uint32_t> begin, std::size_t k,
                                      double scale, std::span<double> scratch);

enum class Variance : std::uint8_t { kPopulation, kSample };  // over n; over n - 1 (Tutel's code)

// (standard deviation / mean)^2; of importances or loads. 0 where all are 0.
Checked<double> cv_squared(std::span<const double> x, Variance variance, double scale,
                           std::span<double> grad);

// mean over tokens of (log sum exp of the logits)^2.
Checked<double> z_loss(Rows<const double> logits, double scale, Rows<double> grad);

// Kullback-Leibler divergence of the mean row from the uniform one (MST-Distill's balance).
// Wants: scratch of `experts`.
Checked<double> kl_to_uniform(Rows<const double> p, double scale, std::span<double> scratch,
                              Rows<double> grad);

// One token of noisy top-k: load[j] = the probability that j would be chosen if its noise were
// drawn again, Phi((clean - k-th largest noisy one beside j) / sd). Wants: 0 < k < experts,
// finite logits, sd > 0.
Status noisy_load(std::span<const double> clean, std::span<const double> noisy,
                  std::span<const double> sd, std::size_t k, std::span<double> load);
struct NoisyLoadGradient {
  std::span<double> clean, noisy, sd;  // each may be empty
};
// Adds sum_j dload[j] * d load[j]. The thresholds are entries of `noisy` and get their share.
Status noisy_load_backward(std::span<const double> clean, std::span<const double> noisy,
                           std::span<const double> sd, std::size_t k, std::span<const double> dload,
                           const NoisyLoadGradient& grad);

}  // namespace swy::moe
