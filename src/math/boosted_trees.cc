// Gradient boosting with squared loss over histograms.
//
// Formula: f(x) = mean + rate * sum_t leaf_t(x); tree t is fitted to the residuals of the trees
// before it: a node with residual sum S over n rows is split where S_l^2 / (n_l + l2) + S_r^2 /
// (n_r + l2) is greatest and above S^2 / (n + l2), both sides having leaf_rows; a leaf says
// S / (n + l2). Inputs are cut into at most 32 bins of about equally many rows, once; a split lies
// between two bins. Cost: rows x looked-at inputs x depth per tree; the larger child's histogram is
// the parent's less the smaller's. predict: rounds x depth steps per output. When it loses:
// outcomes that are smooth in directions of an embedding (ridge needs one weight where trees need
// many steps), few rows. Deterministic: fixed seed, ties to the lower input and bin. Source:
// Friedman 2001, 2002; histograms and l2 as XGBoost (arXiv 1603.02754) and LightGBM (2017).
// Deviations: all outputs have the same number of rounds, because that of one is chosen by noise.
// Test: boosted_trees_test.cc (brute-force splits, planted rules).
#include "math/boosted_trees.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "base/rng.h"

namespace swy::math {
namespace {

constexpr std::size_t kBins = 32;
constexpr std::size_t kHoldOut = 5;
constexpr double kLeastGain = 1e-9;
// No number is above it.
constexpr float kNeverRight = std::numeric_limits<float>::max();

struct Binned {
  std::size_t rows = 0;
  std::vector<std::uint8_t> bin;         // inputs x rows
  std::vector<std::vector<float>> cuts;  // by input: bin b holds cuts[b - 1] < x <= cuts[b]
};

std::vector<float> cuts_of(std::vector<float> v) {
  std::sort(v.begin(), v.end());
  std::vector<float> cuts;
  for (std::size_t b = 1; b < kBins; ++b) {
    const std::size_t i = b * v.size() / kBins;
    if (i == 0 || v[i] <= v[i - 1]) {
      // The boundary lies within equal values: cut below them, where there is anything.
      const auto first = std::lower_bound(v.begin(), v.end(), v[i]);
      if (first == v.begin()) continue;
      const float cut = *(first - 1);
      if (cuts.empty() || cut > cuts.back()) cuts.push_back(cut);
      continue;
    }
    if (cuts.empty() || v[i - 1] > cuts.back()) cuts.push_back(v[i - 1]);
  }
  return cuts;
}

Binned bins_of(const Matrix& x) {
  Binned out;
  out.rows = x.rows();
  out.bin.resize(x.cols() * x.rows());
  std::vector<float> v(x.rows());
  for (std::size_t d = 0; d < x.cols(); ++d) {
    for (std::size_t i = 0; i < x.rows(); ++i) v[i] = x.row(i)[d];
    const auto& cuts = out.cuts.emplace_back(cuts_of(v));
    for (std::size_t i = 0; i < x.rows(); ++i)
      out.bin[d * x.rows() + i] = static_cast<std::uint8_t>(
          std::lower_bound(cuts.begin(), cuts.end(), v[i]) - cuts.begin());
  }
  return out;
}

struct Cell {
  double sum = 0;
  double n = 0;
};
using Histogram = std::vector<Cell>;  // looked-at inputs x kBins

struct Split {
  double gain = kLeastGain;
  std::size_t column = 0;  // of the looked-at inputs
  std::size_t bin = 0;     // up to here is left
  bool found = false;
};

// Grows the trees of one output on the rows that it was observed on.
class Grower {
 public:
  Grower(const Binned& x, const BoostOptions& o, std::vector<std::uint32_t> rows)
      : x_(x), o_(o), rows_(std::move(rows)) {}

  [[nodiscard]] std::span<const std::uint32_t> rows() const { return rows_; }

  // One tree on `residual` (by row), into the node and leaf arrays of its place.
  void grow(std::span<const float> residual, std::span<const std::uint32_t> columns,
            std::span<std::uint32_t> feature, std::span<float> threshold, std::span<float> leaf) {
    residual_ = residual;
    columns_ = columns;
    feature_ = feature;
    threshold_ = threshold;
    leaf_ = leaf;
    Histogram all;
    count({rows_.data(), rows_.size()}, all);
    node(0, {rows_.data(), rows_.size()}, std::move(all));
  }

