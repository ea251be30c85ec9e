// Matrix: rows of floats, row-major, no gaps. What embeddings and logits are handed out in.
//
// When to use: any small dense result. Memory for kernels with alignment needs: buffer.h.
// Threading: a value. Ownership: owns its floats; reset() keeps the memory it has, so a reused
// Matrix stops allocating once it has been as large as it gets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace swy::math {

class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols) { reset(rows, cols); }

  // All zeros afterwards.
  void reset(std::size_t rows, std::size_t cols) {
    rows_ = rows;
    cols_ = cols;
    data_.assign(rows * cols, 0.0F);
  }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t cols() const { return cols_; }
  // REQUIRES: i < rows().
  [[nodiscard]] std::span<float> row(std::size_t i) { return {data_.data() + i * cols_, cols_}; }
  [[nodiscard]] std::span<const float> row(std::size_t i) const {
    return {data_.data() + i * cols_, cols_};
  }
  // A copy of some rows, in the order named. REQUIRES: every one < rows().
  [[nodiscard]] Matrix only(std::span<const std::uint32_t> rows) const {
    Matrix out(rows.size(), cols_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto from = row(rows[i]);
      std::copy(from.begin(), from.end(), out.row(i).begin());
    }
    return out;
  }
  [[nodiscard]] std::span<float> all() { return data_; }
  [[nodiscard]] std::span<const float> all() const { return data_; }

 private:
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::vector<float> data_;
};

}  // namespace swy::math
