// Losses on what a router says about experts, tokens and layers: entropy, ERC, RoMA, budget.
//
// When to use: training a router beside its task loss. Gradients are added to `grad` times `scale`;
// an absent grad means the value only. Threading: pure. Ownership: the caller's memory, no
// allocation. Precision: double (rows.h).
#pragma once

#include <span>

#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

// Tsallis entropy (1 - sum p^q) / (q - 1); Shannon's -sum p log p for q within 1e-6 of 1.
double entropy(std::span<const double> p, double q = 1);
// The largest it can be over n outcomes.
double most_entropy(std::size_t n, double q = 1);
// Adds scale * d entropy / d p. Wants: p > 0 for q <= 1.
Status entropy_backward(std::span<const double> p, double q, double scale, std::span<double> grad);

// mean over tokens of the entropy of a row (DynMoLE's and Dynamic-MoE's regulariser).
Checked<double> mean_entropy(Rows<const double> p, double q, double scale, Rows<double> grad);
// Entropy of the mean row: large where the batch covers all experts (MAGNET's first stage).
// Wants: scratch of 2 * experts.
Checked<double> entropy_of_mean(Rows<const double> p, double q, double scale,
                                std::span<double> scratch, Rows<double> grad);
// mean over layers of (entropy of row l - log k)^2: UniPool's lock towards k experts a layer.
Checked<double> entropy_lock(Rows<const double> p, std::size_t k, double scale, Rows<double> grad);

// (mean of p_big - target)^2: Duo-LLM's budget.
Checked<double> budget_loss(std::span<const double> p_big, double target, double scale,
                            std::span<double> grad);

// Expert-router coupling over the activation norms m[i][j] of proxy token i in expert j: a proxy
// must excite its own expert most. m is square; alpha = 1 (small models), .5 (large ones).
Checked<double> erc_loss(Rows<const double> m, double alpha, double scale, Rows<double> grad);
// How far the proxy of row i may be moved without meeting another row: half the distance to the
// nearest one over |row i|; proxies are row i times uniform(1 - eps, 1 + eps). Wants: two rows.
Checked<double> erc_radius(Rows<const double> router, std::size_t i);

// RoMA: sum_j w_j / sum(w) * |r - neighbour j|^2. The neighbours are successful samples near this
// one in a task embedding, w_j = exp(-d^2 / (2 sigma^2)). 0 without neighbours.
Checked<double> manifold_loss(std::span<const double> r, Rows<const double> neighbours,
                              std::span<const double> w, double scale, std::span<double> grad);

}  // namespace swy::moe
