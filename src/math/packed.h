// Packed weights: a dense layer's matrix in the order the kernels read it, made once at load.
//
// When to use: every y = x W^T + b with a fixed W; PackedF32 for full precision, PackedI8 for a
// quarter of the memory and four times the arithmetic per cycle. Threading: immutable after pack.
// Ownership: owns its memory; the source may go afterwards.
//
// PackedI8 quantises per output channel: scale_j = max_k |W[j][k]| / 127, W8 = round(W / scale_j).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/buffer.h"
#include "math/kernels.h"

namespace swy::math {

// w is n x k, row-major: one row per output, as checkpoints store it.
class PackedF32 {
 public:
  static PackedF32 pack(std::span<const float> w, std::size_t n, std::size_t k);
  // Fills a, c and what belongs to rows; the rest comes from here. c = act(a W^T + bias) +
  // residual.
  [[nodiscard]] GemmF32 gemm() const;
  [[nodiscard]] std::size_t n() const { return n_; }
  [[nodiscard]] std::size_t k() const { return k_; }
  [[nodiscard]] std::size_t bytes() const { return data_.size() * sizeof(float); }

 private:
  std::size_t n_ = 0;
  std::size_t k_ = 0;
  Buffer<float> data_;
};

class PackedI8 {
 public:
  // `keep`: inputs below k that stay floats, because they are so much larger than the rest that a
  // shared scale would leave the rest no digits; the caller passes zeros for them in a and their
  // values in kept_a.
  static PackedI8 pack(std::span<const float> w, std::size_t n, std::size_t k,
                       std::span<const std::uint32_t> keep = {});
  [[nodiscard]] GemmI8 gemm() const;
  [[nodiscard]] std::span<const std::uint32_t> kept() const { return keep_; }
  [[nodiscard]] std::size_t n() const { return n_; }
  [[nodiscard]] std::size_t k() const { return k_; }
  [[nodiscard]] std::size_t bytes() const {
    return data_.size() + (scale_.size() + kept_.size()) * sizeof(float) +
           sum_.size() * sizeof(std::int32_t);
  }

 private:
  std::size_t n_ = 0;
  std::size_t k_ = 0;
  Buffer<std::int8_t> data_;
  Buffer<float> scale_;
  Buffer<std::int32_t> sum_;
  std::vector<std::uint32_t> keep_;
  Buffer<float> kept_;  // one padded row per kept input
};

// One row of numbers as int8 with one scale: x ~ scale * q. Returns the scale (0 for all zeros).
float quantize_row(std::span<const float> x, std::int8_t* q);

}  // namespace swy::math
