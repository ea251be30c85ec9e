// Losses that make consecutive tokens use the same few experts (BlockFFN): sparse chunks, calm
// activations.
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

}  // namespace swy::moe
