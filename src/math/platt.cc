// fit_platt(): maximum likelihood of sigma(slope * s + bias), by Newton's method.
//
// Targets are drawn in as Platt proposes, (N+ + 1) / (N+ + 2) and 1 / (N- + 2) in place of 1 and 0,
// so that a score that separates the rows has a finite slope; y between 0 and 1 lies between them.
// Steps are halved until the likelihood does not fall. Source: Platt 1999; Lin, Lin and Weng 2007
// (the halving). Test: platt_test.cc.
#include "math/platt.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/check.h"

namespace swy::math {
namespace {

struct Point {
  double score, target;
};

double sigma(double z) { return 1 / (1 + std::exp(-z)); }

// -log likelihood, without overflow.
double loss(std::span<const Point> points, const Platt& p) {
  double sum = 0;
  for (const auto& [s, t] : points) {
    const double z = p.slope * s + p.bias;
    sum += std::max(z, 0.0) - t * z + std::log1p(std::exp(-std::abs(z)));
  }
  return sum;
}

Platt newton_step(std::span<const Point> points, const Platt& p, bool with_slope) {
  constexpr double kRidge = 1e-9;  // keeps the second derivative invertible
  std::array<double, 2> gradient{};
  double ss = kRidge, s1 = 0, n = kRidge;
  for (const auto& [s, t] : points) {
    const double q = sigma(p.slope * s + p.bias);
    const double w = q * (1 - q);
    gradient[0] += (q - t) * s;
    gradient[1] += q - t;
    ss += w * s * s;
    s1 += w * s;
    n += w;
  }
  if (!with_slope) return {0, gradient[1] / n};
  const double det = ss * n - s1 * s1;
  return {(n * gradient[0] - s1 * gradient[1]) / det, (ss * gradient[1] - s1 * gradient[0]) / det};
}

Platt minimise(std::span<const Point> points, bool with_slope) {
  Platt p{0, 0};
  double now = loss(points, p);
  for (int round = 0; round < 100; ++round) {
    const Platt step = newton_step(points, p, with_slope);
    double part = 1;
    Platt next;
    double then = 0;
    do {
      next = {p.slope - part * step.slope, p.bias - part * step.bias};
      then = loss(points, next);
      part /= 2;
    } while (!(then <= now) && part > 1e-9);
    if (!(then < now - 1e-12)) break;
    p = next;
    now = then;
  }
  return p;
}

}  // namespace

double Platt::operator()(double score) const { return sigma(slope * score + bias); }

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
  std::vector<Point> points;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (std::isnan(y[i]) || std::isnan(score[i])) continue;
    points.push_back({score[i], low + (high - low) * static_cast<double>(y[i])});
  }
  if (points.empty()) return {0, 0};
  const Platt p = minimise(points, true);
  return p.slope >= 0 ? p : minimise(points, false);
}

}  // namespace swy::math
