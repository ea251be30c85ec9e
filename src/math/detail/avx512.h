// What the AVX-512 translation units share: the vector type and the GEMM tile. Private to src/math;
// everything is in an unnamed namespace (versions.h says why).
// Compiled with -O2 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mfma
// -Wno-uninitialized
#pragma once

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "math/detail/elementwise.h"
#include "math/detail/versions.h"

namespace swy::math::detail {

// avx512_attention.cc
void attention_avx512(const Attention& t);
void attention_i8_avx512(const Attention& t);

namespace {  // NOLINT: one copy per translation unit is the point

struct F16 {
  using reg = __m512;
  static constexpr std::size_t kWidth = 16;
  static __mmask16 mask(std::size_t n) { return static_cast<__mmask16>((1U << n) - 1U); }
  static reg load(const float* p) { return _mm512_loadu_ps(p); }
  static reg load_n(const float* p, std::size_t n) { return _mm512_maskz_loadu_ps(mask(n), p); }
  static void store(float* p, reg x) { _mm512_storeu_ps(p, x); }
  static void store_n(float* p, reg x, std::size_t n) { _mm512_mask_storeu_ps(p, mask(n), x); }
  static reg set(float x) { return _mm512_set1_ps(x); }
  static reg add(reg a, reg b) { return _mm512_add_ps(a, b); }
  static reg sub(reg a, reg b) { return _mm512_sub_ps(a, b); }
  static reg mul(reg a, reg b) { return _mm512_mul_ps(a, b); }
  static reg div(reg a, reg b) { return _mm512_div_ps(a, b); }
  static reg fma(reg a, reg b, reg c) { return _mm512_fmadd_ps(a, b, c); }
  static reg fnma(reg a, reg b, reg c) { return _mm512_fnmadd_ps(a, b, c); }
  static reg max(reg a, reg b) { return _mm512_max_ps(a, b); }
  static reg min(reg a, reg b) { return _mm512_min_ps(a, b); }
  static reg abs(reg a) { return _mm512_abs_ps(a); }
  static reg copy_sign(reg a, reg s) {
    return _mm512_or_ps(a, _mm512_and_ps(s, _mm512_set1_ps(-0.0F)));
  }
  static reg round(reg a) { return _mm512_roundscale_ps(a, 8); }  // to nearest even, no exceptions
  static reg scale_by_power(reg a, reg n) { return _mm512_scalef_ps(a, n); }
  static float sum(reg a) { return _mm512_reduce_add_ps(a); }
  static float top(reg a) { return _mm512_reduce_max_ps(a); }
};
using E = Elementwise<F16>;

constexpr std::size_t kRows = 8;
constexpr std::size_t kRowBlock = 64;

// MR x (16 NV) sums of a (MR rows, lda) times b (k rows, ldb).
template <int MR, int NV>
inline void product(const float* a, std::size_t lda, const float* b, std::size_t ldb, std::size_t k,
                    __m512 (&acc)[MR][NV]) {
#pragma GCC unroll 12
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) acc[r][v] = _mm512_setzero_ps();
  }
  for (std::size_t i = 0; i < k; ++i) {
    __m512 w[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) w[v] = _mm512_loadu_ps(b + i * ldb + 16 * v);
#pragma GCC unroll 12
    for (int r = 0; r < MR; ++r) {
      const __m512 x = _mm512_set1_ps(a[static_cast<std::size_t>(r) * lda + i]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) acc[r][v] = _mm512_fmadd_ps(x, w[v], acc[r][v]);
    }
  }
}

// sum += a (16 x 4 unsigned bytes) . b (signed). As an instruction because GCC 12 copies the sums
// of _mm512_dpbusd_epi32 to the stack and back in every step, which halves the speed.
inline void dot_bytes(__m512i& sum, __m512i a, __m512i b) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}

