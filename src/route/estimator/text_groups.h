// Groups of similar texts: centres over sparse unit vectors, found by k-means or given by labels.
// The parts of the clusters estimator that have known answers of their own.
//
// When to use: inside this folder. Threading: made by one thread, then immutable. Ownership: owns
// its centres.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "route/estimator/tf_idf.h"

namespace swy::route {

// Which group every row is in. Ends after `rounds` or when nothing moves; of `starts` seedings
// (k-means++, fixed seed) the one with the least sum of squared distances. At most k groups; a
// group that lost all its rows is dropped. Of more than most_rows only every second, third ...
// moves the centres; the others join the nearest one at the end. REQUIRES: k > 0, most_rows > 0.
std::vector<std::uint32_t> k_means(const TfIdf& texts, std::size_t k, std::size_t starts,
                                   std::size_t rounds, std::uint64_t seed,
                                   std::size_t most_rows = 200'000);
// One run from given first centres, the rows `seeds`. Group g began at seeds[g] and may have lost
// all its rows. REQUIRES: rows below texts.rows(), no row twice.
std::vector<std::uint32_t> k_means_from(const TfIdf& texts, std::span<const std::uint32_t> seeds,
                                        std::size_t rounds);

// Centres of groups of rows (means, not normalised again), by feature.
class Centres {
 public:
  Centres(const TfIdf& texts, std::span<const std::uint32_t> group, std::size_t groups);
  [[nodiscard]] std::size_t size() const { return groups_; }
  // out[g] = x . centre g. REQUIRES: out.size() == size().
  void products(std::span<const text::Feature> x, std::span<float> out) const;

 private:
  struct Weight {
    std::uint32_t group;
    float value;
  };
  std::size_t groups_ = 0;
  std::vector<std::uint32_t> start_;  // by feature, into weights_
  std::vector<Weight> weights_;
};

// Shares of the groups for a text: softmax(-sharpness (1 - product)).
void shares(std::span<const float> products, double sharpness, std::span<float> out);

}  // namespace swy::route
