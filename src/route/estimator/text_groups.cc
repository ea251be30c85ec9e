// k-means over sparse unit vectors, centres as postings, soft membership.
//
// Formula: a row x joins the centre c of least |x - c|^2 = 1 - 2 x.c + |c|^2; a centre is the mean
// of its rows; seeds by k-means++ (the next one with probability proportional to the squared
// distance to the nearest so far). Rounds look at every second,
// third ... row of more than 200,000, and the rest joins its nearest centre at the end. Cost of a
// round: features of the rows looked at times k. Loses where
// groups are not round, or where words say nothing about them. Source: Lloyd; Arthur and
// Vassilvitskii 2007; request-routing.md 3.2. Deviation: none. Test: text_groups_test.cc.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/rng.h"
#include "route/estimator/text_groups.h"

namespace swy::route {
namespace {

constexpr std::uint64_t kStage = 0x6B6D;  // of the random numbers

class KMeans {
 public:
  // Rounds look at rows 0, step, 2 step ...
  KMeans(const TfIdf& texts, std::size_t k, std::size_t step)
      : texts_(texts), k_(std::min(k, (texts.rows() + step - 1) / step)), step_(step) {
    compact_features();
  }

  void seed(base::Rng& rng) {
    clear();
    const std::size_t n = texts_.rows();
    std::vector<double> far(n, std::numeric_limits<double>::infinity());
    std::size_t next = rng.below((n + step_ - 1) / step_) * step_;
    for (std::size_t c = 0; c < k_; ++c) {
      place(c, next);
      double sum = 0;
      for (std::size_t i = 0; i < n; i += step_) {
        double product = 0;
        for (const text::Feature& f : texts_.row(i))
          product += static_cast<double>(f.weight) * static_cast<double>(of(f.id)[c]);
        const double self = texts_.row(i).empty() ? 0 : 1;
        far[i] = std::min(far[i], std::max(0.0, self - 2 * product + squares_[c]));
        sum += far[i];
      }
      double at = rng.uniform() * sum;
      next = (n - 1) / step_ * step_;
      for (std::size_t i = 0; i < n && sum > 0; i += step_) {
        at -= far[i];
        if (at < 0) {
          next = i;
          break;
        }
      }
    }
  }

  void seed(std::span<const std::uint32_t> rows) {
    clear();
    for (std::size_t c = 0; c < k_; ++c) place(c, rows[c]);
  }

  // From the centres placed before. Returns the sum of squared distances.
  double run(std::size_t rounds, std::vector<std::uint32_t>& group) {
    group.assign(texts_.rows(), 0);
    double loss = assign(group, step_).loss;
    for (std::size_t round = 0; round < rounds; ++round) {
      move_centres(group);
      const Assigned now = assign(group, step_);
      loss = now.loss;
      if (now.moved == 0) break;
    }
    return loss;
  }
  // All rows to the centres as they are.
  void join_all(std::vector<std::uint32_t>& group) { assign(group, 1); }

 private:
  struct Assigned {
    double loss = 0;
    std::size_t moved = 0;
  };

  // Features that occur at all, numbered without gaps.
  void compact_features() {
    number_.assign(text::kSketchBuckets, 0);
    for (std::size_t i = 0; i < texts_.rows(); ++i) {
      for (const text::Feature& f : texts_.row(i)) {
        if (number_[f.id] == 0) number_[f.id] = ++features_;
      }
    }
    centres_.assign((features_ + 1) * k_, 0.0F);
    squares_.assign(k_, 0.0);
  }
  float* of(std::uint32_t feature) { return centres_.data() + std::size_t{number_[feature]} * k_; }

  void clear() {
    std::fill(centres_.begin(), centres_.end(), 0.0F);
    std::fill(squares_.begin(), squares_.end(), 0.0);
  }
  void place(std::size_t centre, std::size_t row) {
    for (const text::Feature& f : texts_.row(row)) of(f.id)[centre] = f.weight;
    squares_[centre] = texts_.row(row).empty() ? 0 : 1;
  }

  Assigned assign(std::vector<std::uint32_t>& group, std::size_t step) {
    Assigned all;
    const std::size_t k = k_;
    std::vector<float> products(k);
    float* const product = products.data();
    for (std::size_t i = 0; i < texts_.rows(); i += step) {
      std::fill_n(product, k, 0.0F);
      for (const text::Feature& f : texts_.row(i)) {
        const float* const w = of(f.id);
        const float x = f.weight;
        for (std::size_t c = 0; c < k; ++c) product[c] += x * w[c];
      }
      std::size_t best = 0;
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < k_; ++c) {
        const double d = squares_[c] - 2 * static_cast<double>(product[c]);
        if (d < least) {
          least = d;
          best = c;
        }
      }
      all.loss += least + (texts_.row(i).empty() ? 0 : 1);
      if (group[i] != best) ++all.moved;
      group[i] = static_cast<std::uint32_t>(best);
    }
    return all;
  }

