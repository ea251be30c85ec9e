// The kernels for AVX-512 with VNNI (Intel since 2019, AMD since Zen 4).
//
// GEMM: a tile of 8 rows x 48 columns keeps 24 accumulators in registers; per k three loads of
// weights and eight broadcasts feed 24 multiply-adds (vfmadd231ps, or vpdpbusd over four k at
// once). Rows go in blocks of 64 so that a block of activations stays in the second-level cache
// while the weights pass by; within a block a panel of weights is read once per 8 rows. Sums run
// over k in order in one accumulator each, so a row's result does not depend on its neighbours.
//
// Attention per head: keys are transposed into panels and values copied next to each other once,
// then 48 queries at a time: scores by the GEMM tile, a softmax that leaves the division to the
// end, weights times values. attention_i8 does both products with vpdpbusd: q, k per row, v per
// column, and exp(s - max), which lies in [0, 1], as multiples of 1/255; the divisor is the sum of
// the rounded weights.
//
// Loses to a library on large m (no packing of activations). Checked by kernels_test.cc.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "math/detail/elementwise.h"
#include "math/detail/versions.h"

namespace swy::math::detail {
namespace {

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

// The same over groups of four k with bytes.
template <int MR, int NV>
inline void product_i8(const std::uint8_t* a, std::size_t lda, const std::int8_t* b,
                       std::size_t groups, __m512i (&acc)[MR][NV]) {
#pragma GCC unroll 12
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) acc[r][v] = _mm512_setzero_si512();
  }
  for (std::size_t i = 0; i < groups; ++i) {
    __m512i w[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) w[v] = _mm512_loadu_si512(b + (i * NV + v) * 64);
#pragma GCC unroll 12
    for (int r = 0; r < MR; ++r) {
      int four = 0;
      memcpy(&four, a + static_cast<std::size_t>(r) * lda + i * 4, 4);
      const __m512i x = _mm512_set1_epi32(four);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) acc[r][v] = _mm512_dpbusd_epi32(acc[r][v], x, w[v]);
    }
  }
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

// One finished vector of a tile: bias, residual, store.
inline void put(const Out& o, std::size_t row, std::size_t col, __m512 x) {
  if (col >= o.width) return;
  const __mmask16 m = o.width - col >= 16 ? 0xFFFF : F16::mask(o.width - col);
  if (o.bias != nullptr) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(m, o.bias + col));
  if (o.residual != nullptr && o.to == o.c) {
    x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(m, o.residual + row * o.ldc + col));
  }
  _mm512_mask_storeu_ps(o.to + row * o.ld + col, m, x);
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
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 3
      for (int v = 0; v < 3; ++v) {
        put(o, static_cast<std::size_t>(r), static_cast<std::size_t>(v) * 16, acc[r][v]);
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
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r) {
      const std::size_t i = row + static_cast<std::size_t>(r);
      const __m512i zero = _mm512_set1_epi32(g.a_zero[i]);
      const __m512 scale = _mm512_set1_ps(g.a_scale[i]);
#pragma GCC unroll 3
      for (int v = 0; v < 3; ++v) {
        const std::size_t j = static_cast<std::size_t>(v) * 16;
        const __m512i sum = _mm512_loadu_si512(g.b_sum + col + j);
        const __m512i centred = _mm512_sub_epi32(acc[r][v], _mm512_mullo_epi32(zero, sum));
        const __m512 s = _mm512_mul_ps(scale, _mm512_loadu_ps(g.b_scale + col + j));
        put(o, static_cast<std::size_t>(r), j, _mm512_mul_ps(_mm512_cvtepi32_ps(centred), s));
      }
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

void quantize_row_u8(const float* x, std::size_t k, std::uint8_t* q, std::size_t ldq, float* scale,
                     std::int32_t* zero) {
  __m512 low = _mm512_setzero_ps();
  __m512 high = low;
  for (std::size_t j = 0; j < k; j += 16) {
    const __m512 v = E::at(x, j, k);
    low = _mm512_min_ps(low, v);
    high = _mm512_max_ps(high, v);
  }
  const float lowest = _mm512_reduce_min_ps(low);
  const float step = (_mm512_reduce_max_ps(high) - lowest) / 255.0F;
  const float inverse = step > 0 ? 1.0F / step : 0.0F;
  *scale = step;
  *zero = static_cast<std::int32_t>(nearbyintf(-lowest * inverse));
  const __m512 by = _mm512_set1_ps(inverse);
  const __m512i offset = _mm512_set1_epi32(*zero);
  std::size_t j = 0;
  for (; j < ldq; j += 16) {
    const std::size_t left = k > j ? k - j : 0;
    const __mmask16 m = left >= 16 ? 0xFFFF : F16::mask(left);
    const __m512i i = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(m, x + j), by));
    const __m512i shifted = _mm512_maskz_add_epi32(m, i, offset);
    const __m512i floored = _mm512_max_epi32(shifted, _mm512_setzero_si512());
    const __mmask16 room = ldq - j >= 16 ? 0xFFFF : F16::mask(ldq - j);
    _mm512_mask_cvtusepi32_storeu_epi8(q + j, room, floored);
  }
}

