// Losses of scores of models that were compared on the same question, with their slopes.
//
// When to use: inside this folder; known answers in preference_losses_test.cc. Threading: pure.
// Ownership: none. `y`: the models' outcomes, NaN where not observed; slopes are added to.
#pragma once

#include <span>
#include <vector>

namespace swy::route {

// Cross entropy of sigma(z) and an outcome y in 0..1; slope by z.
struct LossAt {
  double loss, slope;
};
LossAt cross_entropy(double z, double y);

// Bradley-Terry: mean over pairs of -log sigma(s_a - s_b), half of each where they did equally well
// (3.3, 5.9). 0 with fewer than two observations.
double bradley_terry_loss(std::span<const float> y, std::span<const float> s,
                          std::span<float> slope);

// Four results of a against b (P2L's "bag"): strengths e^a and e^b against each other and against
// an answer that is good enough (1); theta = e^eta + 1.000001.
struct BagChances {
  double win, lose, bad, tie;
};
BagChances bag_chances(double a, double b, double eta);
// Mean over pairs of -log of what happened; equal outcomes below 1/2 are `bad`. s and slope have
// one more number than y: eta.
double bag_loss(std::span<const float> y, std::span<const float> s, std::span<float> slope);

// Zooter's target: softmax of beta * reward + (1 - beta) * the tag's reward. NaN: not observed.
void distillation_target(std::span<const float> reward, std::span<const float> tag, double beta,
                         std::span<float> target);
// The same shared out in proportion, not by softmax: 0 where the model was wrong. All NaN where
// nobody was right: such a row says nothing.
void share_target(std::span<const float> reward, std::span<const float> tag, double beta,
                  std::span<float> target);
struct GateTerms {
  std::span<const float> cost = {};  // by model
  double cost_weight = 0;            // of the expected cost
  double top = 0;                    // of the cross-entropy of the likeliest targets
};
// KL(target || p) + cost_weight * sum p cost + top * mean over the highest targets of -log p, p =
// softmax(s) over the models with a target.
double gate_loss(std::span<const float> target, const GateTerms& terms, std::span<const float> s,
                 std::span<float> slope);

// REINFORCE with an entropy bonus: the slope of -(advantage * log p[action] + bonus * H(p)) by the
// scores whose softmax is p; 0 where p is.
void reinforce(std::span<const double> p, std::size_t action, double advantage, double bonus,
               std::span<double> slope);

// HybridLLM: chance that a sample of the small model is at least one of the large model less
// `slack`, over all pairs.
double chance_at_least(std::span<const double> small, std::span<const double> large, double slack);
// Mean |y_i - y_j| over all ordered pairs.
double mean_difference(std::vector<double> y);
// The slack at which the labels [gap >= -slack] differ most; of equals the least. gap = small -
// large.
double most_telling_slack(std::span<const double> gaps);

}  // namespace swy::route
