// Gradient-boosted regression trees: one sum of small trees per output, over the same dense inputs.
//
// When to use: outcomes that turn on thresholds and on combinations of a few inputs. Threading: a
// model is immutable once fitted; predict() is pure. Ownership: owns its numbers. Nothing allocates
// in predict(). Every tree is complete: a node that is not split sends everything left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/matrix.h"

namespace swy::math {

struct BoostedTrees {
  std::size_t dims = 0;
  std::size_t outputs = 0;
  std::size_t depth = 1;
  std::size_t rounds = 0;              // trees of every output
  std::vector<float> base;             // outputs: what is said without any tree
  std::vector<std::uint32_t> feature;  // outputs x rounds x inner nodes, breadth first
  std::vector<float> threshold;        // of these: right is x[feature] > threshold
  std::vector<float> leaf;             // outputs x rounds x leaves, shrunk already

  [[nodiscard]] std::size_t inner() const { return (std::size_t{1} << depth) - 1; }
  [[nodiscard]] std::size_t leaves() const { return std::size_t{1} << depth; }
  // REQUIRES: x.size() == dims, out.size() == outputs, every feature < dims.
  void predict(std::span<const float> x, std::span<double> out) const;
};

struct BoostOptions {
  std::size_t rounds = 100;  // at most
  std::size_t depth = 3;     // 1 to 8
  double rate = 0.1;         // every leaf is worth this share of its mean residual
  std::size_t leaf_rows = 20;
  double l2 = 10;             // pseudo-rows without residual in every leaf
  double columns = 0.1;       // share of the inputs that a tree may look at
  std::size_t patience = 10;  // rounds without a better held-out error before it ends
  std::uint64_t seed = 1;     // of the inputs that a tree may look at
};

// y[o] has one value per row of x, NaN where there is no observation. An output without any is 0
// everywhere. The number of rounds is the one with the least squared error of all outputs on every
// fifth row, fitted on the others; then all rows are fitted. REQUIRES: y[o].size() == x.rows(),
// finite x.
BoostedTrees fit_boosted_trees(const Matrix& x, std::span<const std::vector<float>> y,
                               const BoostOptions& options = {});

}  // namespace swy::math
