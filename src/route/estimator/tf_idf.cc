#include "route/estimator/tf_idf.h"

#include <algorithm>
#include <cmath>

namespace swy::route {
namespace {

// So few rows tell nothing about which words are common.
constexpr double kNeverCommon = 100;

}  // namespace

void TfIdf::add(std::span<const text::Feature> features) {
  features_.insert(features_.end(), features.begin(), features.end());
  start_.push_back(features_.size());
}

void TfIdf::finish(double max_share) {
  const auto n = static_cast<double>(rows());
  std::vector<std::uint32_t> df(text::kSketchBuckets, 0);
  for (const text::Feature& f : features_) ++df[f.id];
  const double most = std::max(kNeverCommon, max_share * n);
  idf_.resize(text::kSketchBuckets);
  for (std::size_t f = 0; f < idf_.size(); ++f) {
    const auto in = static_cast<double>(df[f]);
    idf_[f] = in <= most ? static_cast<float>(std::log((1 + n) / (1 + in)) + 1) : 0.0F;
  }
  std::vector<text::Feature> all;
  std::vector<text::Feature> one;
  std::vector<std::size_t> start{0};
  for (std::size_t i = 0; i < rows(); ++i) {
    weigh(row(i), one);
    all.insert(all.end(), one.begin(), one.end());
    start.push_back(all.size());
  }
  features_ = std::move(all);
  start_ = std::move(start);
}

void TfIdf::weigh(std::span<const text::Feature> features, std::vector<text::Feature>& out) const {
  out.clear();
  double squares = 0;
  for (const text::Feature& f : features) {
    const float w = f.weight * idf_[f.id];
    if (w == 0) continue;
    squares += static_cast<double>(w) * static_cast<double>(w);
    out.push_back({f.id, w});
  }
  if (squares == 0) return;
  const auto scale = static_cast<float>(1 / std::sqrt(squares));
  for (text::Feature& f : out) f.weight *= scale;
}

void TfIdf::forget_rows() {
  features_ = {};
  start_ = {0};
}

}  // namespace swy::route
