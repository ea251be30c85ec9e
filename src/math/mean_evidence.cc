// Always-valid tests and confidence sequences for means of bounded numbers.
//
// For x_i in [0, 1] with conditional mean mu_i, and any prediction p_i of x_i made before it is
// seen,
//   exp( l sum (x_i - mu_i) - psi(l) sum (x_i - p_i)^2 ),   psi(l) = -log(1 - l) - l,   0 <= l < 1,
// is a nonnegative supermartingale that starts at 1 (Fan, Grama, Liu 2015; Howard, Ramdas,
// McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals
// of Statistics 49, 2021, theorem 4). p_i is the mean of what came before, so the second sum grows
// with the variance. The rate l that serves best depends on how long one waits, so the e-value is
// the mean of the process over eight rates (a discrete mixture, the mixture SPRT's idea); a mean of
// supermartingales is one. By Ville's inequality it ever reaches 1/alpha with probability at most
// alpha.
//
// Two streams: if mean(b) - mean(a) >= d then m = mean(a) satisfies mean(a) <= m and mean(b) >= m +
// d, and the product of the two e-values at this m is again a supermartingale, however the streams
// interleave. m is not known: the least product over all m is taken. Both logarithms are convex in
// m (log of a sum of exponentials), so the least is found by bisecting on the slope's sign (golden
// section). Nothing is assumed about variances, shares, or who gets how much feedback.
//
// Cost: O(1) per number; 16 exponentials per evaluation, at most 2 x 40 of them for a difference.
// Loses: against a test that knows the variance, or a fixed number of observations, by the price of
// looking all the time: about two and a half times the observations at equal power. Numbers of one
// stream that depend on each other (turns of one session) break the guarantee: count one per
// session. Deviations: equal weights on the rates instead of a density. Test:
// mean_evidence_test.cc.
#include "math/mean_evidence.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"

namespace swy::math {
namespace {

constexpr std::array<double, 8> kRates = {0.8, 0.4, 0.2, 0.1, 0.05, 0.025, 0.0125, 0.00625};
constexpr int kGolden = 40;  // narrows [0, 1] to 1e-8
constexpr int kBisections = 30;

}  // namespace

void MeanEvidence::add(double x) {
  SWY_ASSERT(x >= 0 && x <= 1);
  const double off = x - mean();
  spread_ += off * off;
  sum_ += x;
  ++n_;
}

double MeanEvidence::mean() const { return n_ == 0 ? 0.5 : sum_ / static_cast<double>(n_); }

// log of the mean over rates of exp(rate * excess - psi(rate) * spread).
double MeanEvidence::mixture(double excess) const {
  std::array<double, kRates.size()> terms{};
  for (std::size_t i = 0; i < kRates.size(); ++i) {
    const double psi = -std::log1p(-kRates[i]) - kRates[i];
    terms[i] = kRates[i] * excess - psi * spread_;
  }
  const double top = *std::max_element(terms.begin(), terms.end());
  double total = 0;
  for (const double t : terms) total += std::exp(t - top);
  return top + std::log(total / static_cast<double>(kRates.size()));
}

double MeanEvidence::against_at_most(double m) const {
  return mixture(sum_ - static_cast<double>(n_) * m);
}

double MeanEvidence::against_at_least(double m) const {
  return mixture(static_cast<double>(n_) * m - sum_);
}

namespace {

// The product at a given m, as a logarithm. d: what b is claimed to be ahead by.
double at(const MeanEvidence& a, const MeanEvidence& b, double d, double m) {
  return a.against_at_most(m) + b.against_at_least(m + d);
}

}  // namespace

double against_difference_of_at_least(const MeanEvidence& a, const MeanEvidence& b, double d) {
  constexpr double kRatio = 0.6180339887498949;
  double low = 0;  // m is mean(a), and m + d is at most mean(b)
  double high = std::min(1.0, 1.0 - d);
  double left = high - kRatio * (high - low);
  double right = low + kRatio * (high - low);
  double at_left = at(a, b, d, left);
  double at_right = at(a, b, d, right);
  double least = std::min({at(a, b, d, low), at(a, b, d, high), at_left, at_right});
  for (int i = 0; i < kGolden; ++i) {
    if (at_left <= at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - kRatio * (high - low);
      at_left = at(a, b, d, left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + kRatio * (high - low);
      at_right = at(a, b, d, right);
    }
    least = std::min({least, at_left, at_right});
  }
  return least;
}

bool refutes_difference_of_at_least(const MeanEvidence& a, const MeanEvidence& b, double d,
                                    double log_level) {
  // Any m bounds the least from above; the pooled one is near it.
  const double n_a = static_cast<double>(a.n());
  const double n_b = static_cast<double>(b.n());
  if (n_a == 0 || n_b == 0) return false;
  const double pooled = (n_a * a.mean() + n_b * (b.mean() - d)) / (n_a + n_b);
  const double m = std::clamp(pooled, 0.0, std::min(1.0, 1.0 - d));
  if (at(a, b, d, m) < log_level) return false;
  return against_difference_of_at_least(a, b, d) >= log_level;
}

Bounds mean_bounds(const MeanEvidence& e, double alpha) {
  SWY_ASSERT(alpha > 0 && alpha < 1);
  const double level = std::log(2 / alpha);
  Bounds out{0, 1};
  double inside = e.mean();
  for (int i = 0; i < kBisections; ++i) {
    const double m = (out.low + inside) / 2;
    (e.against_at_most(m) >= level ? out.low : inside) = m;
  }
  inside = e.mean();
  for (int i = 0; i < kBisections; ++i) {
    const double m = (out.high + inside) / 2;
    (e.against_at_least(m) >= level ? out.high : inside) = m;
  }
  return out;
}

Bounds difference_bounds(const MeanEvidence& a, const MeanEvidence& b, double alpha) {
  SWY_ASSERT(alpha > 0 && alpha < 1);
  const double level = std::log(2 / alpha);
  Bounds out;
  double inside = b.mean() - a.mean();
  for (int i = 0; i < kBisections; ++i) {
    const double d = (out.high + inside) / 2;
    (refutes_difference_of_at_least(a, b, d, level) ? out.high : inside) = d;
  }
  inside = b.mean() - a.mean();
  for (int i = 0; i < kBisections; ++i) {
    const double d = (out.low + inside) / 2;  // "mean(a) - mean(b) >= -d" refuted: d is too low
    (refutes_difference_of_at_least(b, a, -d, level) ? out.low : inside) = d;
  }
  return out;
}

}  // namespace swy::math
