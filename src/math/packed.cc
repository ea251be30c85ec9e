// Packing: weights of a dense layer into panels of kPanel columns.
//
// Panel p of PackedF32 holds, for every k in order, the kPanel weights of outputs 48 p .. 48 p +
// 47, so that a kernel reads memory strictly forward. PackedI8 holds groups of four k per output,
// the unit of a dot-product instruction. Missing outputs of the last panel and missing k of the
// last group are zeros, which add nothing. Cost: one pass. Checked by packed_test.cc and, through
// the kernels, by kernels_test.cc.
#include "math/packed.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/check.h"

namespace swy::math {
namespace {

std::size_t panels(std::size_t n) { return (n + kPanel - 1) / kPanel; }

}  // namespace

PackedF32 PackedF32::pack(std::span<const float> w, std::size_t n, std::size_t k) {
  SWY_ASSERT(w.size() == n * k);
  PackedF32 p;
  p.n_ = n;
  p.k_ = k;
  const std::size_t size = panels(n) * k * kPanel;
  float* out = p.data_.need(size);
  std::fill_n(out, size, 0.0F);
  for (std::size_t j = 0; j < n; ++j) {
    float* panel = out + j / kPanel * k * kPanel + j % kPanel;
    for (std::size_t i = 0; i < k; ++i) panel[i * kPanel] = w[j * k + i];
  }
  return p;
}

GemmF32 PackedF32::gemm() const {
  GemmF32 g;
  g.b = data_.data();
  g.n = n_;
  g.k = k_;
  return g;
}

float quantize_row(std::span<const float> x, std::int8_t* q) {
  float top = 0;
  for (const float v : x) top = std::max(top, std::fabs(v));
  const float scale = top / 127.0F;
  for (std::size_t i = 0; i < x.size(); ++i) {
    // nearbyint: half to even, as the vector instructions round.
    q[i] = scale > 0 ? static_cast<std::int8_t>(std::nearbyint(x[i] / scale)) : std::int8_t{0};
  }
  return scale;
}

PackedI8 PackedI8::pack(std::span<const float> w, std::size_t n, std::size_t k,
                        std::span<const std::uint32_t> keep) {
  SWY_ASSERT(w.size() == n * k && k <= 65'536);
  PackedI8 p;
  p.n_ = n;
  p.k_ = k;
  const std::size_t groups = (k + 3) / 4;
  const std::size_t size = panels(n) * groups * kPanel * 4;
  std::int8_t* out = p.data_.need(size);
  std::fill_n(out, size, std::int8_t{0});  // null where n or k is 0
  float* scale = p.scale_.need(panels(n) * kPanel);
  std::int32_t* sum = p.sum_.need(panels(n) * kPanel);
  std::fill_n(scale, p.scale_.size(), 0.0F);
  std::fill_n(sum, p.sum_.size(), 0);
  p.keep_.assign(keep.begin(), keep.end());
  float* kept = p.kept_.need(keep.size() * panels(n) * kPanel + 1);
  std::fill_n(kept, p.kept_.size(), 0.0F);
  Buffer<std::int8_t> row(k + 1);
  std::vector<float> rest(k);
  for (std::size_t j = 0; j < n; ++j) {
    std::copy_n(w.data() + j * k, k, rest.data());
    for (std::size_t i = 0; i < keep.size(); ++i) {
      kept[i * panels(n) * kPanel + j] = std::exchange(rest[keep[i]], 0.0F);
    }
    scale[j] = quantize_row(rest, row.data());
    std::int8_t* panel = out + j / kPanel * groups * kPanel * 4 + j % kPanel * 4;
    for (std::size_t i = 0; i < k; ++i) {
      panel[i / 4 * kPanel * 4 + i % 4] = row.data()[i];
      sum[j] += row.data()[i];
    }
  }
  return p;
}

GemmI8 PackedI8::gemm() const {
  GemmI8 g;
  g.b = data_.data();
  g.b_scale = scale_.data();
  g.b_sum = sum_.data();
  g.kept = keep_.size();
  g.kept_b = kept_.data();
  g.n = n_;
  g.k = k_;
  return g;
}

}  // namespace swy::math
