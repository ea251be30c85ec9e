#include "route/estimator/linear_scores.h"

#include "math/kernels.h"

namespace swy::route {
namespace {

void score(std::span<const float> weights, std::span<const float> x, std::span<float> out) {
  const std::size_t stride = x.size() + 1;
  for (std::size_t o = 0; o < out.size(); ++o) {
    const float* w = weights.data() + o * stride;
    out[o] = math::best_kernels().dot(w, x.data(), x.size()) + w[x.size()];
  }
}

}  // namespace

void LinearScores::scores(std::span<const float> x, std::span<float> out) const {
  score(weights, x, out);
}

math::RowLoss linear_loss(const math::Matrix& x, std::size_t outputs, const ScoreLoss& loss) {
  return [&x, outputs, loss](std::uint32_t i, std::span<const float> w, std::span<float> grad) {
    thread_local std::vector<float> s, slope;
    s.resize(outputs);
    slope.assign(outputs, 0.0F);
    score(w, x.row(i), s);
    const double value = loss(i, s, slope);
    const std::size_t stride = x.cols() + 1;
    for (std::size_t o = 0; o < outputs && !grad.empty(); ++o) {
      if (slope[o] == 0) continue;
      math::best_kernels().axpy(slope[o], x.row(i).data(), x.cols(), grad.data() + o * stride);
      grad[o * stride + x.cols()] += slope[o];
    }
    return value;
  };
}

LinearScores LinearScores::fit(const math::Matrix& x, std::size_t outputs, const ScoreLoss& loss,
                               const math::DescentOptions& options) {
  LinearScores s{x.cols(), outputs, std::vector<float>(outputs * (x.cols() + 1), 0.0F)};
  s.weights = math::descend(s.weights, x.rows(), linear_loss(x, outputs, loss), options);
  return s;
}

Result<LinearScores> LinearScores::read(const WeightFile& w, std::size_t dims,
                                        std::size_t outputs) {
  LinearScores s{dims, outputs, {}};
  SWY_TRY(s.weights, w.tensor("weights", outputs * (dims + 1)));
  return s;
}

}  // namespace swy::route
