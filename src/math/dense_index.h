// The rows of largest dot product with a vector, exactly, at a quarter of the memory of a scan.
//
// When to use: nearest neighbours among dense rows, such as embeddings, of any number that fits in
// memory. Threading: immutable once made; memory of a call is the thread's. Ownership: owns the
// rows and their bytes (5/4 of the rows' floats).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/kernels.h"
#include "math/matrix.h"
#include "math/packed.h"

namespace swy::math {

struct NearRow {
  float product;
  std::uint32_t row;
  // The nearer first; ties to the lower row.
  bool operator<(const NearRow& o) const {
    return product != o.product ? product > o.product : row < o.row;
  }
  friend bool operator==(const NearRow&, const NearRow&) = default;
};

class DenseIndex {
 public:
  DenseIndex() = default;
  // REQUIRES: finite rows of at most 65,536 numbers.
  explicit DenseIndex(Matrix rows, const Kernels& kernels = best_kernels());
  [[nodiscard]] const Matrix& rows() const { return rows_; }

  struct Held {  // rows i with i % every == at are as if they were not there; every = 0: none
    std::size_t every = 0, at = 0;
    [[nodiscard]] bool holds(std::size_t row) const { return every != 0 && row % every == at; }
  };
  // The n rows of largest product (Kernels::dot) with x, all of them if there are fewer, best
  // first. REQUIRES: finite x of rows().cols() numbers.
  void nearest(std::span<const float> x, std::size_t n, Held held, std::vector<NearRow>& out) const;

 private:
  float approximate(std::span<const float> x, std::vector<float>& out) const;

  Matrix rows_;
  PackedI8 packed_;
  float row_error_ = 0;  // the largest |row - its bytes|
  float row_norm_ = 0;   // the largest
  const Kernels* kernels_ = nullptr;
};

}  // namespace swy::math
