// Formula: per head a = softmax(W_Q q * W_K c / sqrt(width)) * W_V c, products elementwise (no
// matrix of scores); A = a, with an MLP block a + narrow(layers(widen(a))); h = q - c + W_o [A of
// all heads], scaled to length 1 for the next retrieval. Why: q - c takes away what the passage
// already answers, the gate lets back in what of the passage the next hop must ask about. Search:
// every query finds its `keep` nearest passages; those of earlier layers are dropped, of the rest
// the layer's `keep` best survive over all branches, and each makes a query; it ends after `hops`
// layers or when nothing survives. Cost: (1 + (hops - 1) keep) scans of the passages and as many
// updates of 3 heads dims width multiplications. Loses when one hop is enough (later hops add
// noise), and untrained: the identity is a check, not a retriever. Paper: TreeHop (arXiv
// 2504.20114; the authors' code, request-routing.md 4.14). Deviations: pruning ranks by score,
// where the released code takes an argsort for a rank and keeps other passages; a passage that two
// branches find counts once, at its best score. Test: tree_hop_test.cc.
#include "math/tree_hop.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace swy::math {
namespace {

float dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0F);
}

std::vector<float> apply(const Dense& d, std::span<const float> x) {
  SWY_ASSERT(x.size() == d.in && d.weight.size() == d.in * d.out);
  std::vector<float> y(d.out);
  for (std::size_t o = 0; o < d.out; ++o)
    y[o] = dot(std::span(d.weight).subspan(o * d.in, d.in), x) + (d.bias.empty() ? 0 : d.bias[o]);
  return y;
}

void softmax(std::span<float> x) {
  const float top = *std::max_element(x.begin(), x.end());
  float sum = 0;
  for (float& v : x) sum += v = std::exp(v - top);
  for (float& v : x) v /= sum;
}

void add_residual(const Residual& r, std::vector<float>& x) {
  constexpr float kEpsilon = 1e-5F;  // of PyTorch's LayerNorm
  const auto n = static_cast<float>(x.size());
  const float mean = std::accumulate(x.begin(), x.end(), 0.0F) / n;
  float var = 0;
  for (const float v : x) var += (v - mean) * (v - mean);
  const float scale = 1 / std::sqrt(var / n + kEpsilon);
  std::vector<float> normed(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    normed[i] = (x[i] - mean) * scale * r.scale[i] + r.shift[i];
  const std::vector<float> y = apply(r.linear, normed);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += std::max(y[i], 0.0F);
}

std::vector<float> head_output(const TreeHopHead& head, std::span<const float> q,
                               std::span<const float> c) {
  std::vector<float> a = apply(head.q, q);
  const std::vector<float> k = apply(head.k, c);
  const std::vector<float> v = apply(head.v, c);
  const float scale = 1 / std::sqrt(static_cast<float>(a.size()));
  for (std::size_t i = 0; i < a.size(); ++i) a[i] *= k[i] * scale;
  softmax(a);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] *= v[i];
  if (head.narrow.out == 0) return a;
  std::vector<float> x = head.widen.out == 0 ? a : apply(head.widen, a);
  for (const Residual& r : head.layers) add_residual(r, x);
  const std::vector<float> y = apply(head.narrow, x);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += y[i];
  return a;
}

void scale_to_one(std::span<float> x) {
  const float length = std::sqrt(dot(x, x));
  if (length == 0) return;
  for (float& v : x) v /= length;
}

struct Found {
  std::size_t passage = 0;
  float score = 0;
  std::size_t from = 0;
};

// Best first; of equals the earlier passage, then the earlier branch.
bool ahead(const Found& a, const Found& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.passage != b.passage ? a.passage < b.passage : a.from < b.from;
}

// The nearest passages of one query, appended.
void find(const Matrix& passages, std::span<const float> query, std::size_t from, std::size_t keep,
          std::vector<Found>& out) {
  std::vector<Found> all(passages.rows());
  for (std::size_t p = 0; p < all.size(); ++p) all[p] = {p, dot(passages.row(p), query), from};
  const std::size_t n = std::min(keep, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(), ahead);
  out.insert(out.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n));
}

}  // namespace

TreeHopWeights TreeHopWeights::identity(std::size_t dims) {
  Dense same{dims, dims, std::vector<float>(dims * dims, 0.0F), {}};
  for (std::size_t i = 0; i < dims; ++i) same.weight[i * dims + i] = 1;
  TreeHopHead head;
  head.q = head.k = head.v = same;
  return {dims, {std::move(head)}, std::move(same)};
}

void next_query(const TreeHopWeights& w, std::span<const float> q, std::span<const float> c,
                std::span<float> h) {
  SWY_ASSERT(q.size() == w.dims && c.size() == w.dims && h.size() == w.dims);
  std::vector<float> all;
  for (const TreeHopHead& head : w.heads) {
    const std::vector<float> a = head_output(head, q, c);
    all.insert(all.end(), a.begin(), a.end());
  }
  const std::vector<float> gate = apply(w.out, all);
  for (std::size_t i = 0; i < h.size(); ++i) h[i] = q[i] - c[i] + gate[i];
}

std::vector<std::size_t> prune_layer(std::span<const float> scores, std::size_t keep) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  order.resize(std::min(keep, order.size()));
  std::sort(order.begin(), order.end());
  return order;
}

std::vector<TreeHopHit> tree_hop(const TreeHopWeights& w, const Matrix& passages,
                                 std::span<const float> query, const TreeHopOptions& options) {
  std::vector<TreeHopHit> hits;
  std::vector<std::vector<float>> queries = {{query.begin(), query.end()}};
  std::vector<std::size_t> made_by = {0};  // by query: the hit
  std::vector<char> seen(passages.rows(), 0);
  for (std::size_t hop = 0; hop < options.hops && !queries.empty(); ++hop) {
    std::vector<Found> layer;
    for (std::size_t b = 0; b < queries.size(); ++b)
      find(passages, queries[b], b, options.keep, layer);
    std::erase_if(
        layer, [&](const Found& f) { return seen[f.passage] != 0 || !(f.score >= options.least); });
    std::sort(layer.begin(), layer.end(), ahead);
    std::vector<Found> once;
    std::vector<float> scores;
    for (const Found& f : layer) {
      const bool twice = std::any_of(once.begin(), once.end(),
                                     [&](const Found& o) { return o.passage == f.passage; });
      if (twice) continue;
      once.push_back(f);
      scores.push_back(f.score);
    }
    std::vector<std::vector<float>> following;
    std::vector<std::size_t> makers;
    for (const std::size_t i : prune_layer(scores, options.keep)) {
      const Found& f = once[i];
      seen[f.passage] = 1;
      makers.push_back(hits.size());
      hits.push_back({f.passage, f.score, hop, hop == 0 ? hits.size() : made_by[f.from]});
      following.emplace_back(w.dims);
      next_query(w, queries[f.from], passages.row(f.passage), following.back());
      scale_to_one(following.back());
    }
    queries = std::move(following);
    made_by = std::move(makers);
  }
  return hits;
}

}  // namespace swy::math
