// Two contrastive losses on cosines.
//
// Formula: h = W x, s_o = cos(h, k_o); loss of a row = contrast_loss(y, s) + weight * -log(exp(c_+)
// / (exp(c_+) + sum of exp(c_-))), c = cosines of h with those of one row of the same group of
// k-means and of three rows of other groups, drawn once per row (never the row itself). Cost: five
// projections per row and epoch. When it loses: a cosine has no intercept, so what it says of
// inputs that all outputs solve is arbitrary. Source: variant of RouterDC (arXiv 2409.19886);
// request-routing.md 5.3. Test: dual_contrastive_test.cc (known answer, finite differences).
#include "math/dual_contrastive.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "base/rng.h"
#include "math/cluster_map.h"
#include "math/kernels.h"

namespace swy::math {
namespace {

constexpr std::size_t kOthers = 4;  // one of the same group, three of others
constexpr std::size_t kTries = 64;
constexpr std::size_t kRounds = 20;

float dot(std::span<const float> a, std::span<const float> b) {
  return best_kernels().dot(a.data(), b.data(), a.size());
}
void axpy(float w, std::span<const float> x, std::span<float> y) {
  best_kernels().axpy(w, x.data(), x.size(), y.data());
}

void project(std::span<const float> w, std::span<const float> x, std::span<float> h) {
  for (std::size_t k = 0; k < h.size(); ++k) h[k] = dot(w.subspan(k * x.size(), x.size()), x);
}

float norm(std::span<const float> v) { return std::sqrt(std::max(dot(v, v), 1e-12F)); }

// Adds slope * d cos(a, b) / d a.
void cosine_slope(std::span<const float> a, std::span<const float> b, float slope,
                  std::span<float> grad) {
  const float na = norm(a);
  const float nb = norm(b);
  axpy(slope / (na * nb), b, grad);
  axpy(-slope * dot(a, b) / (na * na * na * nb), a, grad);
}

// Of a row: one of its group, then three of other groups; itself where there is none.
std::array<std::uint32_t, kOthers> others(std::uint32_t row, std::span<const std::uint32_t> group,
                                          std::uint64_t seed) {
  std::array<std::uint32_t, kOthers> out;
  base::Rng rng(seed, 0xDC, row);
  for (std::size_t k = 0; k < kOthers; ++k) {
    out[k] = row;
    for (std::size_t t = 0; t < kTries && out[k] == row; ++t) {
      const auto j = static_cast<std::uint32_t>(rng.below(group.size()));
      if (j != row && (group[j] == group[row]) == (k == 0)) out[k] = j;
    }
  }
  return out;
}

// -log of the first one's share in exp(s) of all; writes the slopes.
double share_loss(std::span<const float> s, std::span<float> slope) {
  const float most = *std::max_element(s.begin(), s.end());
  double sum = 0;
  for (const float v : s) sum += std::exp(static_cast<double>(v - most));
  for (std::size_t k = 0; k < s.size(); ++k)
    slope[k] = static_cast<float>(std::exp(static_cast<double>(s[k] - most)) / sum) -
               (k == 0 ? 1.0F : 0.0F);
  return std::log(sum) - static_cast<double>(s[0] - most);
}

// The loss between rows; adds its gradient by the projection.
double group_loss(const Matrix& x, std::span<const std::uint32_t> group, std::uint32_t row,
                  const DualContrastiveOptions& o, std::span<const float> w,
                  std::span<float> grad) {
  const auto other = others(row, group, o.seed);
  if (std::find(other.begin(), other.end(), row) != other.end()) return 0;
  thread_local std::vector<float> h, delta;
  h.resize((kOthers + 1) * o.hidden);
  delta.assign(h.size(), 0.0F);
  const auto of = [&](std::vector<float>& v, std::size_t k) {
    return std::span(v).subspan(k * o.hidden, o.hidden);
  };
  project(w, x.row(row), of(h, kOthers));
  std::array<float, kOthers> s, slope;
  for (std::size_t k = 0; k < kOthers; ++k) {
    project(w, x.row(other[k]), of(h, k));
    s[k] = dot(of(h, k), of(h, kOthers)) / (norm(of(h, k)) * norm(of(h, kOthers)));
  }
  const double loss = o.groups_weight * share_loss(s, slope);
  if (grad.empty()) return loss;
  const auto weight = static_cast<float>(o.groups_weight);
  for (std::size_t k = 0; k < kOthers; ++k) {
    cosine_slope(of(h, k), of(h, kOthers), weight * slope[k], of(delta, k));
    cosine_slope(of(h, kOthers), of(h, k), weight * slope[k], of(delta, kOthers));
  }
  for (std::size_t k = 0; k <= kOthers; ++k)
    for (std::size_t d = 0; d < o.hidden; ++d)
      axpy(delta[k * o.hidden + d], x.row(k == kOthers ? row : other[k]),
           grad.subspan(d * x.cols(), x.cols()));
  return loss;
}

}  // namespace

void DualContrastive::cosines(std::span<const float> x, std::span<float> out) const {
  thread_local std::vector<float> h;
  h.resize(hidden);
  const std::span<const float> w = weights;
  project(w, x, h);
  const float length = norm(h);
  for (std::size_t m = 0; m < outputs; ++m) {
    const auto k = w.subspan(hidden * dims + m * hidden, hidden);
    out[m] = dot(h, k) / (length * norm(k));
  }
}

double contrast_loss(std::span<const float> y, std::span<const float> s, std::size_t best,
                     std::size_t worst, std::span<float> slope, std::uint64_t ties) {
  thread_local std::vector<std::size_t> order;
  thread_local std::vector<float> among, by;
  order.clear();
  for (std::size_t m = 0; m < y.size(); ++m)
    if (!std::isnan(y[m])) order.push_back(m);
  base::Rng rng(ties, 0x71E5, y.size());
  for (std::size_t k = order.size(); ties != 0 && k > 1; --k)
    std::swap(order[k - 1], order[rng.below(k)]);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return y[a] > y[b]; });
  double loss = 0;
  for (std::size_t p = 0; p < std::min(best, order.size()) && y[order[p]] > 0; ++p) {
    among.assign(1, s[order[p]]);
    for (std::size_t n = order.size(); n-- > p + 1 && among.size() <= worst;) {
      if (y[order[n]] > 0.5F) break;
      among.push_back(s[order[n]]);
    }
    by.resize(among.size());
    loss += share_loss(among, by);
    slope[order[p]] += by[0];
    for (std::size_t k = 1; k < by.size(); ++k) slope[order[order.size() - k]] += by[k];
  }
  return loss;
}

