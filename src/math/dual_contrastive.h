// Embeddings of outputs and a projection of inputs, near each other where the output does well.
//
// When to use: ranking outputs by similarity. Threading: a model is immutable once fitted;
// cosines() is pure. Ownership: owns its numbers. Nothing allocates in cosines() after the first
// call of a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/descend.h"
#include "math/matrix.h"

namespace swy::math {

struct DualContrastive {
  std::size_t dims = 0, hidden = 0, outputs = 0;
  std::vector<float> weights;  // projection, hidden x dims; then embeddings, outputs x hidden

  // out[o] = cosine of the projected x and embedding o. REQUIRES: x.size() == dims, out.size() ==
  // outputs.
  void cosines(std::span<const float> x, std::span<float> out) const;
};

struct DualContrastiveOptions {
  std::size_t hidden = 32;
  std::size_t best = 3, worst = 3;  // outputs that a row draws near and pushes away
  double groups_weight = 1;         // of the loss between rows
  std::size_t groups = 8;
  std::uint64_t seed = 1;
  DescentOptions descent = {};
};

// Sum over the `best` outputs of highest y (those of 0 are left out) of -log of its share in
// exp(s) among itself and the `worst` of lowest y (those above 1/2 are left out). Slopes are added.
// Of equal outputs the lower counts first with ties = 0, else an order that ties gives: many
// outputs are equally right, and the first would always be drawn near.
double contrast_loss(std::span<const float> y, std::span<const float> s, std::size_t best,
                     std::size_t worst, std::span<float> slope, std::uint64_t ties = 0);

// `group` of every row, for the loss between rows.
RowLoss dual_contrastive_loss(const Matrix& x, std::span<const std::vector<float>> y,
                              std::span<const std::uint32_t> group,
                              const DualContrastiveOptions& options);
// REQUIRES: x.rows() > 0, y[o].size() == x.rows().
DualContrastive fit_dual_contrastive(const Matrix& x, std::span<const std::vector<float>> y,
                                     const DualContrastiveOptions& options = {});

}  // namespace swy::math
