// Calibration: from scores to probabilities, on rows that the model has not learned from.
//
// When to use: after fitting (train_head.h). Temperature for softmax heads, Platt for a sigmoid per
// label, and on top of either a curve for the confidence in the best label, where there are some
// hundred rows. Threading: pure functions. Ownership: results are values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace swy::learn {

// The t > 0 for which softmax(logits / t) gives `truth` the highest likelihood. logits: rows x
// labels.
double fit_temperature(std::span<const float> logits, std::size_t labels,
                       std::span<const std::uint32_t> truth);

struct Platt {
  double slope = 1;
  double offset = 0;
};
// P(positive) = sigmoid(slope * score + offset), with Platt's smoothed targets.
Platt fit_platt(std::span<const float> score, std::span<const std::uint8_t> positive);

// A rising curve: y at x, straight between, constant outside.
struct Curve {
  std::vector<float> x, y;
  [[nodiscard]] float at(float v) const;  // REQUIRES: not empty
};
// Least squares among all rising functions.
Curve fit_isotonic(std::span<const float> x, std::span<const float> y);

// From the probability `p` of the best label to the share that is right: the logistic curve of the
// log odds or the isotonic one, whichever gives rows that it was not fitted on (of five folds) the
// higher likelihood. Isotonic when the logistic curve would fall. REQUIRES: as many of both, five
// at least, p within 0..1.
Curve fit_confidence(std::span<const float> p, std::span<const std::uint8_t> right);

}  // namespace swy::learn
