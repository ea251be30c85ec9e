// The probability that each of several independent normal quantities is the highest.
//
// When to use: stating the distribution of a policy that samples beliefs and takes the best.
// Threading: pure; working memory is per thread and nothing is remembered in it. Ownership:
// everything borrowed for the call.
#pragma once

#include <span>

namespace swy::math {

struct Normal {
  double mean = 0;
  double sd = 0;  // 0: certain
};

// p[i] = P(X_i is the highest), summing to 1. What can be the highest only beyond eight standard
// deviations gets 0. Equal certain ones share. REQUIRES: at least one, all finite, sd >= 0, p as
// long as x.
void argmax_probabilities(std::span<const Normal> x, std::span<double> p);

}  // namespace swy::math