// Adds the same over groups of four k with bytes.
template <int MR, int NV>
inline void add_product_i8(const std::uint8_t* a, std::size_t lda, const std::int8_t* b,
                           std::size_t groups, __m512i (&acc)[MR][NV]) {
  for (std::size_t i = 0; i < groups; ++i) {
    __m512i w[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v)
      w[v] = _mm512_loadu_si512(b + (i * NV + static_cast<std::size_t>(v)) * 64);
#pragma GCC unroll 12
    for (int r = 0; r < MR; ++r) {
      int four = 0;
      memcpy(&four, a + static_cast<std::size_t>(r) * lda + i * 4, 4);
      const __m512i x = _mm512_set1_epi32(four);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) dot_bytes(acc[r][v], x, w[v]);
    }
  }
}
template <int MR, int NV>
inline void product_i8(const std::uint8_t* a, std::size_t lda, const std::int8_t* b,
                       std::size_t groups, __m512i (&acc)[MR][NV]) {
#pragma GCC unroll 12
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) acc[r][v] = _mm512_setzero_si512();
  }
  add_product_i8<MR, NV>(a, lda, b, groups, acc);
}

// Where a tile goes. With both an activation and a residual, which may be c itself, sums wait in
// `held` until the activation is done.
struct Out {
  float* c;
  std::size_t ldc;
  const float* residual;  // or null
  const float* bias;      // or null
  std::size_t width;      // columns that exist
  float* to;              // c or held
  std::size_t ld;
};

// One column vector of a tile: what its rows share.
struct Column {
  __mmask16 mask;
  __m512 bias;
  std::size_t col;
};
inline Column column_of(const Out& o, std::size_t col) {
  const __mmask16 m = o.width - col >= 16 ? 0xFFFF : F16::mask(o.width - col);
  return {m, o.bias != nullptr ? _mm512_maskz_loadu_ps(m, o.bias + col) : _mm512_setzero_ps(), col};
}
// x has the bias already.
inline void put(const Out& o, const Column& c, std::size_t row, __m512 x) {
  if (o.residual != nullptr && o.to == o.c) {
    x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(c.mask, o.residual + row * o.ldc + c.col));
  }
  _mm512_mask_storeu_ps(o.to + row * o.ld + c.col, c.mask, x);
}

// What cannot be done while sums are in registers.
inline void finish(const Out& o, Activation act, std::size_t rows) {
  if (act == Activation::kNone) return;
  for (std::size_t r = 0; r < rows; ++r) {
    E::activate(act, o.to + r * o.ld, o.width);
    if (o.to == o.c) continue;
    E::axpy(1.0F, o.residual + r * o.ldc, o.width, o.to + r * o.ld);
    memcpy(o.c + r * o.ldc, o.to + r * o.ld, o.width * sizeof(float));
  }
}

template <typename G>
Out out_at(const G& g, std::size_t row, std::size_t col, float* held) {
  const std::size_t at = row * g.ldc + col;
  Out o{};
  o.c = g.c + at;
  o.ldc = g.ldc;
  o.residual = g.residual != nullptr ? g.residual + at : nullptr;
  o.bias = g.bias != nullptr ? g.bias + col : nullptr;
  o.width = g.n - col < kPanel ? g.n - col : kPanel;
  const bool hold = o.residual != nullptr && g.activation != Activation::kNone;
  o.to = hold ? held : o.c;
  o.ld = hold ? kPanel : g.ldc;
  return o;
}

struct TileF32 {
  using Gemm = GemmF32;
  template <int MR>
  static void run(const GemmF32& g, std::size_t row, std::size_t col) {
    __m512 acc[MR][3];
    product<MR, 3>(g.a + row * g.lda, g.lda, g.b + col * g.k, kPanel, g.k, acc);
    float held[MR * kPanel];
    const Out o = out_at(g, row, col, held);
#pragma GCC unroll 3
    for (int v = 0; v < 3; ++v) {
      const std::size_t j = static_cast<std::size_t>(v) * 16;
      if (j >= o.width) continue;
      const Column c = column_of(o, j);
#pragma GCC unroll 8
      for (int r = 0; r < MR; ++r) {
        put(o, c, static_cast<std::size_t>(r), _mm512_add_ps(acc[r][v], c.bias));
      }
    }
    finish(o, g.activation, MR);
  }
};

