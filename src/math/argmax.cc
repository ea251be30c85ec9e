// argmax_probabilities: how often each of independent normals is the highest, without sampling.
//
// Formula: p_i = integral f_i(x) prod_{j != i} F_j(x) dx, with f and F the normal density and
// distribution; then divided by their sum. Right because X_i is the highest at x exactly when it is
// x and all others are below. Quadrature: the line is cut at mean + k sd, k in {-8, -4, -2, 0, 2,
// 4, 8}, of every quantity (cuts nearer to each other than the least sd are merged), and every
// piece gets 8 Gauss-Legendre nodes; on a piece of 2 sd that is exact to about 1e-9. What lies
// below the highest "mean - 8 sd" cannot matter and is left out. Fixed nodes, fixed order: the same
// inputs give the same bytes. Cost: O(cuts n), cuts <= 7 n: microseconds for a handful of near
// equals, and quantities that cannot win cost nothing. Loses when the sizes of sd differ by more
// than about 1e6: a certain one is given sd 1e-9 of the scale. Deviations: Thompson sampling draws
// once; this states the distribution of that draw. Test: argmax_test.cc (closed form for two,
// symmetry, sampling).
#include "math/argmax.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace swy::math {
namespace {

constexpr double kTail = 8;  // beyond it lie 1e-15
constexpr std::array<double, 7> kCuts{-8, -4, -2, 0, 2, 4, 8};
// Gauss-Legendre on [-1, 1], 8 nodes: symmetric halves.
constexpr std::array<double, 4> kNode{0.1834346424956498, 0.5255324099163290, 0.7966664774136267,
                                      0.9602898564975363};
constexpr std::array<double, 4> kWeight{0.3626837833783620, 0.3137066458778873, 0.2223810344533745,
                                        0.1012285362903763};

double density(double z) { return 0.3989422804014327 * std::exp(-0.5 * z * z); }
double below(double z) { return 0.5 * std::erfc(-z * 0.7071067811865476); }

struct Memory {
  std::vector<std::size_t> who;  // those that can win
  std::vector<Normal> x;
  std::vector<double> cuts;
  std::vector<double> prefix;  // products of the distributions before each
  std::vector<double> f;
  std::vector<double> sum;
};

// The integrand of all at one node, weighted into m.sum.
void add_node(double at, double weight, Memory& m) {
  const std::size_t n = m.x.size();
  double product = 1;
  for (std::size_t i = 0; i < n; ++i) {
    const double z = (at - m.x[i].mean) / m.x[i].sd;
    m.prefix[i] = product;
    m.f[i] = below(z);
    product *= m.f[i];
  }
  double suffix = 1;
  for (std::size_t i = n; i-- > 0;) {
    const double z = (at - m.x[i].mean) / m.x[i].sd;
    if (std::abs(z) <= kTail) m.sum[i] += weight * density(z) / m.x[i].sd * m.prefix[i] * suffix;
    suffix *= m.f[i];
  }
}

// Who can win, around the highest mean and with a least sd; where the line is cut.
void prepare(std::span<const Normal> x, Memory& m) {
  double lowest = -std::numeric_limits<double>::infinity();
  double top = lowest;
  for (const Normal& v : x) {
    lowest = std::max(lowest, v.mean - kTail * v.sd);
    top = std::max(top, v.mean);
  }
  m.who.clear();
  double scale = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i].mean + kTail * x[i].sd < lowest) continue;
    m.who.push_back(i);
    scale = std::max(scale, top - x[i].mean + x[i].sd);
  }
  const double least = scale > 0 ? 1e-9 * scale : 1.0;  // 0: all are certain and equal
  lowest -= top + kTail * least;
  m.x.clear();
  double narrow = std::numeric_limits<double>::infinity();
  for (const std::size_t i : m.who) {
    m.x.push_back({x[i].mean - top, std::max(x[i].sd, least)});
    narrow = std::min(narrow, m.x.back().sd);
  }
  m.cuts.clear();
  for (const Normal& v : m.x) {
    for (const double k : kCuts) m.cuts.push_back(std::max(lowest, v.mean + k * v.sd));
  }
  std::sort(m.cuts.begin(), m.cuts.end());
  std::size_t kept = 0;
  for (const double c : m.cuts) {
    if (kept == 0 || c - m.cuts[kept - 1] >= narrow) m.cuts[kept++] = c;
  }
  // The last cut always stands: it ends the line.
  if (m.cuts[kept - 1] < m.cuts.back()) m.cuts[kept++] = m.cuts.back();
  m.cuts.resize(kept);
  m.prefix.resize(m.x.size());
  m.f.resize(m.x.size());
  m.sum.assign(m.x.size(), 0.0);
}

}  // namespace

void argmax_probabilities(std::span<const Normal> x, std::span<double> p) {
  thread_local Memory m;
  prepare(x, m);
  std::fill(p.begin(), p.end(), 0.0);
  if (m.who.size() == 1) {
    p[m.who[0]] = 1;
    return;
  }
  for (std::size_t c = 1; c < m.cuts.size(); ++c) {
    const double half = (m.cuts[c] - m.cuts[c - 1]) / 2;
    const double middle = m.cuts[c - 1] + half;
    for (std::size_t k = 0; k < kNode.size(); ++k) {
      add_node(middle - half * kNode[k], half * kWeight[k], m);
      add_node(middle + half * kNode[k], half * kWeight[k], m);
    }
  }
  double total = 0;
  for (const double s : m.sum) total += s;
  for (std::size_t i = 0; i < m.who.size(); ++i) p[m.who[i]] = m.sum[i] / total;
}

}  // namespace swy::math