void quantize_rows(const float* x, std::size_t ldx, std::size_t m, std::size_t k, std::uint8_t* q,
                   std::size_t ldq, float* scale, std::int32_t* zero) {
  for (std::size_t i = 0; i < m; ++i) {
    quantize_row_u8(x + i * ldx, k, q + i * ldq, ldq, scale + i, zero + i);
  }
}

// ---- attention ----

// Weights times values: MR rows of p (k each) with 16 NV columns of v.
template <int MR, int NV>
void mix(const float* p, std::size_t ldp, const float* v, std::size_t ldv, std::size_t k,
         const float* inverse, float* out, std::size_t ldo, std::size_t width) {
  __m512 acc[MR][NV];
  product<MR, NV>(p, ldp, v, ldv, k, acc);
#pragma GCC unroll 12
  for (int r = 0; r < MR; ++r) {
    const __m512 by = _mm512_set1_ps(inverse[r]);
#pragma GCC unroll 4
    for (int c = 0; c < NV; ++c) {
      const std::size_t col = static_cast<std::size_t>(c) * 16;
      E::put(out + static_cast<std::size_t>(r) * ldo, col, width, _mm512_mul_ps(acc[r][c], by));
    }
  }
}

template <int MR, int NV>
void mix_rows(std::size_t rows, const float* p, std::size_t ldp, const float* v, std::size_t ldv,
              std::size_t k, const float* inverse, float* out, std::size_t ldo, std::size_t width) {
  std::size_t i = 0;
  for (; i + MR <= rows; i += MR) {
    mix<MR, NV>(p + i * ldp, ldp, v, ldv, k, inverse + i, out + i * ldo, ldo, width);
  }
  for (; i < rows; ++i) {
    mix<1, NV>(p + i * ldp, ldp, v, ldv, k, inverse + i, out + i * ldo, ldo, width);
  }
}

void mix_any(std::size_t rows, const float* p, std::size_t ldp, const float* v, std::size_t ldv,
             std::size_t k, const float* inverse, float* out, std::size_t ldo, std::size_t dim) {
  for (std::size_t col = 0; col < dim; col += 64) {
    const std::size_t width = dim - col < 64 ? dim - col : 64;
    const float* from = v + col;
    float* to = out + col;
    if (width <= 16) {
      mix_rows<8, 1>(rows, p, ldp, from, ldv, k, inverse, to, ldo, width);
    } else if (width <= 32) {
      mix_rows<12, 2>(rows, p, ldp, from, ldv, k, inverse, to, ldo, width);
    } else if (width <= 48) {
      mix_rows<8, 3>(rows, p, ldp, from, ldv, k, inverse, to, ldo, width);
    } else {
      mix_rows<6, 4>(rows, p, ldp, from, ldv, k, inverse, to, ldo, width);
    }
  }
}

// The keys that queries [first, last) may see, from the start of a panel.
Span keys_of(const Attention& t, std::size_t first, std::size_t last) {
  const std::size_t from = first > t.reach ? (first - t.reach) / kPanel * kPanel : 0;
  const std::size_t to = t.tokens - last > t.reach ? last + t.reach : t.tokens;
  return {from, to};
}

