// L-BFGS: the minimum of a smooth function of many variables.
//
// When to use: training of convex models (logistic.h) and small non-convex ones (contrastive.h).
// Threading: pure. Ownership: x is the caller's.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace swy::learn {

struct LbfgsOptions {
  int max_iterations = 100;
  double tolerance = 1e-4;  // largest absolute gradient component at which to stop
  int history = 6;
};

struct LbfgsResult {
  double value = 0;
  int iterations = 0;
  bool converged = false;
};

// Value at x; fills the gradient (same length, not cleared before).
using Objective = std::function<double(std::span<const float> x, std::span<float> gradient)>;

// Starts at x and leaves the best point there. `on_step` is told after every iteration.
LbfgsResult minimize(const Objective& objective, std::span<float> x, const LbfgsOptions& options,
                     const std::function<void()>& on_step = {});

}  // namespace swy::learn
