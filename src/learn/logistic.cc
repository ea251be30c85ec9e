// Multinomial and one-vs-rest logistic regression with an L2 penalty.
//
// Objective (divided by c * rows, which scales the tolerance and changes no minimum):
//   mean over rows of -ln softmax(Wx + b)[y], or of the sum over labels of the binary loss,
//   + |W|^2 / (2 c rows).
// Convex; minimised by L-BFGS. Cost: two passes of cells x labels multiply-adds an iteration;
// memory about 16 x the weights. When it loses: more than some 10^7 weights, or labels that no
// hyperplane separates. Test: logistic_test.cc against scikit-learn's figures.
#include "learn/logistic.h"

#include <algorithm>
#include <cmath>

#include "learn/lbfgs.h"

namespace swy::learn {
namespace {

constexpr std::size_t kLane = 8;

void add_row(float* out, float f, const float* row, std::size_t n) {
  for (std::size_t c = 0; c < n; ++c) out[c] += f * row[c];
}

struct View {  // the parameter vector: weights, then bias
  const float* weights;
  const float* bias;
  std::size_t stride;
};

void logits_of(const View& m, const Features& x, std::size_t row, float* out) {
  std::copy_n(m.bias, m.stride, out);
  for (const Features::Cell& cell : x.sparse(row)) {
    add_row(out, cell.value, m.weights + cell.column * m.stride, m.stride);
  }
  const auto dense = x.dense_row(row);
  const float* w = m.weights + x.sparse_columns * m.stride;
  for (std::size_t d = 0; d < dense.size(); ++d) add_row(out, dense[d], w + d * m.stride, m.stride);
}

// out: logits in, gradient of the loss by logit out (padding 0). Returns the loss.
double softmax_loss(std::span<const std::uint32_t> labels, std::span<float> out) {
  const float top = *std::max_element(out.begin(), out.end());
  const float target = out[labels[0]];
  double sum = 0;
  for (float& v : out) {
    v = std::exp(v - top);
    sum += static_cast<double>(v);
  }
  for (float& v : out) v = static_cast<float>(static_cast<double>(v) / sum);
  out[labels[0]] -= 1;
  return std::log(sum) + static_cast<double>(top - target);
}

double sigmoid_loss(std::span<const std::uint32_t> labels, std::span<float> out) {
  double loss = 0;
  for (std::size_t c = 0; c < out.size(); ++c) {
    const bool is = std::find(labels.begin(), labels.end(), c) != labels.end();
    const auto z = static_cast<double>(out[c]);
    // ln(1 + e^z) - z for a label that holds, without overflow
    loss += std::max(z, 0.0) + std::log1p(std::exp(-std::fabs(z))) - (is ? z : 0);
    out[c] = static_cast<float>(1 / (1 + std::exp(-z)) - (is ? 1 : 0));
  }
  return loss;
}

}  // namespace

void LinearModel::logits(const Features& features, std::size_t row,
                         std::vector<float>& logits) const {
  logits.resize(stride);
  logits_of({weights.data(), bias.data(), stride}, features, row, logits.data());
}

LinearModel fit_logistic(const Features& features, const Targets& targets, std::size_t labels,
                         std::span<const std::uint32_t> rows, const LogisticOptions& options,
                         const std::function<void()>& on_step) {
  LinearModel model;
  model.labels = labels;
  model.stride = (labels + kLane - 1) / kLane * kLane;
  const std::size_t columns = features.sparse_columns + features.dense_columns;
  const std::size_t weights = columns * model.stride;
  std::vector<float> x(weights + model.stride, 0);
  std::vector<float> z(model.stride);
  const double penalty = 1 / (options.c * static_cast<double>(rows.size()));
  const double share = 1 / static_cast<double>(rows.size());

  const Objective objective = [&](std::span<const float> at, std::span<float> gradient) {
    const std::size_t stride = model.stride;
    const View view{at.data(), at.data() + weights, stride};
    double squares = 0;
    for (std::size_t i = 0; i < weights; ++i) {
      squares += static_cast<double>(at[i]) * static_cast<double>(at[i]);
      gradient[i] = static_cast<float>(penalty) * at[i];
    }
    std::fill(gradient.begin() + static_cast<std::ptrdiff_t>(weights), gradient.end(), 0.0F);
    double loss = 0;
    for (const std::uint32_t row : rows) {
      logits_of(view, features, row, z.data());
      const std::span<float> used(z.data(), labels);
      loss += options.one_vs_rest ? sigmoid_loss(targets.of(row), used)
                                  : softmax_loss(targets.of(row), used);
      for (float& v : used) v *= static_cast<float>(share);
      std::fill(z.begin() + static_cast<std::ptrdiff_t>(labels), z.end(), 0.0F);
      add_row(gradient.data() + weights, 1, z.data(), stride);
      for (const Features::Cell& cell : features.sparse(row)) {
        add_row(gradient.data() + cell.column * stride, cell.value, z.data(), stride);
      }
      const auto dense = features.dense_row(row);
      float* g = gradient.data() + features.sparse_columns * stride;
      for (std::size_t d = 0; d < dense.size(); ++d) {
        add_row(g + d * stride, dense[d], z.data(), stride);
      }
    }
    return loss * share + 0.5 * penalty * squares;
  };
  minimize(objective, x, {.max_iterations = options.max_iterations, .tolerance = options.tolerance},
           on_step);
  model.bias.assign(x.begin() + static_cast<std::ptrdiff_t>(weights), x.end());
  x.resize(weights);
  model.weights = std::move(x);
  return model;
}

}  // namespace swy::learn