 private:
  void count(std::span<const std::uint32_t> rows, Histogram& h) const {
    h.assign(columns_.size() * kBins, Cell{});
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::uint8_t* bin = x_.bin.data() + columns_[c] * x_.rows;
      Cell* cell = h.data() + c * kBins;
      for (const std::uint32_t i : rows) {
        Cell& to = cell[bin[i]];
        to.sum += static_cast<double>(residual_[i]);
        to.n += 1;
      }
    }
  }
  [[nodiscard]] double worth(double sum, double n) const { return sum * sum / (n + o_.l2); }

  [[nodiscard]] Split best_split(const Histogram& h, Cell all) const {
    Split best;
    const double before = worth(all.sum, all.n);
    const auto least = static_cast<double>(o_.leaf_rows);
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      Cell left;
      for (std::size_t b = 0; b < x_.cuts[columns_[c]].size(); ++b) {
        left.sum += h[c * kBins + b].sum;
        left.n += h[c * kBins + b].n;
        if (left.n < least) continue;
        if (all.n - left.n < least) break;
        const double gain =
            worth(left.sum, left.n) + worth(all.sum - left.sum, all.n - left.n) - before;
        if (gain > best.gain) best = {gain, c, b, true};
      }
    }
    return best;
  }

  // The tree below node `at` (breadth first). Rows change places within their span.
  void node(std::size_t at, std::span<std::uint32_t> rows, Histogram h) {
    Cell all;
    for (const std::uint32_t i : rows) all.sum += static_cast<double>(residual_[i]);
    all.n = static_cast<double>(rows.size());
    const Split s = at < feature_.size() ? best_split(h, all) : Split{};
    if (!s.found) return say(at, rows.empty() ? 0 : all.sum / (all.n + o_.l2));
    const std::uint32_t input = columns_[s.column];
    feature_[at] = input;
    threshold_[at] = x_.cuts[input][s.bin];
    const std::uint8_t* bin = x_.bin.data() + input * x_.rows;
    const auto middle =
        std::partition(rows.begin(), rows.end(), [&](std::uint32_t i) { return bin[i] <= s.bin; });
    const auto left = rows.first(static_cast<std::size_t>(middle - rows.begin()));
    const auto right = rows.subspan(left.size());
    if (2 * at + 1 >= feature_.size()) {  // leaves need no histogram
      node(2 * at + 1, left, {});
      return node(2 * at + 2, right, {});
    }
    const bool left_is_smaller = left.size() <= right.size();
    Histogram smaller;
    count(left_is_smaller ? left : right, smaller);
    for (std::size_t k = 0; k < h.size(); ++k) {
      h[k].sum -= smaller[k].sum;
      h[k].n -= smaller[k].n;
    }
    if (!left_is_smaller) std::swap(h, smaller);
    node(2 * at + 1, left, std::move(smaller));
    node(2 * at + 2, right, std::move(h));
  }

  // All leaves below node `at` say `value`.
  void say(std::size_t at, double value) {
    for (; at < feature_.size(); at = 2 * at + 1) threshold_[at] = kNeverRight;
    leaf_[at - feature_.size()] = static_cast<float>(o_.rate * value);
  }

  const Binned& x_;
  const BoostOptions& o_;
  std::vector<std::uint32_t> rows_;
  std::span<const float> residual_;
  std::span<const std::uint32_t> columns_;
  std::span<std::uint32_t> feature_;
  std::span<float> threshold_;
  std::span<float> leaf_;
};

float say(const BoostedTrees& m, std::size_t tree, const float* x) {
  const std::uint32_t* feature = m.feature.data() + tree * m.inner();
  const float* threshold = m.threshold.data() + tree * m.inner();
  std::size_t at = 0;
  for (std::size_t d = 0; d < m.depth; ++d)
    at = 2 * at + 1 + static_cast<std::size_t>(x[feature[at]] > threshold[at]);
  return m.leaf[tree * m.leaves() + at - m.inner()];
}

// One fit on the rows that are learned from, round by round.
class Boosting {
 public:
  Boosting(const Matrix& x, const Binned& binned, std::span<const std::vector<float>> y,
           const BoostOptions& o, bool hold_out)
      : x_(x), o_(o) {
    m_.dims = x.cols();
    m_.outputs = y.size();
    m_.depth = o.depth;
    m_.rounds = o.rounds;
    const std::size_t trees = m_.outputs * m_.rounds;
    m_.feature.assign(trees * m_.inner(), 0);
    m_.threshold.assign(trees * m_.inner(), kNeverRight);
    m_.leaf.assign(trees * m_.leaves(), 0.0F);
    residual_.reserve(y.size());
    for (const std::vector<float>& column : y) {
      std::vector<std::uint32_t> rows;
      double sum = 0;
      for (std::size_t i = 0; i < column.size(); ++i) {
        if (std::isnan(column[i]) || (hold_out && held_out(i))) continue;
        rows.push_back(static_cast<std::uint32_t>(i));
        sum += static_cast<double>(column[i]);
      }
      const double mean = rows.empty() ? 0 : sum / static_cast<double>(rows.size());
      m_.base.push_back(static_cast<float>(mean));
      residual_.push_back(column);
      for (float& r : residual_.back()) r -= m_.base.back();
      growers_.emplace_back(binned, o, std::move(rows));
    }
  }