struct TileI8 {
  using Gemm = GemmI8;
  template <int MR>
  static void run(const GemmI8& g, std::size_t row, std::size_t col) {
    const std::size_t groups = (g.k + 3) / 4;
    __m512i acc[MR][3];
    product_i8<MR, 3>(g.a + row * g.lda, g.lda, g.b + col * groups * 4, groups, acc);
    float held[MR * kPanel];
    const Out o = out_at(g, row, col, held);
#pragma GCC unroll 3
    for (int v = 0; v < 3; ++v) {
      const std::size_t j = static_cast<std::size_t>(v) * 16;
      if (j >= o.width) continue;
      const Column c = column_of(o, j);
      const __m512i sum = _mm512_loadu_si512(g.b_sum + col + j);
      const __m512 scale = _mm512_loadu_ps(g.b_scale + col + j);
      __m512 x[MR];
#pragma GCC unroll 8
      for (int r = 0; r < MR; ++r) {
        const std::size_t i = row + static_cast<std::size_t>(r);
        const __m512i zero = _mm512_mullo_epi32(_mm512_set1_epi32(g.a_zero[i]), sum);
        const __m512 centred = _mm512_cvtepi32_ps(_mm512_sub_epi32(acc[r][v], zero));
        x[r] = _mm512_fmadd_ps(centred, _mm512_mul_ps(_mm512_set1_ps(g.a_scale[i]), scale), c.bias);
      }
      for (std::size_t e = 0; e < g.kept; ++e) {
        const __m512 w = _mm512_loadu_ps(g.kept_b + e * round_up(g.n, kPanel) + col + j);
#pragma GCC unroll 8
        for (int r = 0; r < MR; ++r) {
          const float a = g.kept_a[(row + static_cast<std::size_t>(r)) * g.kept + e];
          x[r] = _mm512_fmadd_ps(_mm512_set1_ps(a), w, x[r]);
        }
      }
#pragma GCC unroll 8
      for (int r = 0; r < MR; ++r) put(o, c, static_cast<std::size_t>(r), x[r]);
    }
    finish(o, g.activation, MR);
  }
};

template <typename Tile>
void run_rows(const typename Tile::Gemm& g, std::size_t row, std::size_t rows, std::size_t col) {
  switch (rows) {
    case 1:
      return Tile::template run<1>(g, row, col);
    case 2:
      return Tile::template run<2>(g, row, col);
    case 3:
      return Tile::template run<3>(g, row, col);
    case 4:
      return Tile::template run<4>(g, row, col);
    case 5:
      return Tile::template run<5>(g, row, col);
    case 6:
      return Tile::template run<6>(g, row, col);
    case 7:
      return Tile::template run<7>(g, row, col);
    default:
      return Tile::template run<8>(g, row, col);
  }
}

template <typename Tile>
void gemm(const typename Tile::Gemm& g) {
  for (std::size_t block = 0; block < g.m; block += kRowBlock) {
    const std::size_t rows = g.m - block < kRowBlock ? g.m - block : kRowBlock;
    const std::size_t tiles = (rows + kRows - 1) / kRows;
    for (std::size_t col = 0; col < g.n; col += kPanel) {
      // Rows are dealt evenly: 9 are 5 and 4, not 8 and 1.
      for (std::size_t t = 0; t < tiles; ++t) {
        const std::size_t from = rows * t / tiles;
        run_rows<Tile>(g, block + from, rows * (t + 1) / tiles - from, col);
      }
    }
  }
}

}  // namespace
}  // namespace swy::math::detail
