#include "route/estimator/gaussian_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "math/kernels.h"
#include "math/ridge.h"

namespace swy::route {
namespace {

constexpr double kSmooth = 0.3;
constexpr double kCentrePrior = 5;

float squared_distance(std::span<const float> a, const float* b) {
  float sum = 0;
  for (std::size_t d = 0; d < a.size(); ++d) sum += (a[d] - b[d]) * (a[d] - b[d]);
  return sum;
}

// Per-row covariance with `kSmooth` of its mean variance on the diagonal.
std::vector<double> smoothed(const math::Gram& gram) {
  const std::size_t n = gram.dims;
  std::vector<double> c = gram.centred(0);
  double trace = 0;
  for (double& v : c) v /= std::max(gram.rows, 1.0);
  for (std::size_t i = 0; i < n; ++i) trace += c[i * n + i];
  for (std::size_t i = 0; i < n; ++i)
    c[i * n + i] += kSmooth * trace / static_cast<double>(n) + 1e-9;
  return c;
}

}  // namespace

void GaussianGroups::Whitening::apply(std::span<const float> x, std::span<float> out) const {
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = math::best_kernels().dot(inverse.data() + i * n, x.data(), i + 1);
  }
}

GaussianGroups::Whitening GaussianGroups::whitening(const std::vector<double>& covariance,
                                                    std::size_t dims) {
  math::Cholesky factor;
  SWY_ASSERT(factor.factor(covariance, dims));
  Whitening w;
  w.inverse.assign(dims * dims, 0.0F);
  std::vector<double> unit(dims);
  for (std::size_t k = 0; k < dims; ++k) {
    std::fill(unit.begin(), unit.end(), 0.0);
    unit[k] = 1;
    factor.whiten(unit);
    for (std::size_t i = k; i < dims; ++i) w.inverse[i * dims + k] = static_cast<float>(unit[i]);
  }
  return w;
}

GaussianGroups::GaussianGroups(const math::Matrix& x, std::span<const std::uint32_t> group,
                               std::size_t groups)
    : dims_(x.cols()) {
  SWY_ASSERT(x.rows() > 0 && group.size() == x.rows());
  math::Gram all(dims_);
  math::Matrix centres(groups, dims_);
  std::vector<double> size(groups, 0.0);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    all.add(x.row(i));
    size[group[i]] += 1;
    const auto c = centres.row(group[i]);
    for (std::size_t d = 0; d < dims_; ++d) c[d] += x.row(i)[d];
  }
  std::vector<float> mean(dims_);
  for (std::size_t d = 0; d < dims_; ++d) mean[d] = static_cast<float>(all.sums[d] / all.rows);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t d = 0; d < dims_; ++d) {
      const double sum = static_cast<double>(centres.row(g)[d]);
      centres.row(g)[d] = static_cast<float>((sum + kCentrePrior * static_cast<double>(mean[d])) /
                                             (size[g] + kCentrePrior));
    }
    log_size_.push_back(static_cast<float>(std::log((size[g] + 1) / all.rows)));
  }
  math::Gram within(dims_);
  std::vector<float> residual(dims_);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t d = 0; d < dims_; ++d) residual[d] = x.row(i)[d] - centres.row(group[i])[d];
    within.add(residual);
  }
  within_ = whitening(smoothed(within), dims_);
  whole_ = whitening(smoothed(all), dims_);
  centres_.resize(groups * dims_);
  for (std::size_t g = 0; g < groups; ++g)
    within_.apply(centres.row(g), std::span(centres_).subspan(g * dims_, dims_));
  mean_.resize(dims_);
  whole_.apply(mean, mean_);
}

void GaussianGroups::write(WeightFile& out) const {
  out.tensors["groups.within"] = within_.inverse;
  out.tensors["groups.whole"] = whole_.inverse;
  out.tensors["groups.centres"] = centres_;
  out.tensors["groups.mean"] = mean_;
  out.tensors["groups.log_size"] = log_size_;
}

Result<GaussianGroups> GaussianGroups::read(const WeightFile& in, std::size_t dims) {
  GaussianGroups g;
  g.dims_ = dims;
  const auto sizes = in.tensors.find("groups.log_size");
  const std::size_t n = sizes == in.tensors.end() ? 0 : sizes->second.size();
  if (n == 0) return fail(ErrorCode::kParse, fmt::format("weights of {}: no groups", in.type));
  SWY_TRY(g.log_size_, in.tensor("groups.log_size", n));
  SWY_TRY(g.within_.inverse, in.tensor("groups.within", dims * dims));
  SWY_TRY(g.whole_.inverse, in.tensor("groups.whole", dims * dims));
  SWY_TRY(g.centres_, in.tensor("groups.centres", n * dims));
  SWY_TRY(g.mean_, in.tensor("groups.mean", dims));
  return g;
}

double GaussianGroups::belong(std::span<const float> x, std::span<float> share,
                              std::size_t without) const {
  thread_local std::vector<float> white;
  white.resize(dims_);
  within_.apply(x, white);
  float least = std::numeric_limits<float>::infinity();
  float best = -std::numeric_limits<float>::infinity();
  for (std::size_t g = 0; g < groups(); ++g) {
    const float distance = squared_distance(white, centres_.data() + g * dims_);
    if (g != without) least = std::min(least, distance);
    share[g] = 0.5F * log_size_[g] - 0.25F * distance;
    best = std::max(best, share[g]);
  }
  float sum = 0;
  for (float& s : share) sum += s = std::exp(s - best);
  for (float& s : share) s /= sum;
  whole_.apply(x, white);
  return static_cast<double>(least - squared_distance(white, mean_.data()));
}

}  // namespace swy::route
