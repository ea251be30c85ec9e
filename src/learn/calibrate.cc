// Temperature: Guo et al. 2017 (arXiv 1706.04599); one-dimensional and convex in 1/t, found by
// golden section on ln t. Platt 1999 with the Newton iteration of Lin, Lin and Weng 2007. Isotonic:
// pool adjacent violators, O(n log n); equal x are pooled first. Zadrozny and Elkan 2002. When they
// lose: few rows; isotonic then follows noise. A logistic curve of log odds (Platt's, with ln(p /
// (1 - p)) as score; one parameter less than beta calibration, Kull et al. 2017) does not, and
// cannot bend twice: fit_confidence() lets held-out likelihood choose. It is kept as straight
// pieces between 65 points, at most 0.002 off. Test: known_answers_test.cc against scikit-learn.
#include "learn/calibrate.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "base/check.h"

namespace swy::learn {
namespace {

double nll(std::span<const float> logits, std::size_t labels, std::span<const std::uint32_t> truth,
           double inverse) {
  double sum = 0;
  for (std::size_t r = 0; r < truth.size(); ++r) {
    const auto row = logits.subspan(r * labels, labels);
    const auto top = static_cast<double>(*std::max_element(row.begin(), row.end()));
    double z = 0;
    for (const float v : row) z += std::exp(inverse * (static_cast<double>(v) - top));
    sum += std::log(z) - inverse * (static_cast<double>(row[truth[r]]) - top);
  }
  return sum;
}

constexpr double kEdge = 1e-4;  // log odds are taken of probabilities within kEdge..1 - kEdge

double log_odds(double p) {
  p = std::clamp(p, kEdge, 1 - kEdge);
  return std::log(p / (1 - p));
}

// nullopt: the odds of being right do not rise with p.
std::optional<Curve> fit_logistic_curve(std::span<const float> p,
                                        std::span<const std::uint8_t> right) {
  constexpr int kPieces = 64;
  std::vector<float> score;
  for (const float v : p) score.push_back(static_cast<float>(log_odds(static_cast<double>(v))));
  const Platt fit = fit_platt(score, right);
  if (!(fit.slope > 0)) return std::nullopt;
  Curve curve;
  const double end = log_odds(1);
  for (int i = 0; i <= kPieces; ++i) {
    const double z = end * (2.0 * i / kPieces - 1);
    curve.x.push_back(static_cast<float>(1 / (1 + std::exp(-z))));
    curve.y.push_back(static_cast<float>(1 / (1 + std::exp(-(fit.slope * z + fit.offset)))));
  }
  return curve;
}

double confidence_nll(const Curve& curve, std::span<const float> p,
                      std::span<const std::uint8_t> right) {
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    // An isotonic curve says 0 and 1 of what it has seen; no row may cost everything.
    const double says = std::clamp(static_cast<double>(curve.at(p[i])), 1e-3, 1 - 1e-3);
    sum -= std::log(right[i] != 0 ? says : 1 - says);
  }
  return sum;
}

Curve isotonic_of(std::span<const float> p, std::span<const std::uint8_t> right) {
  const std::vector<float> y(right.begin(), right.end());
  return fit_isotonic(p, y);
}

}  // namespace

double fit_temperature(std::span<const float> logits, std::size_t labels,
                       std::span<const std::uint32_t> truth) {
  if (truth.empty()) return 1;
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(0.02), high = std::log(50.0);  // of 1/t
  const auto f = [&](double log_inverse) {
    return nll(logits, labels, truth, std::exp(log_inverse));
  };
  double a = high - golden * (high - low), b = low + golden * (high - low);
  double fa = f(a), fb = f(b);
  for (int i = 0; i < 40; ++i) {  // the interval shrinks to 10^-8 of its width
    if (fa < fb) {
      high = b, b = a, fb = fa;
      a = high - golden * (high - low);
      fa = f(a);
    } else {
      low = a, a = b, fa = fb;
      b = low + golden * (high - low);
      fb = f(b);
    }
  }
  return std::exp(-(low + high) / 2);
}

