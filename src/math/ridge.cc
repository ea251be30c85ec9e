#include "math/ridge.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>

#include "base/check.h"
#include "math/kernels.h"

namespace swy::math {

bool Cholesky::factor(std::vector<double> a, std::size_t n) {
  SWY_ASSERT(a.size() == n * n);
  n_ = n;
  l_ = std::move(a);
  for (std::size_t i = 0; i < n; ++i) {
    double* row = l_.data() + i * n;
    for (std::size_t j = 0; j <= i; ++j) {
      const double* other = l_.data() + j * n;
      double sum = row[j];
      for (std::size_t k = 0; k < j; ++k) sum -= row[k] * other[k];
      if (j < i) {
        row[j] = sum / other[j];
      } else if (sum > 0) {
        row[i] = std::sqrt(sum);
      } else {
        return false;
      }
    }
    std::fill(row + i + 1, row + n, 0.0);
  }
  return true;
}

void Cholesky::whiten(std::span<double> b) const {
  for (std::size_t i = 0; i < n_; ++i) {
    const double* row = l_.data() + i * n_;
    double sum = b[i];
    for (std::size_t k = 0; k < i; ++k) sum -= row[k] * b[k];
    b[i] = sum / row[i];
  }
}

void Cholesky::solve(std::span<double> b) const {
  whiten(b);
  for (std::size_t i = n_; i-- > 0;) {
    b[i] /= l_[i * n_ + i];
    const double* row = l_.data() + i * n_;
    for (std::size_t k = 0; k < i; ++k) b[k] -= row[k] * b[i];
  }
}

void Gram::add(std::span<const float> x, double sign) {
  rows += sign;
  for (std::size_t i = 0; i < dims; ++i) {
    const double xi = sign * static_cast<double>(x[i]);
    sums[i] += xi;
    if (xi == 0) continue;
    double* row = products.data() + i * dims;
    for (std::size_t j = 0; j <= i; ++j) row[j] += xi * static_cast<double>(x[j]);
  }
}

void Gram::add(const Gram& other, double sign) {
  rows += sign * other.rows;
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += sign * other.sums[i];
  for (std::size_t i = 0; i < products.size(); ++i) products[i] += sign * other.products[i];
}

std::vector<double> Gram::centred(double ridge) const {
  std::vector<double> out = products;
  for (std::size_t i = 0; i < dims; ++i) {
    for (std::size_t j = 0; j <= i; ++j)
      out[i * dims + j] -= rows > 0 ? sums[i] * sums[j] / rows : 0;
    out[i * dims + i] += ridge;
  }
  return out;
}

void RidgeModel::predict(std::span<const float> x, std::span<double> out) const {
  for (std::size_t o = 0; o < outputs; ++o) {
    const float* w = weights.data() + o * dims;
    out[o] =
        static_cast<double>(bias[o]) + static_cast<double>(best_kernels().dot(w, x.data(), dims));
  }
}

namespace {

// Outputs that are observed on the same rows share their normal equations.
struct Pattern {
  std::vector<std::size_t> outputs;
  std::vector<std::uint32_t> rows;
};

std::vector<Pattern> patterns_of(std::span<const std::vector<float>> y) {
  std::map<std::vector<std::uint32_t>, std::vector<std::size_t>> by_rows;
  for (std::size_t o = 0; o < y.size(); ++o) {
    std::vector<std::uint32_t> rows;
    for (std::size_t i = 0; i < y[o].size(); ++i)
      if (!std::isnan(y[o][i])) rows.push_back(static_cast<std::uint32_t>(i));
    by_rows[std::move(rows)].push_back(o);
  }
  std::vector<Pattern> out;
  for (auto& [rows, outputs] : by_rows)
    if (!rows.empty()) out.push_back({std::move(outputs), rows});
  return out;
}

// Sufficient statistics of one pattern: of one fold, or of all rows but a fold's.
struct Moments {
  Gram x;
  std::vector<double> xy;  // outputs x dims, not centred
  std::vector<double> y;   // outputs
  Moments(std::size_t dims, std::size_t outputs) : x(dims), xy(outputs * dims, 0.0), y(outputs) {}
  void add(const Moments& other, double sign) {
    x.add(other.x, sign);
    for (std::size_t i = 0; i < xy.size(); ++i) xy[i] += sign * other.xy[i];
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += sign * other.y[i];
  }
};

std::vector<Moments> moments_of(const Matrix& x, std::span<const std::vector<float>> y,
                                const Pattern& p, std::size_t folds) {
  std::vector<Moments> out(folds, Moments(x.cols(), p.outputs.size()));
  for (const std::uint32_t i : p.rows) {
    Moments& m = out[i % folds];
    const auto row = x.row(i);
    m.x.add(row);
    for (std::size_t k = 0; k < p.outputs.size(); ++k) {
      const auto v = static_cast<double>(y[p.outputs[k]][i]);
      m.y[k] += v;
      double* xy = m.xy.data() + k * x.cols();
      for (std::size_t d = 0; d < row.size(); ++d) xy[d] += v * static_cast<double>(row[d]);
    }
  }
  return out;
}

// Writes the weights and the bias of the pattern's outputs.
void solve(const Moments& m, const Pattern& p, double penalty, RidgeModel& model) {
  const std::size_t dims = m.x.dims;
  Cholesky factor;
  const bool solvable = m.x.rows > 0 && factor.factor(m.x.centred(penalty), dims);
  std::vector<double> w(dims);
  for (std::size_t k = 0; k < p.outputs.size(); ++k) {
    const std::size_t o = p.outputs[k];
    const double mean = m.x.rows > 0 ? m.y[k] / m.x.rows : 0;
    for (std::size_t d = 0; d < dims; ++d)
      w[d] = solvable ? m.xy[k * dims + d] - mean * m.x.sums[d] : 0;
    if (solvable) factor.solve(w);
    double bias = mean;
    for (std::size_t d = 0; d < dims; ++d) {
      model.weights[o * dims + d] = static_cast<float>(w[d]);
      if (m.x.rows > 0) bias -= w[d] * m.x.sums[d] / m.x.rows;
    }
    model.bias[o] = static_cast<float>(bias);
  }
}

RidgeModel sized(std::size_t dims, std::size_t outputs) {
  RidgeModel m;
  m.dims = dims;
  m.outputs = outputs;
  m.weights.assign(dims * outputs, 0.0F);
  m.bias.assign(outputs, 0.0F);
  return m;
}

// Predictions of every row by the folds that did not see it, and their squared error on what was
// observed.
struct HeldOut {
  Matrix predicted;
  double error = 0;
};

HeldOut hold_out(const Matrix& x, std::span<const std::vector<float>> y,
                 std::span<const Pattern> patterns, std::span<const std::vector<Moments>> moments,
                 double penalty, std::size_t folds) {
  HeldOut h{Matrix(x.rows(), y.size()), 0};
  std::vector<double> out(y.size());
  for (std::size_t f = 0; f < folds; ++f) {
    RidgeModel model = sized(x.cols(), y.size());
    for (std::size_t p = 0; p < patterns.size(); ++p) {
      Moments rest(x.cols(), patterns[p].outputs.size());
      for (std::size_t g = 0; g < folds; ++g)
        if (g != f || folds == 1) rest.add(moments[p][g], 1);
      solve(rest, patterns[p], penalty, model);
    }
    for (std::size_t i = f; i < x.rows(); i += folds) {
      model.predict(x.row(i), out);
      for (std::size_t o = 0; o < y.size(); ++o) {
        h.predicted.row(i)[o] = static_cast<float>(out[o]);
        if (std::isnan(y[o][i])) continue;
        const double d = out[o] - static_cast<double>(y[o][i]);
        h.error += d * d;
      }
    }
  }
  return h;
}

}  // namespace

RidgeModel fit_ridge(const Matrix& x, std::span<const std::vector<float>> y,
                     const RidgeOptions& options) {
  SWY_ASSERT(x.rows() > 0 && !options.penalties.empty() && options.folds > 0);
  const std::size_t folds = std::min(options.folds, x.rows());
  const std::vector<Pattern> patterns = patterns_of(y);
  std::vector<std::vector<Moments>> moments;
  moments.reserve(patterns.size());
  for (const Pattern& p : patterns) moments.push_back(moments_of(x, y, p, folds));

  RidgeModel model = sized(x.cols(), y.size());
  double least = std::numeric_limits<double>::infinity();
  for (const double penalty : options.penalties) {
    HeldOut h = hold_out(x, y, patterns, moments, penalty, folds);
    if (h.error > least) continue;
    least = h.error;
    model.penalty = penalty;
    model.held_out = std::move(h.predicted);
  }
  for (std::size_t p = 0; p < patterns.size(); ++p) {
    Moments all(x.cols(), patterns[p].outputs.size());
    for (const Moments& m : moments[p]) all.add(m, 1);
    solve(all, patterns[p], model.penalty, model);
  }
  return model;
}

}  // namespace swy::math
