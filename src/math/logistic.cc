// Minimises sum of cross entropies + ridge/2 |w|^2 by Newton steps with the Cholesky factor of the
// Hessian, at most 50 of them, halved while the loss rises. The bias is free. Cost: iterations x
// (rows x columns^2 + columns^3). Exact for what it is; loses when there are hundreds of columns.
// Tests: logistic_test.cc.
#include "math/logistic.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "math/ridge.h"

namespace swy::math {
namespace {

double sigmoid(double z) {
  return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z));
}
// log(1 + e^z) without overflow
double softplus(double z) { return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z)); }

struct Problem {
  std::vector<double> x;  // rows x d, the last column is 1
  std::span<const double> y;
  std::size_t d = 0;
  double ridge = 1;

  [[nodiscard]] double z(const std::vector<double>& w, std::size_t r) const {
    double sum = 0;
    for (std::size_t j = 0; j < d; ++j) sum += w[j] * x[r * d + j];
    return sum;
  }
  [[nodiscard]] double loss(const std::vector<double>& w) const {
    double sum = 0;
    for (std::size_t r = 0; r < y.size(); ++r) {
      const double v = z(w, r);
      sum += softplus(v) - y[r] * v;
    }
    for (std::size_t j = 0; j + 1 < d; ++j) sum += ridge / 2 * w[j] * w[j];
    return sum;
  }
  // The Newton step at w.
  [[nodiscard]] std::vector<double> step(const std::vector<double>& w) const {
    std::vector<double> g(d, 0.0);
    std::vector<double> h(d * d, 0.0);
    for (std::size_t r = 0; r < y.size(); ++r) {
      const double p = sigmoid(z(w, r));
      const double* row = x.data() + r * d;
      const double v = std::max(p * (1 - p), 1e-6);
      for (std::size_t j = 0; j < d; ++j) {
        g[j] += (p - y[r]) * row[j];
        for (std::size_t k = 0; k <= j; ++k) h[j * d + k] += v * row[j] * row[k];
      }
    }
    for (std::size_t j = 0; j + 1 < d; ++j) {
      g[j] += ridge * w[j];
      h[j * d + j] += ridge + 1e-9;  // columns that say the same share their weight
    }
    math::Cholesky factor;
    if (!factor.factor(std::move(h), d)) return std::vector<double>(d, 0.0);  // nowhere to go
    factor.solve(g);
    return g;
  }
};

// Mean and deviation of every column.
struct Scaling {
  std::vector<double> mean;
  std::vector<double> scale;
  [[nodiscard]] bool varies(std::size_t column) const { return scale[column] > 1e-9; }
};

Scaling scaling_of(std::span<const double> x, std::size_t columns, std::size_t n) {
  Scaling s{std::vector<double>(columns, 0.0), std::vector<double>(columns, 0.0)};
  for (std::size_t i = 0; i < n * columns; ++i)
    s.mean[i % columns] += x[i] / static_cast<double>(n);
  for (std::size_t i = 0; i < n * columns; ++i) {
    const double v = x[i] - s.mean[i % columns];
    s.scale[i % columns] += v * v / static_cast<double>(n);
  }
  for (double& v : s.scale) v = std::sqrt(v);
  return s;
}

// Newton steps, halved while the loss rises, until nothing is gained.
std::vector<double> minimise(const Problem& p) {
  std::vector<double> w(p.d, 0.0);
  double loss = p.loss(w);
  for (int i = 0; i < 50; ++i) {
    const std::vector<double> step = p.step(w);
    double gained = 0;
    for (double f = 1; f > 1e-3 && gained <= 0; f /= 2) {
      std::vector<double> next = w;
      for (std::size_t j = 0; j < p.d; ++j) next[j] -= f * step[j];
      gained = loss - p.loss(next);
      if (gained > 0) w = std::move(next);
    }
    loss -= std::max(gained, 0.0);
    if (gained <= 1e-9 * (1 + loss)) break;
  }
  return w;
}

}  // namespace

double Logistic::logit(std::span<const double> row) const {
  double z = bias;
  for (std::size_t j = 0; j < weights.size(); ++j) z += weights[j] * row[j];
  return z;
}

double Logistic::probability(std::span<const double> row) const { return sigmoid(logit(row)); }

Logistic fit_logistic(std::span<const double> x, std::size_t columns, std::span<const double> y,
                      double ridge) {
  const std::size_t n = y.size();
  Logistic out{std::vector<double>(columns, 0.0), 0};
  if (n == 0) return out;
  const Scaling s = scaling_of(x, columns, n);
  Problem p{{}, y, columns + 1, ridge};
  p.x.reserve(n * p.d);
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t j = 0; j < columns; ++j)
      p.x.push_back(s.varies(j) ? (x[r * columns + j] - s.mean[j]) / s.scale[j] : 0.0);
    p.x.push_back(1);
  }
  const std::vector<double> w = minimise(p);
  out.bias = w[columns];
  for (std::size_t j = 0; j < columns; ++j) {
    if (!s.varies(j)) continue;
    out.weights[j] = w[j] / s.scale[j];
    out.bias -= out.weights[j] * s.mean[j];
  }
  return out;
}

}  // namespace swy::math