void attention(const Attention& t) {
  const std::size_t keys = round_up(t.tokens, kPanel);
  const std::size_t wide = round_up(t.dim, 16);
  float* packed = t.scratch;              // [keys / 48][dim][48]
  float* values = packed + keys * t.dim;  // [tokens][wide]
  float* scores = values + keys * wide;   // [48][keys]
  float* inverse = scores + kQueryBlock * keys;
  memset(packed + (keys - kPanel) * t.dim, 0, kPanel * t.dim * sizeof(float));
  for (std::size_t j = 0; j < t.tokens; ++j) {
    float* to = packed + j / kPanel * kPanel * t.dim + j % kPanel;
    for (std::size_t d = 0; d < t.dim; ++d) to[d * kPanel] = t.k[j * t.ld + d];
    for (std::size_t d = 0; d < wide; d += 16) {
      _mm512_storeu_ps(values + j * wide + d,
                       d < t.dim ? E::at(t.v + j * t.ld, d, t.dim) : _mm512_setzero_ps());
    }
  }
  for (std::size_t i = 0; i < t.tokens; i += kQueryBlock) {
    const std::size_t rows = t.tokens - i < kQueryBlock ? t.tokens - i : kQueryBlock;
    const Span s = keys_of(t, i, i + rows);
    GemmF32 g;
    g.a = t.q + i * t.ld;
    g.lda = t.ld;
    g.b = packed + s.from * t.dim;
    g.c = scores;
    g.ldc = keys;
    g.m = rows;
    g.n = s.to - s.from;
    g.k = t.dim;
    gemm<TileF32>(g);
    for (std::size_t r = 0; r < rows; ++r) {
      inverse[r] = E::weigh_row(t, i + r, s, scores + r * keys);
    }
    mix_any(rows, scores, keys, values + s.from * wide, wide, s.to - s.from, inverse,
            t.out + i * t.ld_out, t.ld_out, t.dim);
  }
}

// Hands out 64-byte aligned parts of the scratch memory.
struct Carve {
  char* at;
  template <typename T>
  T* take(std::size_t n) {
    char* p = at;
    at += round_up(n * sizeof(T), 64);
    return reinterpret_cast<T*>(p);
  }
};

// What attention_i8 keeps for one head.
struct Head8 {
  std::size_t groups;   // of four dimensions
  std::int8_t* k;       // [keys / 48][groups][48][4]
  float* k_scale;       // per key
  std::int32_t* k_sum;  // per key
  std::int8_t* v;       // per 64 columns: [keys / 4][columns][4]
  float* v_scale;       // per column
};

void pack_key(const Attention& t, std::size_t j, const Head8& h) {
  const float* x = t.k + j * t.ld;
  __m512 top = _mm512_setzero_ps();
  for (std::size_t d = 0; d < t.dim; d += 16) {
    top = _mm512_max_ps(top, _mm512_abs_ps(E::at(x, d, t.dim)));
  }
  const float scale = _mm512_reduce_max_ps(top) / 127.0F;
  const __m512 by = _mm512_set1_ps(scale > 0 ? 1.0F / scale : 0.0F);
  std::int8_t* to = h.k + j / kPanel * kPanel * h.groups * 4 + j % kPanel * 4;
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t d = 0; d < t.dim; d += 16) {
    const __m512i i = _mm512_cvtps_epi32(_mm512_mul_ps(E::at(x, d, t.dim), by));
    sum = _mm512_add_epi32(sum, i);
    alignas(16) char bytes[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(bytes), _mm512_cvtsepi32_epi8(i));
    for (std::size_t g = d / 4; g < h.groups && g < d / 4 + 4; ++g) {
      memcpy(to + g * kPanel * 4, bytes + (g - d / 4) * 4, 4);
    }
  }
  h.k_scale[j] = scale;
  h.k_sum[j] = _mm512_reduce_add_epi32(sum);
}

// Four values of 16 columns, one byte each, as the lanes of one vector.
__m512i four_values(const Attention& t, std::size_t j, std::size_t col, __m512 by) {
  __m512i lanes = _mm512_setzero_si512();
  const __m512i byte = _mm512_set1_epi32(255);
  for (unsigned r = 0; r < 4 && j + r < t.tokens; ++r) {
    const __m512 x = E::at(t.v + (j + r) * t.ld, col, t.dim);
    const __m512i i = _mm512_and_si512(_mm512_cvtps_epi32(_mm512_mul_ps(x, by)), byte);
    lanes = _mm512_or_si512(lanes, _mm512_sll_epi32(i, _mm_cvtsi32_si128(static_cast<int>(8 * r))));
  }
  return lanes;
}

