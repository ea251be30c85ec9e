// Platt scaling: what probability a score stands for, as a logistic curve.
//
// When to use: margins of a classifier, scores of a rank. Threading: pure. Ownership: values.
#pragma once

#include <span>

namespace swy::math {

struct Platt {
  double slope = 1;
  double bias = 0;
  [[nodiscard]] double operator()(double score) const;  // 1 / (1 + exp(-(slope * score + bias)))
};

// y in 0..1, NaN is left out. Without observations slope 0 and bias 0. The slope is never
// negative: a score that is worth nothing or less says the mean. REQUIRES: equal sizes.
Platt fit_platt(std::span<const double> score, std::span<const float> y);

}  // namespace swy::math