  void move_centres(std::span<const std::uint32_t> group) {
    clear();
    std::vector<float> share(k_, 0.0F);
    for (std::size_t i = 0; i < group.size(); i += step_) share[group[i]] += 1;
    for (float& s : share) s = s > 0 ? 1 / s : 0;
    for (std::size_t i = 0; i < texts_.rows(); i += step_) {
      for (const text::Feature& f : texts_.row(i)) of(f.id)[group[i]] += f.weight * share[group[i]];
    }
    for (std::size_t f = 1; f <= features_; ++f) {
      for (std::size_t c = 0; c < k_; ++c) {
        const auto w = static_cast<double>(centres_[f * k_ + c]);
        squares_[c] += w * w;
      }
    }
  }

  const TfIdf& texts_;
  std::size_t k_, step_;
  std::size_t features_ = 0;
  std::vector<std::size_t> number_;  // by feature; 0: does not occur
  std::vector<float> centres_;       // by numbered feature, then centre
  std::vector<double> squares_;      // |centre|^2
};

}  // namespace

std::vector<std::uint32_t> k_means(const TfIdf& texts, std::size_t k, std::size_t starts,
                                   std::size_t rounds, std::uint64_t seed, std::size_t most_rows) {
  std::vector<std::uint32_t> best(texts.rows(), 0);
  if (texts.rows() == 0) return best;
  const std::size_t step = (texts.rows() + most_rows - 1) / most_rows;
  KMeans means(texts, k, step);
  double least = std::numeric_limits<double>::infinity();
  std::vector<std::uint32_t> group;
  for (std::size_t s = 0; s < starts; ++s) {
    base::Rng rng(seed, s, kStage);
    means.seed(rng);
    const double loss = means.run(rounds, group);
    if (loss >= least) continue;
    if (step > 1) means.join_all(group);
    least = loss;
    best = group;
  }
  // Groups without rows leave no gap.
  std::vector<std::uint32_t> number(k, 0);
  for (const std::uint32_t g : best) number[g] = 1;
  std::exclusive_scan(number.begin(), number.end(), number.begin(), 0U);
  for (std::uint32_t& g : best) g = number[g];
  return best;
}

std::vector<std::uint32_t> k_means_from(const TfIdf& texts, std::span<const std::uint32_t> seeds,
                                        std::size_t rounds) {
  KMeans means(texts, seeds.size(), 1);
  means.seed(seeds);
  std::vector<std::uint32_t> group;
  means.run(rounds, group);
  return group;
}

Centres::Centres(const TfIdf& texts, std::span<const std::uint32_t> group, std::size_t groups)
    : groups_(groups) {
  std::vector<float> share(groups, 0.0F);
  for (const std::uint32_t g : group) share[g] += 1;
  for (float& s : share) s = s > 0 ? 1 / s : 0;
  // Rows by group, so that a group is added up at a time.
  std::vector<std::size_t> first(groups + 1, 0);
  for (const std::uint32_t g : group) ++first[g + 1];
  std::partial_sum(first.begin(), first.end(), first.begin());
  std::vector<std::uint32_t> rows(texts.rows());
  std::vector<std::size_t> next(first.begin(), first.end() - 1);
  for (std::size_t i = 0; i < texts.rows(); ++i)
    rows[next[group[i]]++] = static_cast<std::uint32_t>(i);
  struct Entry {
    std::uint32_t feature, group;
    float value;
  };
  std::vector<Entry> entries;
  std::vector<float> sum(text::kSketchBuckets, 0.0F);
  std::vector<std::uint32_t> seen;
  for (std::uint32_t g = 0; g < groups; ++g) {
    seen.clear();
    for (std::size_t r = first[g]; r < first[g + 1]; ++r) {
      for (const text::Feature& f : texts.row(rows[r])) {
        if (sum[f.id] == 0) seen.push_back(f.id);
        sum[f.id] += f.weight * share[g];
      }
    }
    for (const std::uint32_t f : seen) entries.push_back({f, g, std::exchange(sum[f], 0.0F)});
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.feature < b.feature; });
  start_.assign(text::kSketchBuckets + 1, 0);
  for (const Entry& e : entries) {
    weights_.push_back({e.group, e.value});
    ++start_[e.feature + 1];
  }
  std::partial_sum(start_.begin(), start_.end(), start_.begin());
}

void Centres::products(std::span<const text::Feature> x, std::span<float> out) const {
  std::fill(out.begin(), out.end(), 0.0F);
  for (const text::Feature& f : x) {
    for (std::uint32_t i = start_[f.id]; i < start_[f.id + 1]; ++i)
      out[weights_[i].group] += f.weight * weights_[i].value;
  }
}

void shares(std::span<const float> products, double sharpness, std::span<float> out) {
  const float most = *std::max_element(products.begin(), products.end());
  double sum = 0;
  for (std::size_t g = 0; g < products.size(); ++g) {
    const double w = std::exp(sharpness * static_cast<double>(products[g] - most));
    out[g] = static_cast<float>(w);
    sum += w;
  }
  for (float& w : out) w = static_cast<float>(static_cast<double>(w) / sum);
}

}  // namespace swy::route