Platt fit_platt(std::span<const float> score, std::span<const std::uint8_t> positive) {
  double yes = 0;
  for (const std::uint8_t p : positive) yes += p != 0 ? 1 : 0;
  const double no = static_cast<double>(score.size()) - yes;
  const double high = (yes + 1) / (yes + 2), low = 1 / (no + 2);
  Platt fit{0, std::log((yes + 1) / (no + 1))};
  const auto loss = [&](const Platt& p) {
    double sum = 0;
    for (std::size_t i = 0; i < score.size(); ++i) {
      const double z = p.slope * static_cast<double>(score[i]) + p.offset;
      const double t = positive[i] != 0 ? high : low;
      sum += std::max(z, 0.0) + std::log1p(std::exp(-std::fabs(z))) - t * z;
    }
    return sum;
  };
  double value = loss(fit);
  for (int round = 0; round < 100; ++round) {
    double ga = 0, gb = 0, haa = 1e-12, hab = 0, hbb = 1e-12;
    for (std::size_t i = 0; i < score.size(); ++i) {
      const auto s = static_cast<double>(score[i]);
      const double p = 1 / (1 + std::exp(-(fit.slope * s + fit.offset)));
      const double d = p - (positive[i] != 0 ? high : low), h = p * (1 - p);
      ga += s * d, gb += d, haa += s * s * h, hab += s * h, hbb += h;
    }
    if (std::fabs(ga) < 1e-7 && std::fabs(gb) < 1e-7) break;
    const double det = haa * hbb - hab * hab;
    if (!(det > 0)) break;
    const double da = -(hbb * ga - hab * gb) / det, db = -(haa * gb - hab * ga) / det;
    double step = 1;
    for (; step > 1e-10; step /= 2) {
      const Platt next{fit.slope + step * da, fit.offset + step * db};
      const double v = loss(next);
      if (v > value + 1e-4 * step * (ga * da + gb * db)) continue;
      fit = next, value = v;
      break;
    }
    if (step <= 1e-10) break;
  }
  return fit;
}

float Curve::at(float v) const {
  const auto upper = std::upper_bound(x.begin(), x.end(), v);
  if (upper == x.begin()) return y.front();
  if (upper == x.end()) return y.back();
  const auto i = static_cast<std::size_t>(upper - x.begin());
  return y[i - 1] + (v - x[i - 1]) / (x[i] - x[i - 1]) * (y[i] - y[i - 1]);
}

Curve fit_isotonic(std::span<const float> x, std::span<const float> y) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  struct Block {
    double sum = 0, weight = 0;
    float first = 0, last = 0;
    [[nodiscard]] double mean() const { return sum / weight; }
  };
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const float at = x[order[i]];
    Block block{static_cast<double>(y[order[i]]), 1, at, at};
    for (; i + 1 < order.size() && x[order[i + 1]] == at; ++i) {
      block.sum += static_cast<double>(y[order[i + 1]]);
      block.weight += 1;
    }
    while (!blocks.empty() && blocks.back().mean() >= block.mean()) {
      const Block& before = blocks.back();
      block.sum += before.sum;
      block.weight += before.weight;
      block.first = before.first;
      blocks.pop_back();
    }
    blocks.push_back(block);
  }
  Curve curve;
  for (const Block& b : blocks) {
    curve.x.push_back(b.first);
    curve.y.push_back(static_cast<float>(b.mean()));
    if (b.last == b.first) continue;
    curve.x.push_back(b.last);
    curve.y.push_back(static_cast<float>(b.mean()));
  }
  return curve;
}

Curve fit_confidence(std::span<const float> p, std::span<const std::uint8_t> right) {
  constexpr std::size_t kFolds = 5;
  SWY_ASSERT(p.size() == right.size() && p.size() >= kFolds);
  double logistic = 0, isotonic = 0;
  for (std::size_t f = 0; f < kFolds; ++f) {
    std::vector<float> in_p, out_p;
    std::vector<std::uint8_t> in_right, out_right;
    for (std::size_t i = 0; i < p.size(); ++i) {
      (i % kFolds == f ? out_p : in_p).push_back(p[i]);
      (i % kFolds == f ? out_right : in_right).push_back(right[i]);
    }
    const auto curve = fit_logistic_curve(in_p, in_right);
    if (!curve) return isotonic_of(p, right);
    logistic += confidence_nll(*curve, out_p, out_right);
    isotonic += confidence_nll(isotonic_of(in_p, in_right), out_p, out_right);
  }
  auto curve = fit_logistic_curve(p, right);
  if (!curve || isotonic < logistic) return isotonic_of(p, right);
  return std::move(*curve);
}

}  // namespace swy::learn
