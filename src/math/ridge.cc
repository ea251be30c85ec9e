#include "math/ridge.h"

#include <algorithm>
#include <array>
#include <cmath>
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

// to[j] += sum over rows r of weight[r] * x[r * dims + j], j < n.
void add_weighted(std::span<const double, Gram::kTogether> weight, const double* x,
                  std::size_t dims, std::size_t n, double* to) {
  constexpr std::size_t kBlock = 8;  // of a known size, so that it is done by vectors
  std::size_t j = 0;
  for (; j + kBlock <= n; j += kBlock) {
    std::array<double, kBlock> sum{};
    for (std::size_t r = 0; r < weight.size(); ++r) {
      const double* row = x + r * dims + j;
      for (std::size_t k = 0; k < kBlock; ++k) sum[k] += weight[r] * row[k];
    }
    for (std::size_t k = 0; k < kBlock; ++k) to[j + k] += sum[k];
  }
  for (; j < n; ++j) {
    for (std::size_t r = 0; r < weight.size(); ++r) to[j] += weight[r] * x[r * dims + j];
  }
}

}  // namespace

void Gram::add_together(std::span<const double> x) {
  rows += kTogether;
  std::array<double, kTogether> one{};
  for (std::size_t i = 0; i < dims; ++i) {
    for (std::size_t r = 0; r < kTogether; ++r) {
      one[r] = x[r * dims + i];
      sums[i] += one[r];
    }
    add_weighted(one, x.data(), dims, i + 1, products.data() + i * dims);
  }
}

RidgeSums::Moments::Moments(std::size_t dims, std::size_t outputs)
    : x(dims),
      xy(outputs * dims, 0.0),
      y(outputs, 0.0),
      yy(outputs, 0.0),
      rows(dims * Gram::kTogether),
      values(outputs * Gram::kTogether) {}

void RidgeSums::Moments::add(const Moments& other) {
  x.add(other.x);
  for (std::size_t i = 0; i < xy.size(); ++i) xy[i] += other.xy[i];
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += other.y[i];
}

// Rows of a batch that is not full are zeros, and do not count.
void RidgeSums::Moments::add_waiting() {
  const std::size_t dims = x.dims;
  std::fill(rows.begin() + static_cast<std::ptrdiff_t>(waiting * dims), rows.end(), 0.0);
  x.add_together(rows);
  x.rows -= static_cast<double>(Gram::kTogether - waiting);
  for (std::size_t k = 0; k < y.size(); ++k) {
    std::array<double, Gram::kTogether> v{};
    std::copy_n(values.data() + k * Gram::kTogether, waiting, v.begin());
    add_weighted(v, rows.data(), dims, dims, xy.data() + k * dims);
    for (const double one : v) {
      y[k] += one;
      yy[k] += one * one;
    }
  }
  waiting = 0;
}

RidgeSums::RidgeSums(std::size_t dims, std::span<const std::size_t> pattern, std::size_t folds)
    : dims_(dims), outputs_(pattern.size()) {
  SWY_ASSERT(folds > 0);
  for (std::size_t o = 0; o < pattern.size(); ++o) {
    if (pattern[o] >= patterns_.size()) patterns_.resize(pattern[o] + 1);
    patterns_[pattern[o]].outputs.push_back(o);
  }
  for (Pattern& p : patterns_) p.folds.assign(folds, Moments(dims, p.outputs.size()));
}

void RidgeSums::add(std::span<const float> x, std::span<const float> y) {
  SWY_ASSERT(x.size() == dims_ && y.size() == outputs_);
  for (Pattern& p : patterns_) {
    if (p.outputs.empty() || std::isnan(y[p.outputs[0]])) continue;
    Moments& m = p.folds[rows_ % p.folds.size()];
    double* row = m.rows.data() + m.waiting * dims_;
    for (std::size_t d = 0; d < dims_; ++d) row[d] = static_cast<double>(x[d]);
    for (std::size_t k = 0; k < p.outputs.size(); ++k)
      m.values[k * Gram::kTogether + m.waiting] = static_cast<double>(y[p.outputs[k]]);
    if (++m.waiting == Gram::kTogether) m.add_waiting();
  }
  ++rows_;
}

RidgeModel RidgeSums::sized() const {
  RidgeModel m;
  m.dims = dims_;
  m.outputs = outputs_;
  m.weights.assign(dims_ * outputs_, 0.0F);
  m.bias.assign(outputs_, 0.0F);
  return m;
}

