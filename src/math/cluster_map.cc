// k-means over dense rows, means by group, and a learned assignment.
//
// Formula: out_o(x) = sum_k phi_k(x) mean_ok, mean_ok = (sum of o in k + shrink * mean_o) / (n_ok +
// shrink). phi = 1 for the nearest centre (greatest x.c - |c|^2 / 2), or softmax(theta x) with
// theta started at the centres and trained by the log loss of out_o against what was observed.
// Cost: groups x (dims + outputs). When it loses: outputs that differ within a group. Source:
// UniRoute (arXiv 2502.08773); Lloyd 1982; Arthur and Vassilvitskii 2007. Test: cluster_map_test.cc
// (T4, finite differences).
#include "math/cluster_map.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/rng.h"
#include "math/kernels.h"

namespace swy::math {
namespace {

constexpr std::size_t kRounds = 25;
constexpr double kLeastShare = 1e-3;  // how far a prediction is kept from 0 and 1 in the log loss
// The start of theta: a row belongs mostly to its nearest centres, not only to them.
constexpr float kSharpness = 16;

double squared_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t d = 0; d < a.size(); ++d) {
    const auto v = static_cast<double>(a[d] - b[d]);
    sum += v * v;
  }
  return sum;
}

Matrix seeds(const Matrix& x, std::size_t k, std::uint64_t seed) {
  base::Rng rng(seed, 0xC1u, x.rows());
  std::vector<double> far(x.rows(), std::numeric_limits<double>::infinity());
  std::vector<std::size_t> chosen{rng.below(x.rows())};
  while (chosen.size() < k) {
    double sum = 0;
    for (std::size_t i = 0; i < x.rows(); ++i) {
      far[i] = std::min(far[i], squared_distance(x.row(i), x.row(chosen.back())));
      sum += far[i];
    }
    if (sum <= 0) break;  // fewer different rows than groups
    double left = rng.uniform() * sum;
    std::size_t i = 0;
    while (i + 1 < x.rows() && left >= far[i]) left -= far[i++];
    chosen.push_back(i);
  }
  Matrix centres(chosen.size(), x.cols());
  for (std::size_t c = 0; c < chosen.size(); ++c)
    std::copy_n(x.row(chosen[c]).begin(), x.cols(), centres.row(c).begin());
  return centres;
}

Matrix means_of(const Matrix& x, std::span<const std::uint32_t> group, std::size_t groups) {
  Matrix centres(groups, x.cols());
  std::vector<float> n(groups);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    best_kernels().axpy(1, x.row(i).data(), x.cols(), centres.row(group[i]).data());
    n[group[i]] += 1;
  }
  for (std::size_t g = 0; g < groups; ++g)
    for (float& v : centres.row(g)) v /= std::max(n[g], 1.0F);
  return centres;
}

std::uint32_t nearest(const Matrix& centres, std::span<const float> lengths,
                      std::span<const float> x) {
  float best = -std::numeric_limits<float>::infinity();
  std::uint32_t at = 0;
  for (std::size_t c = 0; c < centres.rows(); ++c) {
    const float near =
        best_kernels().dot(centres.row(c).data(), x.data(), x.size()) - lengths[c] / 2;
    if (near <= best) continue;
    best = near;
    at = static_cast<std::uint32_t>(c);
  }
  return at;
}

// Renumbers groups without gaps; returns how many there are.
std::size_t close_gaps(std::vector<std::uint32_t>& group, std::size_t groups) {
  std::vector<std::uint32_t> number(groups, 0xFFFFFFFF);
  std::uint32_t next = 0;
  for (std::uint32_t& g : group) {
    if (number[g] == 0xFFFFFFFF) number[g] = next++;
    g = number[g];
  }
  return next;
}

}  // namespace

std::vector<std::uint32_t> dense_k_means(const Matrix& x, std::size_t k, std::size_t rounds,
                                         std::uint64_t seed) {
  SWY_ASSERT(k > 0);
  std::vector<std::uint32_t> group(x.rows(), 0);
  if (x.rows() == 0) return group;
  Matrix centres = seeds(x, k, seed);
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<float> lengths;
    for (std::size_t c = 0; c < centres.rows(); ++c)
      lengths.push_back(best_kernels().dot(centres.row(c).data(), centres.row(c).data(), x.cols()));
    bool moved = round == 0;
    for (std::size_t i = 0; i < x.rows(); ++i) {
      const std::uint32_t g = nearest(centres, lengths, x.row(i));
      moved = moved || g != group[i];
      group[i] = g;
    }
    if (!moved) break;
    centres = means_of(x, group, close_gaps(group, centres.rows()));
  }
  close_gaps(group, k);
  return group;
}

