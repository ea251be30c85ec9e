// Texts of a collection as sparse unit vectors: hashed words and word pairs (text/ngram.h) weighted
// by how rare they are in the collection.
//
// When to use: inside this folder. Threading: filled by one thread, then finish()ed and immutable.
// Ownership: owns its numbers. Source: Manning et al., Introduction to Information Retrieval, 6 and
// 7.1, with idf(f) = ln((1 + N) / (1 + df(f))) + 1.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "text/ngram.h"

namespace swy::route {

// Features in more of the rows than this share are stop words. Measured:
// docs/reference/estimators.md.
inline constexpr double kStopWordShare = 0.2;

class TfIdf {
 public:
  // Before finish() only.
  void add(std::span<const text::Feature> features);
  // Features in more than max_share of the rows are dropped (0 < max_share <= 1).
  void finish(double max_share);
  [[nodiscard]] std::size_t rows() const { return start_.size() - 1; }
  // Row i as a vector of norm 1, ascending by id; empty when all its features were dropped.
  [[nodiscard]] std::span<const text::Feature> row(std::size_t i) const {
    return std::span(features_).subspan(start_[i], start_[i + 1] - start_[i]);
  }
  // A text that is not of the collection, as a vector of norm 1 or 0. A feature that no row has
  // counts in the norm, so that a text of strange words is far from everything.
  void weigh(std::span<const text::Feature> features, std::vector<text::Feature>& out) const;
  [[nodiscard]] float idf(std::uint32_t feature) const { return idf_[feature]; }  // 0: dropped
  [[nodiscard]] std::span<const float> idfs() const { return idf_; }
  // As after forget_rows(). REQUIRES: one for every feature.
  void set_idfs(std::vector<float> idf) { idf_ = std::move(idf); }
  void forget_rows();  // what weigh() needs stays

 private:
  std::vector<std::size_t> start_{0};
  std::vector<text::Feature> features_;
  std::vector<float> idf_;  // by feature; 0: dropped
};

}  // namespace swy::route