RowLoss dual_contrastive_loss(const Matrix& x, std::span<const std::vector<float>> y,
                              std::span<const std::uint32_t> group,
                              const DualContrastiveOptions& o) {
  return [&x, y, group, o](std::uint32_t row, std::span<const float> w, std::span<float> grad) {
    thread_local std::vector<float> h, delta, truth, s, slope;
    h.resize(o.hidden);
    delta.assign(o.hidden, 0.0F);
    truth.resize(y.size());
    s.resize(y.size());
    slope.assign(y.size(), 0.0F);
    project(w, x.row(row), h);
    const std::size_t at = o.hidden * x.cols();
    for (std::size_t m = 0; m < y.size(); ++m) {
      truth[m] = y[m][row];
      const auto k = w.subspan(at + m * o.hidden, o.hidden);
      s[m] = dot(h, k) / (norm(h) * norm(k));
    }
    const double loss = contrast_loss(truth, s, o.best, o.worst, slope, row + 1);
    for (std::size_t m = 0; m < y.size() && !grad.empty(); ++m) {
      if (slope[m] == 0) continue;
      const auto k = w.subspan(at + m * o.hidden, o.hidden);
      cosine_slope(h, k, slope[m], delta);
      cosine_slope(k, h, slope[m], grad.subspan(at + m * o.hidden, o.hidden));
    }
    for (std::size_t d = 0; d < o.hidden && !grad.empty(); ++d)
      axpy(delta[d], x.row(row), grad.subspan(d * x.cols(), x.cols()));
    return loss + group_loss(x, group, row, o, w, grad);
  };
}

DualContrastive fit_dual_contrastive(const Matrix& x, std::span<const std::vector<float>> y,
                                     const DualContrastiveOptions& o) {
  SWY_ASSERT(x.rows() > 0);
  DualContrastive m{x.cols(), o.hidden, y.size(), {}};
  base::Rng rng(o.seed, 0xDCF, 0);
  const std::size_t projection = o.hidden * x.cols();
  for (std::size_t k = 0; k < projection + y.size() * o.hidden; ++k) {
    const double fan = k < projection ? static_cast<double>(x.cols()) : 1;
    m.weights.push_back(static_cast<float>((rng.uniform() * 2 - 1) / std::sqrt(fan)));
  }
  const auto group = dense_k_means(x, o.groups, kRounds, o.seed);
  m.weights = descend(m.weights, x.rows(), dual_contrastive_loss(x, y, group, o), o.descent);
  return m;
}

}  // namespace swy::math