void ClusterMap::shares(std::span<const float> x, std::span<float> share) const {
  const std::size_t stride = dims + 1;
  for (std::size_t g = 0; g < groups; ++g)
    share[g] = best_kernels().dot(map.data() + g * stride, x.data(), dims) + map[g * stride + dims];
  if (learned) {
    best_kernels().softmax(share.data(), groups);
    return;
  }
  const auto best = std::max_element(share.begin(), share.end());
  const auto at = static_cast<std::size_t>(best - share.begin());
  std::fill(share.begin(), share.end(), 0.0F);
  share[at] = 1;
}

void ClusterMap::predict(std::span<const float> x, std::span<double> out) const {
  thread_local std::vector<float> share;
  share.resize(groups);
  shares(x, share);
  for (std::size_t o = 0; o < outputs; ++o)
    out[o] =
        static_cast<double>(best_kernels().dot(means.data() + o * groups, share.data(), groups));
}

ClusterMap nearest_centre_map(const Matrix& x, std::span<const std::vector<float>> y,
                              std::span<const std::uint32_t> group, double shrink) {
  ClusterMap m;
  m.dims = x.cols();
  m.outputs = y.size();
  m.groups = 1 + *std::max_element(group.begin(), group.end());
  const Matrix centres = means_of(x, group, m.groups);
  for (std::size_t g = 0; g < m.groups; ++g) {
    const auto c = centres.row(g);
    m.map.insert(m.map.end(), c.begin(), c.end());
    m.map.push_back(-best_kernels().dot(c.data(), c.data(), m.dims) / 2);
  }
  for (const std::vector<float>& column : y) {
    std::vector<double> sum(m.groups), n(m.groups);
    double all = 0;
    double rows = 0;
    for (std::size_t i = 0; i < column.size(); ++i) {
      if (std::isnan(column[i])) continue;
      sum[group[i]] += static_cast<double>(column[i]);
      n[group[i]] += 1;
      all += static_cast<double>(column[i]);
      rows += 1;
    }
    const double mean = rows > 0 ? all / rows : 0;
    for (std::size_t g = 0; g < m.groups; ++g)
      m.means.push_back(static_cast<float>(
          n[g] + shrink > 0 ? (sum[g] + shrink * mean) / (n[g] + shrink) : mean));
  }
  return m;
}

RowLoss cluster_map_loss(const ClusterMap& map, const Matrix& x,
                         std::span<const std::vector<float>> y) {
  return [&map, &x, y](std::uint32_t i, std::span<const float> w, std::span<float> grad) {
    thread_local std::vector<float> share, pull;
    const std::size_t stride = map.dims + 1;
    share.resize(map.groups);
    pull.assign(map.groups, 0.0F);
    const auto row = x.row(i);
    for (std::size_t g = 0; g < map.groups; ++g)
      share[g] = best_kernels().dot(w.data() + g * stride, row.data(), map.dims) +
                 w[g * stride + map.dims];
    best_kernels().softmax(share.data(), map.groups);
    double loss = 0;
    for (std::size_t o = 0; o < map.outputs; ++o) {
      const auto t = static_cast<double>(y[o][i]);
      if (std::isnan(t)) continue;
      const float* means = map.means.data() + o * map.groups;
      const auto said = static_cast<double>(best_kernels().dot(means, share.data(), map.groups));
      // Held away from 0 and 1, smoothly: a group in which all were right is not certain of it.
      const double p = kLeastShare + (1 - 2 * kLeastShare) * said;
      loss -= t * std::log(p) + (1 - t) * std::log(1 - p);
      const double slope = (1 - 2 * kLeastShare) * (p - t) / (p * (1 - p));
      best_kernels().axpy(static_cast<float>(slope), means, map.groups, pull.data());
    }
    if (grad.empty()) return loss;
    const float mean = best_kernels().dot(pull.data(), share.data(), map.groups);
    for (std::size_t g = 0; g < map.groups; ++g) {
      const float by_score = share[g] * (pull[g] - mean);
      best_kernels().axpy(by_score, row.data(), map.dims, grad.data() + g * stride);
      grad[g * stride + map.dims] += by_score;
    }
    return loss;
  };
}

ClusterMap fit_cluster_map(const Matrix& x, std::span<const std::vector<float>> y,
                           const ClusterMapOptions& o) {
  SWY_ASSERT(x.rows() > 0);
  const auto group = dense_k_means(x, o.groups, kRounds, o.seed);
  ClusterMap m = nearest_centre_map(x, y, group, o.shrink);
  if (!o.learned) return m;
  m.learned = true;
  for (float& v : m.map) v *= kSharpness;
  m.map = descend(m.map, x.rows(), cluster_map_loss(m, x, y), o.descent);
  return m;
}

}  // namespace swy::math
