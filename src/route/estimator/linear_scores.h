// A score of every model that is linear in the prompt's features, trained by a loss of the scores.
//
// When to use: inside this folder, for estimators whose loss compares models with each other.
// Threading: fitted by one thread, then immutable. Ownership: owns its weights.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "math/descend.h"
#include "math/matrix.h"
#include "route/estimator/weight_file.h"

namespace swy::route {

// The loss of row i at these scores; writes the slope of every score (zeros on entry).
using ScoreLoss =
    std::function<double(std::uint32_t row, std::span<const float> score, std::span<float> slope)>;

struct LinearScores {
  std::size_t dims = 0, outputs = 0;
  std::vector<float> weights;  // outputs x (dims + 1), the last is the bias

  // REQUIRES: x.size() == dims, out.size() == outputs.
  void scores(std::span<const float> x, std::span<float> out) const;
  static LinearScores fit(const math::Matrix& x, std::size_t outputs, const ScoreLoss& loss,
                          const math::DescentOptions& options);
  static Result<LinearScores> read(const WeightFile& w, std::size_t dims, std::size_t outputs);
};

// Loss and gradient by the weights, of rows of x.
math::RowLoss linear_loss(const math::Matrix& x, std::size_t outputs, const ScoreLoss& loss);

}  // namespace swy::route
