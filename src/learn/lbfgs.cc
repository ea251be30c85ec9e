// L-BFGS (Nocedal 1980; Nocedal & Wright, Numerical Optimization, algorithm 7.4/7.5) with a
// backtracking line search on the Armijo condition. A pair (s, y) with s'y too small is left out,
// which keeps the inverse Hessian positive definite without a Wolfe search. Points are floats, all
// sums doubles: memory is what limits the size of a head. Deterministic. Test: logistic_test.cc.
#include "learn/lbfgs.h"

#include <cmath>
#include <deque>
#include <vector>

namespace swy::learn {
namespace {

double dot(std::span<const float> a, std::span<const float> b) {
  double sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= a.size(); i += 4) {
    for (std::size_t k = 0; k < 4; ++k) {
      sums[k] += static_cast<double>(a[i + k]) * static_cast<double>(b[i + k]);
    }
  }
  for (; i < a.size(); ++i) sums[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sums[0] + sums[1] + sums[2] + sums[3];
}

void add_scaled(std::span<float> a, double f, std::span<const float> b) {
  const auto factor = static_cast<float>(f);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += factor * b[i];
}

float largest(std::span<const float> g) {
  float top = 0;
  for (const float v : g) top = std::max(top, std::fabs(v));
  return top;
}

struct Pair {
  std::vector<float> s, y;
  double rho = 0;
};

// direction = -H * gradient by the two-loop recursion.
void two_loop(const std::deque<Pair>& pairs, std::span<const float> gradient,
              std::vector<float>& direction) {
  direction.assign(gradient.begin(), gradient.end());
  std::vector<double> alpha(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = pairs[i].rho * dot(pairs[i].s, direction);
    add_scaled(direction, -alpha[i], pairs[i].y);
  }
  if (!pairs.empty()) {
    const Pair& last = pairs.back();
    const auto gamma = static_cast<float>(1 / (last.rho * dot(last.y, last.y)));
    for (float& v : direction) v *= gamma;
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    add_scaled(direction, alpha[i] - pairs[i].rho * dot(pairs[i].y, direction), pairs[i].s);
  }
  for (float& v : direction) v = -v;
}

}  // namespace

LbfgsResult minimize(const Objective& objective, std::span<float> x, const LbfgsOptions& options,
                     const std::function<void()>& on_step) {
  const std::size_t n = x.size();
  std::vector<float> gradient(n), direction, next(n), next_gradient(n);
  std::deque<Pair> pairs;
  LbfgsResult result;
  result.value = objective(x, gradient);
  for (; result.iterations < options.max_iterations; ++result.iterations) {
    const float steepest = largest(gradient);
    result.converged = static_cast<double>(steepest) <= options.tolerance;
    if (result.converged) break;
    two_loop(pairs, gradient, direction);
    double slope = dot(gradient, direction);
    if (slope >= 0) {  // rounding spoiled the history
      pairs.clear();
      two_loop(pairs, gradient, direction);
      slope = dot(gradient, direction);
    }
    double step = pairs.empty() ? std::min(1.0, 1.0 / std::sqrt(dot(gradient, gradient))) : 1.0;
    double value = 0;
    bool found = false;
    for (int tries = 0; tries < 30 && !found; ++tries, step *= found ? 1.0 : 0.5) {
      for (std::size_t i = 0; i < n; ++i) next[i] = x[i] + static_cast<float>(step) * direction[i];
      value = objective(next, next_gradient);
      found = value <= result.value + 1e-4 * step * slope;
    }
    if (!found) break;  // as low as floats go
    Pair pair;
    if (pairs.size() == static_cast<std::size_t>(options.history)) {
      pair = std::move(pairs.front());
      pairs.pop_front();
    }
    pair.s.resize(n);
    pair.y.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      pair.s[i] = next[i] - x[i];
      pair.y[i] = next_gradient[i] - gradient[i];
      x[i] = next[i];
    }
    gradient.swap(next_gradient);
    result.value = value;
    const double sy = dot(pair.s, pair.y);
    if (sy > 1e-10 * dot(pair.y, pair.y)) {
      pair.rho = 1 / sy;
      pairs.push_back(std::move(pair));
    }
    if (on_step) on_step();
  }
  return result;
}

}  // namespace swy::learn
