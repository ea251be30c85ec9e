#include "route/estimator/gaussian_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "math/kernels.h"
#include "math/ridge.h"
#include "route/estimator/prompt_features.h"

namespace swy::route {
namespace {

constexpr double kSmooth = 0.3;
constexpr double kCentrePrior = 5;
constexpr double kFormRows = 2;      // pseudo-rows with the variance of all rows
constexpr double kFormLeast = 0.02;  // variance, of that of all rows
constexpr double kFormNear = -30, kFormOffset = 60;

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
                               std::size_t groups, std::size_t counts)
    : dims_(x.cols()), counts_(counts) {
  SWY_ASSERT(x.rows() > 0 && group.size() == x.rows() && counts <= dims_);
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
    size_.push_back(static_cast<float>(size[g]));
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
  describe_counts(x, group);
}

void GaussianGroups::describe_counts(const math::Matrix& x, std::span<const std::uint32_t> group) {
  std::vector<double> sum(groups() * counts_, 0.0);
  std::vector<double> square(sum);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    const auto counts = x.row(i).last(counts_);
    for (std::size_t c = 0; c < counts_; ++c) {
      const auto z = static_cast<double>(counts[c] / PromptFeatures::kCountWeight);
      sum[group[i] * counts_ + c] += z;
      square[group[i] * counts_ + c] += z * z;
    }
  }
  for (std::size_t k = 0; k < sum.size(); ++k) {
    const auto n = static_cast<double>(size_[k / counts_]);
    const double mean = sum[k] / (n + 1);
    const double spread = square[k] - 2 * mean * sum[k] + n * mean * mean;
    form_mean_.push_back(static_cast<float>(mean));
    form_precision_.push_back(
        static_cast<float>(1 / ((spread + kFormRows) / (n + kFormRows) + kFormLeast)));
  }
  finish();
}

void GaussianGroups::finish() {
  rows_ = 0;
  for (const float n : size_) rows_ += n;
  form_bias_.assign(groups(), 0.0F);
  for (std::size_t k = 0; k < form_precision_.size(); ++k)
    form_bias_[k / counts_] -= std::log(form_precision_[k]);
}

void GaussianGroups::write(WeightFile& out) const {
  out.tensors["groups.within"] = within_.inverse;
  out.tensors["groups.whole"] = whole_.inverse;
  out.tensors["groups.centres"] = centres_;
  out.tensors["groups.mean"] = mean_;
  out.tensors["groups.log_size"] = log_size_;
  out.tensors["groups.size"] = size_;
  out.tensors["groups.form_mean"] = form_mean_;
  out.tensors["groups.form_precision"] = form_precision_;
}

Result<GaussianGroups> GaussianGroups::read(const WeightFile& in, std::size_t dims,
                                            std::size_t counts) {
  GaussianGroups g;
  g.dims_ = dims;
  g.counts_ = counts;
  const auto sizes = in.tensors.find("groups.log_size");
  const std::size_t n = sizes == in.tensors.end() ? 0 : sizes->second.size();
  if (n == 0) return fail(ErrorCode::kParse, fmt::format("weights of {}: no groups", in.type));
  SWY_TRY(g.log_size_, in.tensor("groups.log_size", n));
  SWY_TRY(g.within_.inverse, in.tensor("groups.within", dims * dims));
  SWY_TRY(g.whole_.inverse, in.tensor("groups.whole", dims * dims));
  SWY_TRY(g.centres_, in.tensor("groups.centres", n * dims));
  SWY_TRY(g.mean_, in.tensor("groups.mean", dims));
  SWY_TRY(g.size_, in.tensor("groups.size", n));
  SWY_TRY(g.form_mean_, in.tensor("groups.form_mean", n * counts));
  SWY_TRY(g.form_precision_, in.tensor("groups.form_precision", n * counts));
  if (std::any_of(g.form_precision_.begin(), g.form_precision_.end(),
                  [](float v) { return !(v > 0); }))
    return fail(ErrorCode::kParse, fmt::format("weights of {}: no such variance", in.type));
  g.finish();
  return g;
}

double GaussianGroups::form(std::span<const float> counts, Left left) const {
  float least = std::numeric_limits<float>::infinity();
  for (std::size_t g = 0; g < groups(); ++g) {
    if (left.out(g)) continue;
    float e = form_bias_[g];
    for (std::size_t c = 0; c < counts_; ++c) {
      const float z = counts[c] / PromptFeatures::kCountWeight - form_mean_[g * counts_ + c];
      e += z * z * form_precision_[g * counts_ + c];
    }
    least = std::min(least, e);
  }
  return -std::log(kFormOffset + std::max(kFormNear, static_cast<double>(least)));
}

Lies GaussianGroups::belong(std::span<const float> x, std::span<float> share, Left left) const {
  thread_local std::vector<float> white;
  white.resize(dims_);
  within_.apply(x, white);
  // What a distance d of the row itself adds to all of them once the row is not in the covariance.
  const auto missed = [&](float d) {
    return left.group == Left::kNone ? 0.0F : d * d / std::max(rows_ - d, rows_ / 4);
  };
  float least = std::numeric_limits<float>::infinity();
  float best = -std::numeric_limits<float>::infinity();
  float own = 0;
  for (std::size_t g = 0; g < groups(); ++g) {
    float distance = squared_distance(white, centres_.data() + g * dims_);
    if (g == left.group) {
      const float n = size_[g] + static_cast<float>(kCentrePrior);
      own = missed(distance);
      distance = left.all ? std::numeric_limits<float>::infinity()
                          : distance * n * n / ((n - 1) * (n - 1));
    }
    least = std::min(least, distance);
    share[g] = 0.5F * log_size_[g] - 0.25F * distance;
    best = std::max(best, share[g]);
  }
  float sum = 0;
  for (float& s : share) sum += s = std::exp(s - best);
  Lies lies;
  for (float& s : share) {
    s /= sum;
    if (s > 1e-12F) lies.sureness += static_cast<double>(s * std::log(s));
  }
  whole_.apply(x, white);
  const float whole = squared_distance(white, mean_.data());
  lies.strangeness = static_cast<double>(least + own - (whole + missed(whole)));
  lies.form = form(x.last(counts_), left);
  return lies;
}

}  // namespace swy::route
