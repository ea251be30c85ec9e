// The parts of the knn estimator that can be tested against brute force: similarities of one text
// to all rows, the k nearest of them, and the pooled mean over neighbours.
//
// When to use: inside this folder. Threading: RowIndex is filled by one thread, then finish()ed and
// immutable; the rest are pure functions. Ownership: RowIndex owns its postings; spans are borrowed
// for the call. Nothing allocates after finish() except `out` vectors that grow to k.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "route/estimator/tf_idf.h"

namespace swy::route {

struct Hit {
  std::uint32_t row = 0;
  float similarity = 0;
  friend bool operator==(const Hit&, const Hit&) = default;
};

// TF-IDF rows in an inverted index: for every feature the rows that have it, with their unit-length
// weights.
class RowIndex {
 public:
  // Appends row number rows(). Before finish() only.
  void add(std::span<const text::Feature> features);
  // Computes idf and postings. Features in more than max_share of the rows are dropped everywhere
  // (0 < max_share <= 1).
  void finish(double max_share);
  [[nodiscard]] std::size_t rows() const { return rows_; }
  // out[row] = cosine of the query and the row, 0..1. REQUIRES: finished, out.size() == rows().
  void similarities(std::span<const text::Feature> query, std::span<float> out) const;
  [[nodiscard]] std::size_t postings() const { return postings_.size(); }

 private:
  struct Posting {
    std::uint32_t row;
    float weight;
  };
  TfIdf texts_;  // without rows after finish()
  std::size_t rows_ = 0;
  std::vector<std::uint32_t> start_;  // by feature, into postings_
  std::vector<Posting> postings_;
};

// The k rows of highest similarity among those with a value in `column` (not NaN), at least `least`
// and above 0; best first, ties to the lower row. similarity.size() == column.size().
void select_nearest(std::span<const float> similarity, std::span<const float> column, std::size_t k,
                    float least, std::vector<Hit>& out);

enum class Weights : std::uint8_t { kUniform, kCosine };

struct Pooled {
  double mean;      // NaN without neighbours and prior
  double evidence;  // n_eff = (sum w)^2 / sum w^2 of the neighbours; 0 without
};

// Mean of column over hits (NaN skipped), with `shrink` pseudo-neighbours at prior_mean (NaN:
// none): (n_eff * sum(w y)/sum(w) + shrink * prior_mean) / (n_eff + shrink).
Pooled pool(std::span<const Hit> hits, std::span<const float> column, Weights weights,
            double shrink, double prior_mean);

}  // namespace swy::route