void pack_values(const Attention& t, std::size_t keys, const Head8& h) {
  const std::size_t wide = round_up(t.dim, 16);
  for (std::size_t col = 0; col < wide; col += 16) {
    const std::size_t block = col / 64 * 64;
    const std::size_t width = wide - block < 64 ? wide - block : 64;
    __m512 top = _mm512_setzero_ps();
    for (std::size_t j = 0; j < t.tokens; ++j) {
      top = _mm512_max_ps(top, _mm512_abs_ps(E::at(t.v + j * t.ld, col, t.dim)));
    }
    const __m512 scale = _mm512_div_ps(top, _mm512_set1_ps(127.0F));
    _mm512_storeu_ps(h.v_scale + col, scale);
    const __mmask16 some = _mm512_cmp_ps_mask(scale, _mm512_setzero_ps(), _CMP_GT_OQ);
    const __m512 by = _mm512_maskz_div_ps(some, _mm512_set1_ps(1.0F), scale);
    std::int8_t* to = h.v + block * keys + (col - block) * 4;
    for (std::size_t j = 0; j < keys; j += 4) {
      _mm512_storeu_si512(to + j * width, four_values(t, j, col, by));
    }
  }
}

// A row of raw scores becomes weights 0..255 in p, 0 outside what the query may see and up to a
// multiple of four; returns 1 / their sum.
float weigh_row(const Attention& t, std::size_t query, Span s, float* row, std::uint8_t* p) {
  const Span seen = E::seen(t, query, s.from, s.to);
  memset(p, 0, seen.from - s.from);
  memset(p + (seen.to - s.from), 0, round_up(s.to - s.from, 4) - (seen.to - s.from));
  row += seen.from - s.from;
  p += seen.from - s.from;
  const std::size_t n = seen.to - seen.from;
  const __m512 scale = _mm512_set1_ps(t.scale);
  if (t.bias != nullptr) {
    const float* bias = t.bias + query * t.ld_bias + seen.from;
    E::map(row, n, [=](__m512 x, std::size_t i) {
      return _mm512_add_ps(x, _mm512_div_ps(E::at(bias, i, n), scale));
    });
  }
  const __m512 top = _mm512_set1_ps(-t.scale * E::top(row, n));
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < n; i += 16) {
    const __mmask16 m = n - i >= 16 ? 0xFFFF : F16::mask(n - i);
    const __m512 e = E::exp(_mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, row + i), scale, top));
    const __m512i w = _mm512_maskz_cvtps_epi32(m, _mm512_mul_ps(e, _mm512_set1_ps(255.0F)));
    sum = _mm512_add_epi32(sum, w);
    _mm512_mask_cvtepi32_storeu_epi8(p + i, m, w);
  }
  return 1.0F / static_cast<float>(_mm512_reduce_add_epi32(sum));
}

template <int MR, int NV>
void mix_i8(const std::uint8_t* p, std::size_t ldp, const std::int8_t* v, std::size_t groups,
            const float* inverse, const float* v_scale, float* out, std::size_t ldo,
            std::size_t width) {
  __m512i acc[MR][NV];
  product_i8<MR, NV>(p, ldp, v, groups, acc);
#pragma GCC unroll 12
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < NV; ++c) {
      const std::size_t col = static_cast<std::size_t>(c) * 16;
      const __m512 s = _mm512_mul_ps(_mm512_set1_ps(inverse[r]), _mm512_loadu_ps(v_scale + col));
      E::put(out + static_cast<std::size_t>(r) * ldo, col, width,
             _mm512_mul_ps(_mm512_cvtepi32_ps(acc[r][c]), s));
    }
  }
}

template <int MR, int NV>
void mix_rows_i8(std::size_t rows, const std::uint8_t* p, std::size_t ldp, const std::int8_t* v,
                 std::size_t groups, const float* inverse, const float* v_scale, float* out,
                 std::size_t ldo, std::size_t width) {
  std::size_t i = 0;
  for (; i + MR <= rows; i += MR) {
    mix_i8<MR, NV>(p + i * ldp, ldp, v, groups, inverse + i, v_scale, out + i * ldo, ldo, width);
  }
  for (; i < rows; ++i) {
    mix_i8<1, NV>(p + i * ldp, ldp, v, groups, inverse + i, v_scale, out + i * ldo, ldo, width);
  }
}

