// Exact search with products of bytes in front of it.
//
// Formula: with x' and r' what 8 bits keep of x and of a row r, |x.r - x'.r'| <= |x - x'| |r| +
// |x'| |r - r'| (Cauchy-Schwarz), the same for all rows with the largest |r| and |r - r'|. The
// exact products of the n rows of largest x'.r' say what the n-th best is at least; a row whose
// x'.r' is further below than the error cannot be among them; the exact products of the others
// decide. Cost: rows x dims bytes read instead of floats, and some 2 n exact products. Loses where
// all rows are about equally near: then all of them are computed. Exactness: the products that
// decide are Kernels::dot, as in a plain scan. Test: dense_index_test.cc (beside the scan, every
// version).
#include "math/dense_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "math/buffer.h"

namespace swy::math {
namespace {

constexpr float kRounding = 1e-4F;  // of float sums, as a share of the bound

float norm(std::span<const float> x) {
  double sum = 0;
  for (const float v : x) sum += static_cast<double>(v) * static_cast<double>(v);
  return static_cast<float>(std::sqrt(sum));
}

}  // namespace

DenseIndex::DenseIndex(Matrix rows, const Kernels& kernels)
    : rows_(std::move(rows)),
      packed_(PackedI8::pack(rows_.all(), rows_.rows(), rows_.cols())),
      kernels_(&kernels) {
  std::vector<std::int8_t> bytes(rows_.cols());
  std::vector<float> lost(rows_.cols());
  for (std::size_t i = 0; i < rows_.rows(); ++i) {
    const auto row = std::as_const(rows_).row(i);
    const float scale = quantize_row(row, bytes.data());
    for (std::size_t d = 0; d < row.size(); ++d)
      lost[d] = row[d] - scale * static_cast<float>(bytes[d]);
    row_error_ = std::max(row_error_, norm(lost));
    row_norm_ = std::max(row_norm_, norm(row));
  }
}

// About x . row for every row; how far that may be off.
float DenseIndex::approximate(std::span<const float> x, std::vector<float>& out) const {
  thread_local Buffer<std::uint8_t> bytes;
  const std::size_t padded = (x.size() + 3) / 4 * 4;
  std::uint8_t* const q = bytes.need(padded);
  float scale = 0;
  std::int32_t zero = 0;
  kernels_->quantize_rows(x.data(), x.size(), 1, x.size(), q, padded, &scale, &zero);
  out.resize(rows_.rows());
  GemmI8 g = packed_.gemm();
  g.a = q;
  g.lda = padded;
  g.a_scale = &scale;
  g.a_zero = &zero;
  g.c = out.data();
  g.ldc = out.size();
  g.m = 1;
  kernels_->gemm_i8(g);
  double lost = 0;
  for (std::size_t d = 0; d < x.size(); ++d) {
    const float kept = scale * static_cast<float>(static_cast<std::int32_t>(q[d]) - zero);
    lost += std::pow(static_cast<double>(x[d] - kept), 2);
  }
  const auto x_error = static_cast<float>(std::sqrt(lost));
  const float x_norm = norm(x) + x_error;
  return x_error * row_norm_ + x_norm * row_error_ + kRounding * x_norm * row_norm_;
}

void DenseIndex::nearest(std::span<const float> x, std::size_t n, Held held,
                         std::vector<NearRow>& out) const {
  out.clear();
  n = std::min(n, rows_.rows());
  if (n == 0) return;
  thread_local std::vector<float> about;
  const float error = approximate(x, about);
  const auto exact = [&](std::size_t row) {
    return kernels_->dot(rows_.row(row).data(), x.data(), x.size());
  };
  // A heap of the n best so far, the worst in front.
  float bar = -std::numeric_limits<float>::infinity();
  for (std::size_t row = 0; row < about.size(); ++row) {
    if (!(about[row] > bar) || held.holds(row)) continue;
    if (out.size() == n) {
      std::pop_heap(out.begin(), out.end());
      out.pop_back();
    }
    out.push_back({about[row], static_cast<std::uint32_t>(row)});
    std::push_heap(out.begin(), out.end());
    if (out.size() == n) bar = out.front().product;
  }
  float reached = std::numeric_limits<float>::infinity();
  for (const NearRow& near : out) reached = std::min(reached, exact(near.row));
  if (out.size() < n) reached = -std::numeric_limits<float>::infinity();
  out.clear();
  for (std::size_t row = 0; row < about.size(); ++row) {
    if (about[row] + error < reached || held.holds(row)) continue;
    out.push_back({exact(row), static_cast<std::uint32_t>(row)});
  }
  n = std::min(n, out.size());
  const auto last = out.begin() + static_cast<std::ptrdiff_t>(n);
  std::nth_element(out.begin(), last, out.end());
  std::sort(out.begin(), last);
  out.resize(n);
}

}  // namespace swy::math
