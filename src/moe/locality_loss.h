// Losses of ReLU routers: few experts (ReMoE), and the same few for consecutive tokens (BlockFFN).
//
// When to use: training ReLU routers for devices that load experts per chunk of tokens. Gradients
// are added to `grad` times `scale`; an absent grad means the value only. Threading: pure.
// Ownership: the caller's memory, no allocation. Precision: double (rows.h).
#pragma once

#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

// 1 - mean over (chunk of `window` tokens, expert) of prod (1 - p + 1e-5): the share of experts
// touched, softened. p sums to 1 over experts. A last chunk that is not whole is left out.
Checked<double> chunk_loss(Rows<const double> p, std::size_t window, double scale,
                           Rows<double> grad);

// mean over t >= 1 and experts of the cross entropy of sigmoid(sharpness z_{t-1}) with the target
// sigmoid(sharpness z_t): whether a token's expert is positive should follow from the one before.
// through_target: the target learns too. Published sharpness: 100.
Checked<double> activation_locality(Rows<const double> z, double sharpness, bool through_target,
                                    double scale, Rows<double> grad);

// mean over tokens of sum_j max(0, z_j): ReMoE's L1 term. Its slope at 0 is 0.
Checked<double> relu_l1(Rows<const double> z, double scale, Rows<double> grad);

// ReMoE's coefficient of that term, moved once a step: up by `factor` while more than the wanted
// share of experts is active, down by it while fewer are.
struct ReluSparsity {
  double active = 0.125;      // wanted: k / experts
  double coefficient = 1e-8;  // at the start
  double factor = 1.2;
  // share: of z > 0 in this step. NaN changes nothing.
  void see(double share) {
    if (share > active) coefficient *= factor;
    if (share < active) coefficient /= factor;
  }
};

}  // namespace swy::moe
