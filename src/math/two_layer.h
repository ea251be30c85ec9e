// Two-layer networks with a sigmoid per output, and their training: the one shape behind the
// learned heads of request routing.
//
// Formula: logit_o = out_o . act(in x + in_bias) + out_bias_o - (shared . x + shared_bias), the
// last term only where `has_shared`; probability = 1 / (1 + exp(-logit)).
//   identity              low-rank bilinear form: matrix factorisation of outcomes (RouteLLM mf,
//   EmbedLLM) relu                  multi-layer perceptron softplus and shared   item response
//   theory: discriminations a(x) >= 0, difficulty b(x), abilities
//                         out_o (multi-dimensional 2PL)
// Training: cross-entropy of the observed outputs (targets in 0..1, NaN is not observed) + decay /
// 2 * squared weights (in_bias and out_bias free), Adam (Kingma and Ba 2014) over shuffled batches,
// fixed seed; every tenth row is held out and the epoch that predicts these best is kept. Cost:
// rows x epochs x (dims + outputs) x hidden. When to use: fitting and serving heads. Threading: a
// model is immutable once fitted; predict() is pure. Ownership: owns its weights. Nothing allocates
// in predict() after the first call of a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/matrix.h"

namespace swy::math {

enum class HiddenUnit : std::uint8_t { kIdentity, kRelu, kSoftplus };

struct TwoLayer {
  std::size_t dims = 0, hidden = 0, outputs = 0;
  HiddenUnit unit = HiddenUnit::kRelu;
  bool has_shared = false;
  std::vector<float> in;        // hidden x dims
  std::vector<float> in_bias;   // hidden
  std::vector<float> out;       // outputs x hidden
  std::vector<float> out_bias;  // outputs
  std::vector<float> shared;    // dims, then the bias; empty without

  // out[o] = probability. REQUIRES: x.size() == dims, p.size() == outputs.
  void predict(std::span<const float> x, std::span<double> p) const;
};

struct TwoLayerOptions {
  std::size_t hidden = 32;
  HiddenUnit unit = HiddenUnit::kRelu;
  bool shared = false;
  double rate = 1e-2;
  double decay = 1e-4;
  std::size_t batch = 0;  // rows a step; 0: a fiftieth of all, from 4 to 64
  std::size_t epochs = 60;
  std::size_t patience = 8;  // epochs without a better held-out loss before it ends
  std::uint64_t seed = 1;
};

// REQUIRES: x.rows() > 0, y[o].size() == x.rows(). An output without observations stays at 1/2.
TwoLayer fit_two_layer(const Matrix& x, std::span<const std::vector<float>> y,
                       const TwoLayerOptions& options);

struct HeldOutTwoLayer {
  TwoLayer model;  // fitted on all rows
  Matrix
      held_out;  // rows x outputs: every row predicted by the one of two halves that did not see it
};
HeldOutTwoLayer fit_two_layer_held_out(const Matrix& x, std::span<const std::vector<float>> y,
                                       const TwoLayerOptions& options);

}  // namespace swy::math
