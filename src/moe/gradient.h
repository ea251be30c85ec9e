// Gradient estimators: how a router learns through a hard choice.
//
// When to use: straight_through() and SparseMixer for a deterministic or nearly deterministic
// top-k; reinforce() with leave_one_out() where only the loss of a whole sample of choices is known
// (ReMix); the Bernoulli forms for a single gate. Gradients through the kept weights are
// moe::backward's job, not this one's. Threading: pure; randomness from the Rng given.
// Ownership: the caller's memory, no allocation. Precision: double (rows.h).
#pragma once

#include <cstdint>
#include <span>

#include "base/rng.h"
#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

// As if the 0/1 choice were softmax(z): dz_j += p_j (g_j - sum_i g_i p_i), g = d loss / d choice.
Status straight_through(std::span<const double> p, std::span<const double> g, std::span<double> dz);

// One gate b ~ Bernoulli(sigmoid(a)).
double straight_through_bernoulli(double g, double p, bool with_slope);  // g, or g p (1 - p)
double score_function_bernoulli(bool b, double p, double loss, double baseline);
// E[(b-p)^2 L] / E[(b-p)^2]: the baseline of least variance.
double best_baseline_bernoulli(double p, double loss_if_one, double loss_if_zero);

// Noisy rectifier: max(0, a + noise); its slope is g where the output is above 0.
struct NoisyUnit {
  double value = 0, slope = 0;  // output; d output / d a of this draw
};
NoisyUnit noisy_rectifier(double a, double sd, base::Rng& rng);
// Stochastic times smooth: b sqrt(p), b ~ Bernoulli(sqrt(p)), p = sigmoid(a); mean p. The gradient
// passes through the smooth factor alone, and so half of d p / d a on average.
NoisyUnit stochastic_times_smooth(double a, base::Rng& rng);

// --- SparseMixer-v2: one pick at a time.
struct SparseMixerPick {
  std::int32_t expert = -1;
  double probability = 0;  // of the pick, among the experts near the best
  double factor = 1;       // 1, or 1/3 for Heun's midpoint
  [[nodiscard]] double weight() const { return probability * factor; }
};
// p = softmax over the experts within the relative distance 2 eps of the best remaining one, else
// 0. Picks the best, or, with an Rng, samples and draws the factor. taken: experts out already.
// expert -1 where none remains. Wants: p as long as z.
Checked<SparseMixerPick> sparsemixer_pick(std::span<const double> z,
                                          std::span<const std::int32_t> taken, double eps,
                                          base::Rng* training, std::span<double> p);
// dz_j += g * probability * ({j picked} - p_j): the factor stands in the forward value only.
Status sparsemixer_backward(const SparseMixerPick& pick, std::span<const double> p, double g,
                            std::span<double> dz);

// --- Sampling k experts without replacement in order (Plackett-Luce), and learning from losses.
Status sample_in_order(std::span<const double> z, base::Rng& rng, std::span<std::int32_t> id);
// log Q(id in this order); adds scale * d log Q / d z. Wants: distinct ids.
Checked<double> log_probability_in_order(std::span<const double> z,
                                         std::span<const std::int32_t> id, double scale,
                                         std::span<double> dz);
// coefficient_m = (loss_m - mean loss) / (samples - 1): sum_m coefficient_m grad log Q_m estimates
// the gradient of the expected loss without bias. Wants: at least two samples.
Status leave_one_out(std::span<const double> loss, std::span<double> coefficient);

// (sum w)^2 / sum w^2: how many experts a set of weights amounts to.
double effective_number(std::span<const double> w);

}  // namespace swy::moe
