// fit_platt(): maximum likelihood of sigma(slope * s + bias), a logistic regression of one column.
//
// Targets are drawn in as Platt proposes, (N+ + 1) / (N+ + 2) and 1 / (N- + 2) in place of 1 and 0,
// so that a score that separates the rows has a finite slope; y between 0 and 1 lies between them.
// Source: Platt 1999. Test: platt_test.cc.
#include "math/platt.h"

#include <cmath>
#include <vector>

#include "base/check.h"
#include "math/logistic.h"

namespace swy::math {
namespace {

constexpr double kRidge = 1e-9;  // a score that separates the rows has a finite slope anyway

Platt of(const Logistic& fit) { return {fit.weights.empty() ? 0 : fit.weights[0], fit.bias}; }

}  // namespace

double Platt::operator()(double score) const { return 1 / (1 + std::exp(-(slope * score + bias))); }

Platt fit_platt(std::span<const double> score, std::span<const float> y) {
  SWY_ASSERT(score.size() == y.size());
  double plus = 0, minus = 0;
  for (const float v : y) {
    if (std::isnan(v)) continue;
    plus += static_cast<double>(v);
    minus += 1 - static_cast<double>(v);
  }
  const double high = (plus + 1) / (plus + 2);
  const double low = 1 / (minus + 2);
  std::vector<double> scores, targets;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (std::isnan(y[i]) || std::isnan(score[i])) continue;
    scores.push_back(score[i]);
    targets.push_back(low + (high - low) * static_cast<double>(y[i]));
  }
  if (targets.empty()) return {0, 0};
  const Platt p = of(fit_logistic(scores, 1, targets, kRidge));
  return p.slope >= 0 ? p : of(fit_logistic({}, 0, targets, kRidge));
}

}  // namespace swy::math
