// online_ridge: theta = A^-1 b with A = ridge I + sum w x x', b = sum w y x, kept up to date.
//
// Formula: one example changes A^-1 by Sherman-Morrison, A^-1 - w u u' / (1 + w x'u) with
// u = A^-1 x: O(dims^2). Forgetting multiplies the sums but not the ridge (a rank-one formula does
// not know that), so it inverts anew by Cholesky: O(dims^3). Leaving one example out needs no
// inversion: with h = w x'A^-1x the mean is (mean - h y)/(1 - h) and the leverage is divided by
// 1 - h. Right: identities. Loses: numbers drift by rounding, about 1e-16 a step times the
// condition number; after 4,096 steps the inverse is made anew. Source: the disjoint LinUCB of Li
// et al. 2010 (arXiv 1003.0146); request-routing.md 3.8. Deviations: none. Test:
// online_ridge_test.cc.
#include "math/online_ridge.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "math/ridge.h"

namespace swy::math {
namespace {

constexpr int kRefresh = 4096;

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

OnlineRidge::OnlineRidge(std::size_t dims, double ridge)
    : ridge_(ridge),
      gram_(dims * dims),
      moment_(dims),
      inverse_(dims * dims),
      theta_(dims),
      work_(dims) {
  for (std::size_t i = 0; i < dims; ++i) inverse_[i * dims + i] = 1 / ridge;
}

OnlineRidge::Said OnlineRidge::predict(std::span<const double> x) const {
  const std::size_t d = dims();
  Said said;
  for (std::size_t i = 0; i < d; ++i) {
    said.mean += theta_[i] * x[i];
    if (x[i] != 0) said.leverage += x[i] * dot({inverse_.data() + i * d, d}, x);
  }
  said.leverage = std::max(said.leverage, 0.0);
  return said;
}

OnlineRidge::Said OnlineRidge::without(Said said, double y, double weight) {
  const double h = std::min(weight * said.leverage, 1 - 1e-9);
  return {(said.mean - h * y) / (1 - h), said.leverage / (1 - h)};
}

void OnlineRidge::learn(std::span<const double> x, double y, double weight) {
  const std::size_t d = dims();
  for (std::size_t i = 0; i < d; ++i) {
    moment_[i] += weight * y * x[i];
    work_[i] = dot({inverse_.data() + i * d, d}, x);
    for (std::size_t j = 0; j < d; ++j) gram_[i * d + j] += weight * x[i] * x[j];
  }
  const double scale = weight / (1 + weight * dot(work_, x));
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j < d; ++j) inverse_[i * d + j] -= scale * work_[i] * work_[j];
  }
  examples_ += weight;
  settled_ = false;
  if (++steps_ % kRefresh == 0) invert();
  solve();
}

void OnlineRidge::forget(double keep) {
  if (keep == 1) return;
  for (double& g : gram_) g *= keep;
  for (double& m : moment_) m *= keep;
  examples_ *= keep;
  invert();
  solve();
}

bool OnlineRidge::restore(std::span<const double> gram, std::span<const double> moment,
                          double examples) {
  if (gram.size() != gram_.size() || moment.size() != moment_.size()) return false;
  const auto finite = [](double v) { return std::isfinite(v); };
  if (!std::all_of(gram.begin(), gram.end(), finite) ||
      !std::all_of(moment.begin(), moment.end(), finite) || !(examples >= 0)) {
    return false;
  }
  OnlineRidge fresh(dims(), ridge_);
  fresh.gram_.assign(gram.begin(), gram.end());
  fresh.moment_.assign(moment.begin(), moment.end());
  fresh.examples_ = examples;
  if (!fresh.invert()) return false;
  fresh.solve();
  *this = std::move(fresh);
  return true;
}

void OnlineRidge::settle() {
  if (settled_ || !invert()) return;
  solve();
}

void OnlineRidge::solve() {
  const std::size_t d = dims();
  for (std::size_t i = 0; i < d; ++i) theta_[i] = dot({inverse_.data() + i * d, d}, moment_);
}

// Cholesky A = L L', then the columns of the inverse by two triangular solutions each. False, and
// nothing changed, when A is not positive definite.
bool OnlineRidge::invert() {
  const std::size_t d = dims();
  std::vector<double> a = gram_;
  for (std::size_t i = 0; i < d; ++i) a[i * d + i] += ridge_;
  Cholesky factor;
  if (!factor.factor(std::move(a), d)) return false;
  for (std::size_t c = 0; c < d; ++c) {
    std::fill(work_.begin(), work_.end(), 0.0);
    work_[c] = 1;
    factor.solve(work_);
    for (std::size_t i = 0; i < d; ++i) inverse_[i * d + c] = work_[i];
  }
  settled_ = true;
  return true;
}

}  // namespace swy::math
