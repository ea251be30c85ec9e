// Inverted-index cosine search, exact top-k and the pooled mean.
//
// Formula: idf(f) = ln((1 + N) / (1 + df(f))) + 1; weight(row, f) = tf weight * idf / norm;
// similarity = sum over common features. A query feature that no row has counts in the query's norm
// with the idf of df = 0, so that a text of strange words is far from everything. Right because
// only postings of the query's own features are touched: the same sums as brute force in another
// order. Cost: sum of df over the query's features, plus one pass over the rows per selection;
// dropping features in more than max_share of the rows removes most of the postings and almost
// nothing of the meaning. Loses to brute force only for rows that nearly all share all words. Float
// accumulators: errors below 1e-5 for 512 features. Source: request-routing.md 3.1; Manning et al.,
// Introduction to Information Retrieval, chapter 6 and 7.1. Deviation: smoothed idf. Test:
// knn_index_test.cc.
#include "route/estimator/knn_index.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace swy::route {

void RowIndex::add(std::span<const text::Feature> features) {
  features_.insert(features_.end(), features.begin(), features.end());
  row_start_.push_back(features_.size());
}

void RowIndex::finish(double max_share) {
  const std::size_t n = rows();
  std::vector<std::uint32_t> df(text::kSketchBuckets, 0);
  for (const text::Feature& f : features_) ++df[f.id];
  const double most = std::max(1.0, max_share * static_cast<double>(n));
  idf_.resize(text::kSketchBuckets);
  start_.assign(text::kSketchBuckets + 1, 0);
  for (std::size_t f = 0; f < idf_.size(); ++f) {
    const bool kept = static_cast<double>(df[f]) <= most;
    const double ratio = (1.0 + static_cast<double>(n)) / (1.0 + static_cast<double>(df[f]));
    idf_[f] = kept ? static_cast<float>(std::log(ratio) + 1) : 0.0F;
    start_[f + 1] = start_[f] + (kept ? df[f] : 0);
  }
  postings_.resize(start_.back());
  std::vector<std::uint32_t> next(start_.begin(), start_.end() - 1);
  for (std::size_t row = 0; row < n; ++row) {
    const std::span<const text::Feature> all =
        std::span(features_).subspan(row_start_[row], row_start_[row + 1] - row_start_[row]);
    double sum = 0;
    for (const text::Feature& f : all) {
      const double w = static_cast<double>(f.weight * idf_[f.id]);
      sum += w * w;
    }
    if (sum == 0) continue;
    const auto scale = static_cast<float>(1 / std::sqrt(sum));
    for (const text::Feature& f : all) {
      if (idf_[f.id] == 0) continue;
      postings_[next[f.id]++] = {static_cast<std::uint32_t>(row), f.weight * idf_[f.id] * scale};
    }
  }
  features_ = {};
}

void RowIndex::similarities(std::span<const text::Feature> query, std::span<float> out) const {
  std::fill(out.begin(), out.end(), 0.0F);
  double sum = 0;
  for (const text::Feature& f : query) {
    const double w = static_cast<double>(f.weight * idf_[f.id]);
    sum += w * w;
  }
  if (sum == 0) return;
  const auto scale = static_cast<float>(1 / std::sqrt(sum));
  for (const text::Feature& f : query) {
    const float w = f.weight * idf_[f.id] * scale;
    const Posting* end = postings_.data() + start_[f.id + 1];
    for (const Posting* p = postings_.data() + start_[f.id]; p != end; ++p) {
      out[p->row] += w * p->weight;
    }
  }
}

void select_nearest(std::span<const float> similarity, std::span<const float> column, std::size_t k,
                    float least, std::vector<Hit>& out) {
  out.clear();
  if (k == 0) return;
  const auto nearer = [](const Hit& a, const Hit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.row < b.row;
  };
  float bar = std::max(least, std::numeric_limits<float>::min());
  for (std::size_t row = 0; row < similarity.size(); ++row) {
    // A later row of equal similarity never beats one already kept: once full, only a greater one
    // enters.
    if (similarity[row] < bar || std::isnan(column[row])) continue;
    if (out.size() == k) {
      if (similarity[row] == bar) continue;
      std::pop_heap(out.begin(), out.end(), nearer);
      out.pop_back();
    }
    out.push_back({static_cast<std::uint32_t>(row), similarity[row]});
    std::push_heap(out.begin(), out.end(), nearer);
    if (out.size() == k) bar = out.front().similarity;
  }
  std::sort_heap(out.begin(), out.end(), nearer);
}

Pooled pool(std::span<const Hit> hits, std::span<const float> column, Weights weights,
            double shrink, double prior_mean) {
  double sum = 0;
  double weight = 0;
  double squares = 0;
  for (const Hit& hit : hits) {
    const auto y = static_cast<double>(column[hit.row]);
    if (std::isnan(y)) continue;
    const double w = weights == Weights::kCosine ? static_cast<double>(hit.similarity) : 1.0;
    sum += w * y;
    weight += w;
    squares += w * w;
  }
  const bool any = weight > 0;
  const double evidence = any ? weight * weight / squares : 0;
  const double pseudo = std::isnan(prior_mean) ? 0 : shrink;
  if (evidence + pseudo <= 0) return {std::numeric_limits<double>::quiet_NaN(), 0};
  const double observed = any ? evidence * (sum / weight) : 0;
  const double believed = pseudo > 0 ? pseudo * prior_mean : 0;
  return {(observed + believed) / (evidence + pseudo), evidence};
}

}  // namespace swy::route
