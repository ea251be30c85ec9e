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
#include <utility>

#include "moe/state_routers.h"

namespace swy::moe {
namespace {

double affine(Rows<const float> w, std::size_t i, std::span<const float> bias,
              std::span<const float> x) {
  return inner(w.row(i), x) + (bias.empty() ? 0.0 : static_cast<double>(bias[i]));
}

Status check(const GruWeights& w, std::size_t inputs, std::size_t states, std::size_t next) {
  Arguments args;
  args.table(w.ir, states, inputs, "w.ir")
      .table(w.iz, states, inputs, "w.iz")
      .table(w.in, states, inputs, "w.in");
  args.table(w.hr, states, states, "w.hr")
      .table(w.hz, states, states, "w.hz")
      .table(w.hn, states, states, "w.hn");
  const std::pair<std::span<const float>, const char*> biases[] = {
      {w.bir, "w.bir"}, {w.biz, "w.biz"}, {w.bin, "w.bin"},
      {w.bhr, "w.bhr"}, {w.bhz, "w.bhz"}, {w.bhn, "w.bhn"}};
  for (const auto& [bias, name] : biases)
    if (!bias.empty()) args.span(bias.size(), states, name);
  return args.same(next, states, "next").status();
}

}  // namespace

Status gru_step(const GruWeights& w, std::span<const float> x, std::span<const float> state,
                std::span<float> next) {
  if (const Status s = check(w, x.size(), state.size(), next.size()); !s.ok()) return s;
  for (std::size_t i = 0; i < next.size(); ++i) {
    const double r = sigmoid(affine(w.ir, i, w.bir, x) + affine(w.hr, i, w.bhr, state));
    const double z = sigmoid(affine(w.iz, i, w.biz, x) + affine(w.hz, i, w.bhz, state));
    const double n = std::tanh(affine(w.in, i, w.bin, x) + r * affine(w.hn, i, w.bhn, state));
    next[i] = static_cast<float>((1 - z) * n + z * static_cast<double>(state[i]));
  }
  return {};
}

Status project(Rows<const float> matrix, std::span<const float> x, std::span<float> out) {
  const auto args = Arguments()
                        .table(matrix, "matrix")
                        .same(x.size(), matrix.cols, "x")
                        .same(out.size(), matrix.rows, "out");
  if (!args.ok()) return args.status();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(inner(matrix.row(i), x));
  return {};
}

Status chain_step(std::span<const double> weight, Rows<const float> outputs, std::span<float> x) {
  const auto args = Arguments()
                        .table(outputs, "outputs")
                        .same(weight.size(), outputs.rows, "weight")
                        .that(outputs.rows == 0 || x.size() == outputs.cols, Code::kBadShape, "x");
  if (!args.ok()) return args.status();
  for (std::size_t d = 0; d < x.size(); ++d) {
    double sum = static_cast<double>(x[d]);
    for (std::size_t i = 0; i < weight.size(); ++i)
      sum += weight[i] * static_cast<double>(outputs.at(i, d));
    x[d] = static_cast<float>(sum);
  }
  return {};
}

Checked<bool> halts(std::span<const float> h, std::span<const float> delta, double threshold) {
  const auto args = Arguments().same(delta.size(), h.size(), "delta");
  if (!args.ok()) return args.status();
  return length(delta) < threshold * length(h);
}

}  // namespace swy::moe
