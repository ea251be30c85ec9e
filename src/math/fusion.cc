// Formula: fusion.h. Why: a modality that looks like what was seen before is trusted more; product
// and distance say where the two agree. Cost: linear. Loses where an unusual image is the very
// thing that matters. Paper: MMR-Bench's adaptive fusion ("kmeansnew", request-routing.md 4.9).
// Deviations: statistics are frozen when it is fitted (there: of the test batch, so that no single
// request could be served); of one modality alone that one. Test: fusion_test.cc.
#include "math/fusion.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace swy::math {
namespace {

constexpr double kSharpness = 5;  // of the softmax, as in the source

double dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
double norm(std::span<const float> x) { return std::sqrt(dot(x, x)); }

Modality fit_modality(const Matrix& x) {
  Modality m;
  m.mean.assign(x.cols(), 0.0F);
  std::vector<double> norms;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    const double length = norm(x.row(i));
    if (length == 0) continue;
    norms.push_back(length);
    for (std::size_t k = 0; k < x.cols(); ++k) m.mean[k] += x.row(i)[k];
  }
  if (norms.empty()) return m;
  const auto n = static_cast<double>(norms.size());
  for (float& v : m.mean) v /= static_cast<float>(n);
  m.norm_mean = std::accumulate(norms.begin(), norms.end(), 0.0) / n;
  double var = 0;
  for (const double v : norms) var += (v - m.norm_mean) * (v - m.norm_mean);
  m.norm_sd = std::sqrt(var / n);
  return m;
}

void scale_to_one(std::span<float> x) {
  const double length = norm(x);
  if (length == 0) return;
  for (float& v : x) v = static_cast<float>(static_cast<double>(v) / length);
}

}  // namespace

double Modality::confidence(std::span<const float> x) const {
  const double length = norm(x);
  const double lengths = length * norm(mean);
  const double cosine = lengths > 0 ? dot(x, mean) / lengths : 0;
  // Norms that differ by rounding alone are equal.
  const double z = norm_sd > 1e-6 * norm_mean ? (length - norm_mean) / norm_sd : 0;
  return (cosine + 1) / 4 + 0.5 / (1 + std::exp(-z));
}

void Fusion::fuse(std::span<const float> t, std::span<const float> v, std::span<float> out) const {
  SWY_ASSERT(t.size() == v.size() && out.size() == t.size() && text.mean.size() == t.size());
  const bool has_text = norm(t) > 0;
  if (!has_text || norm(v) == 0) {
    std::copy_n(has_text ? t.begin() : v.begin(), out.size(), out.begin());
    return scale_to_one(out);
  }
  const double lead = text.confidence(t) - image.confidence(v);
  const auto w = static_cast<float>(1 / (1 + std::exp(-kSharpness * lead)));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = w * t[i] + (1 - w) * v[i] + 0.5F * t[i] * v[i] + 0.5F * std::abs(t[i] - v[i]);
  scale_to_one(out);
}

Fusion fit_fusion(const Matrix& text, const Matrix& image) {
  return {fit_modality(text), fit_modality(image)};
}

}  // namespace swy::math
