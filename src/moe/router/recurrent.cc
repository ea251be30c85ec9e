// RMoE, Chain-of-Experts and halting.
//   RMoE (2408.06793): s = GRU(W1 h, s of the layer before), logits = W2 s; PyTorch's cell: r =
//   sig,
//     z = sig, n = tanh(W_in x + b + r * (W_hn s + b)), s' = (1 - z) n + z s; |s| <= 1. The state
//     runs over layers, tokens stay independent. + 256 d + 6 * 256^2 + 256 E products.
//   Chain-of-Experts (2506.18945): x <- x + sum g_i E_i(x), a router and K / C experts per step;
//     C = 1 is an ordinary layer. Loses: the second routing waits for the first output.
//   Halting (2604.14419): stop when |delta| / |h| < threshold. Variant of the paper: its threshold
//     was not found (abstract and second hand).
// Test: router/state_routers_test.cc.
#include <cmath>

#include "moe/state_routers.h"

namespace swy::moe {
namespace {

double affine(Rows<const float> w, std::size_t i, std::span<const float> bias,
              std::span<const float> x) {
  return inner(w.row(i), x) + (bias.empty() ? 0.0 : static_cast<double>(bias[i]));
}

}  // namespace

void gru_step(const GruWeights& w, std::span<const float> x, std::span<const float> state,
              std::span<float> next) {
  SWY_ASSERT(next.size() == state.size() && w.ir.rows == state.size());
  for (std::size_t i = 0; i < next.size(); ++i) {
    const double r = sigmoid(affine(w.ir, i, w.bir, x) + affine(w.hr, i, w.bhr, state));
    const double z = sigmoid(affine(w.iz, i, w.biz, x) + affine(w.hz, i, w.bhz, state));
    const double n = std::tanh(affine(w.in, i, w.bin, x) + r * affine(w.hn, i, w.bhn, state));
    next[i] = static_cast<float>((1 - z) * n + z * static_cast<double>(state[i]));
  }
}

void project(Rows<const float> matrix, std::span<const float> x, std::span<float> out) {
  SWY_ASSERT(out.size() == matrix.rows);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(inner(matrix.row(i), x));
}

void chain_step(std::span<const double> weight, Rows<const float> outputs, std::span<float> x) {
  SWY_ASSERT(weight.size() == outputs.rows && x.size() == outputs.cols);
  for (std::size_t d = 0; d < x.size(); ++d) {
    double sum = static_cast<double>(x[d]);
    for (std::size_t i = 0; i < weight.size(); ++i)
      sum += weight[i] * static_cast<double>(outputs.at(i, d));
    x[d] = static_cast<float>(sum);
  }
}

bool halts(std::span<const float> h, std::span<const float> delta, double threshold) {
  return length(delta) < threshold * length(h);
}

}  // namespace swy::moe
