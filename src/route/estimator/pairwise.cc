#include "route/estimator/pairwise.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace swy::route {
namespace {

constexpr int kRounds = 1000;
constexpr double kStill = 1e-10;
constexpr double kLeast = 1e-12;  // strength of a model that never won, when there is no prior

}  // namespace

double result_of(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  return a > b ? 1 : a < b ? 0 : 0.5;
}

double elo_expected(double a, double b) { return 1 / (1 + std::pow(10.0, (b - a) / 400)); }

void elo_update(double& a, double& b, double y, double k) {
  const double gain = k * (y - elo_expected(a, b));
  a += gain;
  b -= gain;
}

void bradley_terry(std::span<const double> wins, double prior, std::span<double> out) {
  const std::size_t n = out.size();
  const auto won = [&](std::size_t a, std::size_t b) {
    return a == b ? 0 : wins[a * n + b] + prior / 2;
  };
  std::fill(out.begin(), out.end(), 1.0);
  for (int round = 0; round < kRounds; ++round) {
    double moved = 0;
    double log_sum = 0;
    for (std::size_t a = 0; a < n; ++a) {
      double points = 0;
      double met = 0;
      for (std::size_t b = 0; b < n; ++b) {
        const double battles = won(a, b) + won(b, a);
        if (battles == 0) continue;
        points += won(a, b);
        met += battles / (out[a] + out[b]);
      }
      const double next = met > 0 ? std::max(points / met, kLeast) : out[a];
      moved = std::max(moved, std::fabs(next - out[a]) / out[a]);
      out[a] = next;
      log_sum += std::log(next);
    }
    const double scale = std::exp(-log_sum / static_cast<double>(n));
    for (double& p : out) p *= scale;
    if (moved < kStill) break;
  }
}

}  // namespace swy::route
