// Outputs as mixtures over groups of inputs: which groups an input belongs to, and every output's
// mean in every group.
//
// When to use: dense inputs, many outputs, few observations of some of them: a new output needs
// only its means. Threading: a model is immutable once fitted; predict() is pure. Ownership: owns
// its numbers. Nothing allocates in predict() after the first call of a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/descend.h"
#include "math/matrix.h"

namespace swy::math {

// The group of every row; k-means++ seeding, `rounds` at most. Groups are numbered from 0 without
// gaps. REQUIRES: k > 0.
std::vector<std::uint32_t> dense_k_means(const Matrix& x, std::size_t k, std::size_t rounds,
                                         std::uint64_t seed);

struct ClusterMap {
  std::size_t dims = 0, groups = 0, outputs = 0;
  bool learned = false;      // shares = softmax of `map`; else the nearest of the centres has all
  std::vector<float> map;    // groups x (dims + 1): centre c and -|c|^2 / 2, or weights and bias
  std::vector<float> means;  // outputs x groups

  // REQUIRES: x.size() == dims, share.size() == groups.
  void shares(std::span<const float> x, std::span<float> share) const;
  // REQUIRES: x.size() == dims, out.size() == outputs.
  void predict(std::span<const float> x, std::span<double> out) const;
};

struct ClusterMapOptions {
  std::size_t groups = 32;
  bool learned = false;
  double shrink = 10;  // pseudo-observations of every group at the output's mean
  std::uint64_t seed = 1;
  DescentOptions descent = {};
};

// `map` for given groups: the nearest centre, and the means of y (NaN where not observed).
ClusterMap nearest_centre_map(const Matrix& x, std::span<const std::vector<float>> y,
                              std::span<const std::uint32_t> group, double shrink);
// Log loss of what the map says of row i, and its gradient by the map (the means stay).
RowLoss cluster_map_loss(const ClusterMap& map, const Matrix& x,
                         std::span<const std::vector<float>> y);
// REQUIRES: x.rows() > 0, y[o].size() == x.rows().
ClusterMap fit_cluster_map(const Matrix& x, std::span<const std::vector<float>> y,
                           const ClusterMapOptions& options = {});

}  // namespace swy::math