  static bool held_out(std::size_t row) { return row % kHoldOut == kHoldOut - 1; }

  // Adds tree `round` to every output.
  void add(std::size_t round) {
    const std::vector<std::uint32_t> columns = columns_of(round);
    for (std::size_t o = 0; o < m_.outputs; ++o) {
      const std::size_t tree = o * m_.rounds + round;
      if (growers_[o].rows().empty()) continue;
      growers_[o].grow(residual_[o], columns,
                       std::span(m_.feature).subspan(tree * m_.inner(), m_.inner()),
                       std::span(m_.threshold).subspan(tree * m_.inner(), m_.inner()),
                       std::span(m_.leaf).subspan(tree * m_.leaves(), m_.leaves()));
      for (std::size_t i = 0; i < residual_[o].size(); ++i)
        if (!std::isnan(residual_[o][i])) residual_[o][i] -= say(m_, tree, x_.row(i).data());
    }
  }

  // Squared error of what was held out.
  [[nodiscard]] double error() const {
    double sum = 0;
    for (const std::vector<float>& r : residual_) {
      for (std::size_t i = kHoldOut - 1; i < r.size(); i += kHoldOut)
        if (!std::isnan(r[i])) sum += static_cast<double>(r[i]) * static_cast<double>(r[i]);
    }
    return sum;
  }

  [[nodiscard]] BoostedTrees take() { return std::move(m_); }

 private:
  // The same inputs for a round whatever the rows, ascending.
  [[nodiscard]] std::vector<std::uint32_t> columns_of(std::size_t round) const {
    std::vector<std::uint32_t> all(x_.cols());
    std::iota(all.begin(), all.end(), 0U);
    const auto wanted = static_cast<std::size_t>(
        std::ceil(std::clamp(o_.columns, 0.0, 1.0) * static_cast<double>(all.size())));
    base::Rng rng(o_.seed, 0x7EE5, round);
    for (std::size_t k = 0; k < wanted && k < all.size(); ++k)
      std::swap(all[k], all[k + rng.below(all.size() - k)]);
    all.resize(std::min(wanted, all.size()));
    std::sort(all.begin(), all.end());
    return all;
  }

  const Matrix& x_;
  const BoostOptions& o_;
  BoostedTrees m_;
  std::vector<std::vector<float>> residual_;
  std::vector<Grower> growers_;
};

// Rounds with the least held-out error; all of them where nothing can be held out.
std::size_t choose_rounds(const Matrix& x, const Binned& binned,
                          std::span<const std::vector<float>> y, const BoostOptions& o) {
  if (x.rows() < kHoldOut) return o.rounds;
  Boosting trial(x, binned, y, o, true);
  double least = trial.error();
  std::size_t best = 0;
  for (std::size_t round = 0; round < o.rounds && round < best + o.patience; ++round) {
    trial.add(round);
    const double error = trial.error();
    if (error >= least) continue;
    least = error;
    best = round + 1;
  }
  return best;
}

}  // namespace

void BoostedTrees::predict(std::span<const float> x, std::span<double> out) const {
  for (std::size_t o = 0; o < outputs; ++o) {
    float sum = base[o];
    for (std::size_t t = o * rounds; t < (o + 1) * rounds; ++t) sum += say(*this, t, x.data());
    out[o] = static_cast<double>(sum);
  }
}

BoostedTrees fit_boosted_trees(const Matrix& x, std::span<const std::vector<float>> y,
                               const BoostOptions& options) {
  SWY_ASSERT(options.depth > 0 && options.depth <= 8 && options.leaf_rows > 0);
  const Binned binned = bins_of(x);
  BoostOptions all = options;
  all.rounds = choose_rounds(x, binned, y, options);
  Boosting boosting(x, binned, y, all, false);
  for (std::size_t round = 0; round < all.rounds; ++round) boosting.add(round);
  return boosting.take();
}

}  // namespace swy::math
