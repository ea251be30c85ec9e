// Fusion: one vector of a text's and an image's, weighed by how ordinary each of the two is.
//
// When to use: features of requests with images. Threading: a Fusion is immutable once fitted;
// fuse() is pure. Ownership: owns its statistics, which are those of the rows it was fitted on:
// what is asked later never moves them.
#pragma once

#include <span>
#include <vector>

#include "math/matrix.h"

namespace swy::math {

struct Modality {
  std::vector<float> mean;  // of the rows that have it
  double norm_mean = 0, norm_sd = 0;
  // (cos to the mean + 1) / 4 + sigma(z-score of the norm) / 2, z being 0 where all norms are equal
  [[nodiscard]] double confidence(std::span<const float> x) const;
};

struct Fusion {
  Modality text, image;
  // f = w_t t + w_v v + t * v / 2 + |t - v| / 2 of norm 1, (w_t, w_v) = softmax(5 confidence);
  // where one of the two is all zeros, the other of norm 1. REQUIRES: all as long as the means.
  void fuse(std::span<const float> t, std::span<const float> v, std::span<float> out) const;
};

// REQUIRES: equal shapes, at least one row. A row of zeros does not have that modality.
Fusion fit_fusion(const Matrix& text, const Matrix& image);

}  // namespace swy::math