void mix_any_i8(const Attention& t, const Head8& h, std::size_t keys, std::size_t i, Span s,
                const std::uint8_t* p, const float* inverse) {
  const std::size_t rows = t.tokens - i < kQueryBlock ? t.tokens - i : kQueryBlock;
  const std::size_t groups = (s.to - s.from + 3) / 4;
  const std::size_t wide = round_up(t.dim, 16);
  for (std::size_t col = 0; col < t.dim; col += 64) {
    const std::size_t width = wide - col < 64 ? wide - col : 64;
    const std::size_t some = t.dim - col < 64 ? t.dim - col : 64;
    const std::int8_t* v = h.v + col * keys + s.from * width;
    float* out = t.out + i * t.ld_out + col;
    const float* vs = h.v_scale + col;
    if (width == 16) {
      mix_rows_i8<8, 1>(rows, p, keys, v, groups, inverse, vs, out, t.ld_out, some);
    } else if (width == 32) {
      mix_rows_i8<12, 2>(rows, p, keys, v, groups, inverse, vs, out, t.ld_out, some);
    } else if (width == 48) {
      mix_rows_i8<8, 3>(rows, p, keys, v, groups, inverse, vs, out, t.ld_out, some);
    } else {
      mix_rows_i8<6, 4>(rows, p, keys, v, groups, inverse, vs, out, t.ld_out, some);
    }
  }
}

void attention_i8(const Attention& t) {
  const std::size_t keys = round_up(t.tokens, kPanel);
  const std::size_t ldq = round_up(t.dim, 16);
  Carve carve{reinterpret_cast<char*>(t.scratch)};
  Head8 h{};
  h.groups = (t.dim + 3) / 4;
  h.k = carve.take<std::int8_t>(keys * h.groups * 4);
  h.k_scale = carve.take<float>(keys);
  h.k_sum = carve.take<std::int32_t>(keys);
  h.v = carve.take<std::int8_t>(keys * ldq);
  h.v_scale = carve.take<float>(ldq);
  std::uint8_t* q = carve.take<std::uint8_t>(kQueryBlock * ldq);
  float* q_scale = carve.take<float>(kQueryBlock);
  std::int32_t* q_zero = carve.take<std::int32_t>(kQueryBlock);
  float* scores = carve.take<float>(kQueryBlock * keys);
  std::uint8_t* p = carve.take<std::uint8_t>(kQueryBlock * keys);
  float* inverse = carve.take<float>(kQueryBlock);
  for (std::size_t j = 0; j < t.tokens; ++j) pack_key(t, j, h);
  memset(h.k_scale + t.tokens, 0, (keys - t.tokens) * sizeof(float));
  memset(h.k_sum + t.tokens, 0, (keys - t.tokens) * sizeof(float));
  pack_values(t, keys, h);
  for (std::size_t i = 0; i < t.tokens; i += kQueryBlock) {
    const std::size_t rows = t.tokens - i < kQueryBlock ? t.tokens - i : kQueryBlock;
    const Span s = keys_of(t, i, i + rows);
    quantize_rows(t.q + i * t.ld, t.ld, rows, t.dim, q, ldq, q_scale, q_zero);
    GemmI8 g;
    g.a = q;
    g.lda = ldq;
    g.a_scale = q_scale;
    g.a_zero = q_zero;
    g.b = h.k + s.from * h.groups * 4;
    g.b_scale = h.k_scale + s.from;
    g.b_sum = h.k_sum + s.from;
    g.c = scores;
    g.ldc = keys;
    g.m = rows;
    g.n = s.to - s.from;
    g.k = t.dim;
    gemm<TileI8>(g);
    for (std::size_t r = 0; r < rows; ++r) {
      inverse[r] = weigh_row(t, i + r, s, scores + r * keys, p + r * keys);
    }
    mix_any_i8(t, h, keys, i, s, p, inverse);
  }
}

void axpy_i8(float w, const std::int8_t* x, std::size_t n, float* y) {
  const __m512 s = _mm512_set1_ps(w);
  for (std::size_t i = 0; i < n; i += 16) {
    const __mmask16 m = n - i >= 16 ? 0xFFFF : F16::mask(n - i);
    const __m512 v = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(m, x + i)));
    _mm512_mask_storeu_ps(y + i, m, _mm512_fmadd_ps(s, v, _mm512_maskz_loadu_ps(m, y + i)));
  }
}

}  // namespace

const Kernels kAvx512Kernels{"avx512",      gemm<TileF32>, gemm<TileI8>, attention,  attention_i8,
                             quantize_rows, E::layer_norm, E::rms_norm,  E::softmax, E::activate,
                             E::gate,       E::dot,        E::axpy,      axpy_i8,    E::max_into};

}  // namespace swy::math::detail