// Writes the weights and the bias of the pattern's outputs.
void RidgeSums::solve(const Moments& m, const Pattern& p, double penalty, RidgeModel& model) {
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

RidgeModel RidgeSums::without(std::size_t fold, double penalty) const {
  RidgeModel model = sized();
  for (const Pattern& p : patterns_) {
    Moments rest(dims_, p.outputs.size());
    for (std::size_t g = 0; g < p.folds.size(); ++g)
      if (g != fold || p.folds.size() == 1) rest.add(p.folds[g]);
    solve(rest, p, penalty, model);
  }
  return model;
}

// Of the model on the rows of these moments: sum of (w.x + b - y)^2, multiplied out.
double RidgeSums::squared_error(const Moments& m, const Pattern& p, const RidgeModel& model) {
  const std::size_t dims = m.x.dims;
  double error = 0;
  for (std::size_t k = 0; k < p.outputs.size(); ++k) {
    const float* w = model.weights.data() + p.outputs[k] * dims;
    const auto b = static_cast<double>(model.bias[p.outputs[k]]);
    error += m.x.rows * b * b - 2 * b * m.y[k] + m.yy[k];
    for (std::size_t i = 0; i < dims; ++i) {
      const auto wi = static_cast<double>(w[i]);
      double half = 0;  // of the products below the diagonal
      for (std::size_t j = 0; j < i; ++j)
        half += m.x.products[i * dims + j] * static_cast<double>(w[j]);
      error += wi * (2 * half + wi * m.x.products[i * dims + i] + 2 * b * m.x.sums[i] -
                     2 * m.xy[k * dims + i]);
    }
  }
  return error;
}

RidgeModel RidgeSums::fit(std::span<const double> penalties) {
  SWY_ASSERT(!penalties.empty());
  for (Pattern& p : patterns_)
    for (Moments& m : p.folds)
      if (m.waiting > 0) m.add_waiting();
  RidgeModel model = sized();
  double least = std::numeric_limits<double>::infinity();
  for (const double penalty : penalties) {
    double error = 0;
    for (std::size_t f = 0; !patterns_.empty() && f < patterns_[0].folds.size(); ++f) {
      const RidgeModel held = without(f, penalty);
      for (const Pattern& p : patterns_) error += squared_error(p.folds[f], p, held);
    }
    if (error > least) continue;
    least = error;
    model.penalty = penalty;
  }
  for (const Pattern& p : patterns_) {
    Moments all(dims_, p.outputs.size());
    for (const Moments& m : p.folds) all.add(m);
    solve(all, p, model.penalty, model);
  }
  return model;
}

namespace {

// By output: those that are observed on the same rows have the same.
std::vector<std::size_t> patterns_of(std::span<const std::vector<float>> y) {
  std::map<std::vector<bool>, std::size_t> known;
  std::vector<std::size_t> out;
  for (const std::vector<float>& column : y) {
    std::vector<bool> rows;
    rows.reserve(column.size());
    for (const float v : column) rows.push_back(!std::isnan(v));
    out.push_back(known.try_emplace(std::move(rows), known.size()).first->second);
  }
  return out;
}

}  // namespace

RidgeModel fit_ridge(const Matrix& x, std::span<const std::vector<float>> y,
                     const RidgeOptions& options) {
  SWY_ASSERT(x.rows() > 0 && !options.penalties.empty() && options.folds > 0);
  const std::size_t folds = std::min(options.folds, x.rows());
  RidgeSums sums(x.cols(), patterns_of(y), folds);
  std::vector<float> outcomes(y.size());
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t o = 0; o < y.size(); ++o) outcomes[o] = y[o][i];
    sums.add(x.row(i), outcomes);
  }
  RidgeModel model = sums.fit(options.penalties);
  model.held_out.reset(x.rows(), y.size());
  std::vector<double> out(y.size());
  for (std::size_t f = 0; f < folds; ++f) {
    const RidgeModel held = sums.without(f, model.penalty);
    for (std::size_t i = f; i < x.rows(); i += folds) {
      held.predict(x.row(i), out);
      for (std::size_t o = 0; o < y.size(); ++o)
        model.held_out.row(i)[o] = static_cast<float>(out[o]);
    }
  }
  return model;
}

}  // namespace swy::math
