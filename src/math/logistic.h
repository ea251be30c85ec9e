// A small logistic regression: few columns, thousands of rows, labels between 0 and 1.
//
// When to use: few numbers per row (scores of answers, signs of a foreign prompt). Larger ones:
// learn/logistic.h. Threading: pure. Ownership: value.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace swy::math {

struct Logistic {
  std::vector<double> weights;  // of the columns as they are
  double bias = 0;

  [[nodiscard]] double logit(std::span<const double> row) const;
  [[nodiscard]] double probability(std::span<const double> row) const;
};

// Newton's method on columns brought to mean 0 and deviation 1; ridge: weight of half their squared
// sum beside the mean loss times rows. Columns that do not vary get weight 0. REQUIRES: x has
// y.size() rows; y in 0..1. No rows: everything 0.
Logistic fit_logistic(std::span<const double> x, std::size_t columns, std::span<const double> y,
                      double ridge = 1);

}  // namespace swy::math
