// The kernels for AVX2 with FMA (Intel since 2013, AMD since 2015).
//
// GEMM: tiles of 4 rows x 24 columns (half a panel) keep 12 accumulators, 3 weights and an
// activation in 16 registers. Bytes: vpmaddubsw would saturate (255 * 127 * 2 passes 2^15), so both
// sides are widened to 16 bits and multiplied by vpmaddwd, which is exact; pairs are added at the
// end. Half the speed that saturating would have, and the same numbers as every other version.
// attention_i8 is attention: widening leaves nothing to win. Checked by kernels_test.cc.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "math/detail/elementwise.h"
#include "math/detail/versions.h"

namespace swy::math::detail {
namespace {

struct F8 {
  using reg = __m256;
  static constexpr std::size_t kWidth = 8;
  static __m256i mask(std::size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static reg load(const float* p) { return _mm256_loadu_ps(p); }
  static reg load_n(const float* p, std::size_t n) { return _mm256_maskload_ps(p, mask(n)); }
  static void store(float* p, reg x) { _mm256_storeu_ps(p, x); }
  static void store_n(float* p, reg x, std::size_t n) { _mm256_maskstore_ps(p, mask(n), x); }
  static reg set(float x) { return _mm256_set1_ps(x); }
  static reg add(reg a, reg b) { return _mm256_add_ps(a, b); }
  static reg sub(reg a, reg b) { return _mm256_sub_ps(a, b); }
  static reg mul(reg a, reg b) { return _mm256_mul_ps(a, b); }
  static reg div(reg a, reg b) { return _mm256_div_ps(a, b); }
  static reg fma(reg a, reg b, reg c) { return _mm256_fmadd_ps(a, b, c); }
  static reg fnma(reg a, reg b, reg c) { return _mm256_fnmadd_ps(a, b, c); }
  static reg max(reg a, reg b) { return _mm256_max_ps(a, b); }
  static reg min(reg a, reg b) { return _mm256_min_ps(a, b); }
  static reg abs(reg a) { return _mm256_andnot_ps(set(-0.0F), a); }
  static reg copy_sign(reg a, reg s) { return _mm256_or_ps(a, _mm256_and_ps(s, set(-0.0F))); }
  static reg round(reg a) { return _mm256_round_ps(a, 8); }
  static reg scale_by_power(reg a, reg n) {  // n in [-126, 127], which exp's clamp ensures
    const __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return mul(a, _mm256_castsi256_ps(_mm256_slli_epi32(e, 23)));
  }
  static float sum(reg a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  static float top(reg a) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
  }
};
using E = Elementwise<F8>;

constexpr std::size_t kRows = 4;
constexpr std::size_t kColumns = 24;
constexpr std::size_t kRowBlock = 64;

template <typename G>
void finish(const G& g, std::size_t row, std::size_t rows, std::size_t col, std::size_t width) {
  for (std::size_t r = row; r < row + rows; ++r) {
    float* c = g.c + r * g.ldc + col;
    if (g.bias != nullptr) E::axpy(1.0F, g.bias + col, width, c);
    E::activate(g.activation, c, width);
    if (g.residual != nullptr) E::axpy(1.0F, g.residual + r * g.ldc + col, width, c);
  }
}

// MR x 24 sums of a times b (k rows, ldb), written with row stride ldc; columns from width on are
// left out. keep: what c holds is not needed as residual.
template <int MR>
void product(const float* a, std::size_t lda, const float* b, std::size_t ldb, std::size_t k,
             float (&out)[MR][kColumns]) {
  __m256 acc[MR][3];
#pragma GCC unroll 4
  for (int r = 0; r < MR; ++r) acc[r][0] = acc[r][1] = acc[r][2] = _mm256_setzero_ps();
  for (std::size_t i = 0; i < k; ++i) {
    const __m256 w0 = _mm256_loadu_ps(b + i * ldb);
    const __m256 w1 = _mm256_loadu_ps(b + i * ldb + 8);
    const __m256 w2 = _mm256_loadu_ps(b + i * ldb + 16);
#pragma GCC unroll 4
    for (int r = 0; r < MR; ++r) {
      const __m256 x = _mm256_broadcast_ss(a + static_cast<std::size_t>(r) * lda + i);
      acc[r][0] = _mm256_fmadd_ps(x, w0, acc[r][0]);
      acc[r][1] = _mm256_fmadd_ps(x, w1, acc[r][1]);
      acc[r][2] = _mm256_fmadd_ps(x, w2, acc[r][2]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < MR; ++r) {
    for (int v = 0; v < 3; ++v) _mm256_storeu_ps(&out[r][8 * v], acc[r][v]);
  }
}

struct TileF32 {
  using Gemm = GemmF32;
  template <int MR>
  static void run(const GemmF32& g, std::size_t row, std::size_t panel) {
    for (std::size_t half = 0; half < kPanel; half += kColumns) {
      const std::size_t col = panel + half;
      if (col >= g.n) return;
      float out[MR][kColumns];
      product<MR>(g.a + row * g.lda, g.lda, g.b + panel * g.k + half, kPanel, g.k, out);
      const std::size_t width = g.n - col < kColumns ? g.n - col : kColumns;
      for (int r = 0; r < MR; ++r) {
        const std::size_t i = row + static_cast<std::size_t>(r);
        float* c = g.c + i * g.ldc + col;
        if (g.residual != nullptr) {  // c may be the residual: add before writing
          if (g.bias != nullptr) E::axpy(1.0F, g.bias + col, width, out[r]);
          E::activate(g.activation, out[r], width);
          E::axpy(1.0F, g.residual + i * g.ldc + col, width, out[r]);
        }
        memcpy(c, out[r], width * sizeof(float));
      }
      if (g.residual == nullptr) finish(g, row, MR, col, width);
    }
  }
};

// MR x 8 exact sums over groups of four k.
template <int MR>
void product_i8(const std::uint8_t* a, std::size_t lda, const std::int8_t* b, std::size_t groups,
                __m256i (&sums)[MR]) {
  __m256i low[MR];   // columns 0..3, two sums each
  __m256i high[MR];  // columns 4..7
#pragma GCC unroll 4
  for (int r = 0; r < MR; ++r) low[r] = high[r] = _mm256_setzero_si256();
  for (std::size_t i = 0; i < groups; ++i) {
    const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i * kPanel * 4));
    const __m256i w0 = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(w));
    const __m256i w1 = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(w, 1));
#pragma GCC unroll 4
    for (int r = 0; r < MR; ++r) {
      int four = 0;
      memcpy(&four, a + static_cast<std::size_t>(r) * lda + i * 4, 4);
      const __m256i x = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
      low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(w0, x));
      high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(w1, x));
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < MR; ++r) {
    // hadd gives columns 0 1 4 5 | 2 3 6 7; the permutation puts them in order.
    sums[r] = _mm256_permute4x64_epi64(_mm256_hadd_epi32(low[r], high[r]), 0xD8);
  }
}

struct TileI8 {
  using Gemm = GemmI8;
  template <int MR>
  static void run(const GemmI8& g, std::size_t row, std::size_t panel) {
    const std::size_t groups = (g.k + 3) / 4;
    const std::size_t end = g.n - panel < kPanel ? g.n : panel + kPanel;
    for (std::size_t col = panel; col < end; col += 8) {
      __m256i sums[MR];
      product_i8<MR>(g.a + row * g.lda, g.lda, g.b + panel * groups * 4 + (col - panel) * 4, groups,
                     sums);
      const std::size_t width = end - col < 8 ? end - col : 8;
      const __m256i b_sum = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(g.b_sum + col));
      const __m256 b_scale = _mm256_loadu_ps(g.b_scale + col);
      for (int r = 0; r < MR; ++r) {
        const std::size_t i = row + static_cast<std::size_t>(r);
        const __m256i zero = _mm256_mullo_epi32(_mm256_set1_epi32(g.a_zero[i]), b_sum);
        const __m256 centred = _mm256_cvtepi32_ps(_mm256_sub_epi32(sums[r], zero));
        float out[8];
        _mm256_storeu_ps(
            out, _mm256_mul_ps(centred, _mm256_mul_ps(_mm256_set1_ps(g.a_scale[i]), b_scale)));
        for (std::size_t x = 0; x < g.kept; ++x) {
          E::axpy(g.kept_a[i * g.kept + x], g.kept_b + x * round_up(g.n, kPanel) + col, 8, out);
        }
        if (g.bias != nullptr) E::axpy(1.0F, g.bias + col, width, out);
        E::activate(g.activation, out, width);
        if (g.residual != nullptr) E::axpy(1.0F, g.residual + i * g.ldc + col, width, out);
        memcpy(g.c + i * g.ldc + col, out, width * sizeof(float));
      }
    }
  }
};

template <typename Tile>
void gemm(const typename Tile::Gemm& g) {
  for (std::size_t block = 0; block < g.m; block += kRowBlock) {
    const std::size_t end = g.m - block < kRowBlock ? g.m : block + kRowBlock;
    for (std::size_t col = 0; col < g.n; col += kPanel) {
      std::size_t row = block;
      for (; row + kRows <= end; row += kRows) Tile::template run<4>(g, row, col);
      for (; row < end; ++row) Tile::template run<1>(g, row, col);
    }
  }
}

void quantize_row(const float* x, std::size_t k, std::uint8_t* q, std::size_t ldq, float* scale,
                  std::int32_t* zero) {
  __m256 low = _mm256_setzero_ps();
  __m256 high = low;
  for (std::size_t j = 0; j < k; j += 8) {
    const __m256 v = E::at(x, j, k);
    low = _mm256_min_ps(low, v);
    high = _mm256_max_ps(high, v);
  }
  const float lowest = -F8::top(_mm256_sub_ps(_mm256_setzero_ps(), low));
  const float step = (F8::top(high) - lowest) / 255.0F;
  const float inverse = step > 0 ? 1.0F / step : 0.0F;
  *scale = step;
  *zero = static_cast<std::int32_t>(nearbyintf(-lowest * inverse));
  const __m256 by = _mm256_set1_ps(inverse);
  const __m256i offset = _mm256_set1_epi32(*zero);
  for (std::size_t j = 0; j < k; j += 8) {
    const __m256i i =
        _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(E::at(x, j, k), by)), offset);
    const __m256i words = _mm256_packus_epi32(i, i);
    const __m256i bytes = _mm256_packus_epi16(words, words);
    const int lower = _mm256_extract_epi32(bytes, 0);
    const int upper = _mm256_extract_epi32(bytes, 4);
    char eight[8];
    memcpy(eight, &lower, 4);
    memcpy(eight + 4, &upper, 4);
    memcpy(q + j, eight, k - j < 8 ? k - j : 8);
  }
  memset(q + k, 0, ldq - k);
}

void quantize_rows(const float* x, std::size_t ldx, std::size_t m, std::size_t k, std::uint8_t* q,
                   std::size_t ldq, float* scale, std::int32_t* zero) {
  for (std::size_t i = 0; i < m; ++i) {
    quantize_row(x + i * ldx, k, q + i * ldq, ldq, scale + i, zero + i);
  }
}

template <int MR>
void mix(const float* p, std::size_t ldp, const float* v, std::size_t ldv, std::size_t k,
         const float* inverse, float* out, std::size_t ldo, std::size_t dim) {
  for (std::size_t col = 0; col < dim; col += kColumns) {
    float sums[MR][kColumns];
    product<MR>(p, ldp, v + col, ldv, k, sums);
    const std::size_t width = dim - col < kColumns ? dim - col : kColumns;
    for (int r = 0; r < MR; ++r) {
      for (std::size_t j = 0; j < width; ++j) {
        out[static_cast<std::size_t>(r) * ldo + col + j] = sums[r][j] * inverse[r];
      }
    }
  }
}

void attention(const Attention& t) {
  const std::size_t keys = round_up(t.tokens, kPanel);
  const std::size_t wide = round_up(t.dim, kColumns);  // at most round_up(dim, 64)
  float* packed = t.scratch;                           // [keys / 48][dim][48]
  float* values = packed + keys * t.dim;               // [tokens][wide]
  float* scores = values + keys * wide;                // [48][keys]
  float* inverse = scores + kQueryBlock * keys;
  memset(packed + (keys - kPanel) * t.dim, 0, kPanel * t.dim * sizeof(float));
  for (std::size_t j = 0; j < t.tokens; ++j) {
    float* to = packed + j / kPanel * kPanel * t.dim + j % kPanel;
    for (std::size_t d = 0; d < t.dim; ++d) to[d * kPanel] = t.k[j * t.ld + d];
    memcpy(values + j * wide, t.v + j * t.ld, t.dim * sizeof(float));
    memset(values + j * wide + t.dim, 0, (wide - t.dim) * sizeof(float));
  }
  for (std::size_t i = 0; i < t.tokens; i += kQueryBlock) {
    const std::size_t rows = t.tokens - i < kQueryBlock ? t.tokens - i : kQueryBlock;
    const Span s{i > t.reach ? (i - t.reach) / kPanel * kPanel : 0,
                 t.tokens - i - rows > t.reach ? i + rows + t.reach : t.tokens};
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
    std::size_t r = 0;
    const float* v = values + s.from * wide;
    float* out = t.out + i * t.ld_out;
    for (; r + 4 <= rows; r += 4) {
      mix<4>(scores + r * keys, keys, v, wide, s.to - s.from, inverse + r, out + r * t.ld_out,
             t.ld_out, t.dim);
    }
    for (; r < rows; ++r) {
      mix<1>(scores + r * keys, keys, v, wide, s.to - s.from, inverse + r, out + r * t.ld_out,
             t.ld_out, t.dim);
    }
  }
}

void axpy_i8(float w, const std::int8_t* x, std::size_t n, float* y) {
  const __m256 s = _mm256_set1_ps(w);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x + i));
    const __m256 v = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
    _mm256_storeu_ps(y + i, _mm256_fmadd_ps(s, v, _mm256_loadu_ps(y + i)));
  }
  for (; i < n; ++i) y[i] += w * static_cast<float>(x[i]);
}

// The sums of W words (64 W rows) stay in 2 W registers while the columns pass by. A bit becomes a
// byte of ones where it is set: its byte is copied eight times and one bit of each looked at.
template <std::size_t W>
void bit_sums_of(const BitSums& t, std::size_t w) {
  const __m256i copies = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2,
                                          2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201ULL));
  __m256i sum[2 * W];
#pragma GCC unroll 4
  for (std::size_t j = 0; j < 2 * W; ++j) sum[j] = _mm256_setzero_si256();
  for (std::size_t c = 0; c < t.n; ++c) {
    const __m256i weight = _mm256_set1_epi8(static_cast<char>(t.columns[c].weight));
    _mm_prefetch(reinterpret_cast<const char*>(t.columns[c].bits + w + kBitsAhead), _MM_HINT_T0);
#pragma GCC unroll 4
    for (std::size_t j = 0; j < 2 * W; ++j) {
      const std::uint64_t word = t.columns[c].bits[w + j / 2];
      const auto half = static_cast<int>(word >> (j % 2 * 32));
      const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(half), copies);
      const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
      sum[j] = _mm256_add_epi8(sum[j], _mm256_and_si256(set, weight));
    }
  }
  const __m256 unit = _mm256_set1_ps(t.unit);
  for (std::size_t j = 0; j < W; ++j) {
    alignas(32) std::uint8_t bytes[64];
    _mm256_store_si256(reinterpret_cast<__m256i*>(bytes), sum[2 * j]);
    _mm256_store_si256(reinterpret_cast<__m256i*>(bytes + 32), sum[2 * j + 1]);
    __m256 most = _mm256_set1_ps(-INFINITY);
    for (std::size_t k = 0; k < 64; k += 8) {
      const std::size_t i = (w + j) * 64 + k;
      const __m128i some = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes + k));
      const __m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(some)), unit);
      const __m256 y = _mm256_fmadd_ps(x, _mm256_loadu_ps(t.scale + i), _mm256_loadu_ps(t.in + i));
      _mm256_storeu_ps(t.out + i, y);
      most = _mm256_max_ps(most, y);
    }
    t.most[w + j] = F8::top(most);
  }
}

void bit_sums(const BitSums& t) {
  std::size_t w = 0;
  for (; w + 2 <= t.words; w += 2) bit_sums_of<2>(t, w);
  for (; w < t.words; ++w) bit_sums_of<1>(t, w);
}

}  // namespace

const Kernels kAvx2Kernels{"avx2",     gemm<TileF32>, gemm<TileI8>,  attention,
                           attention,  quantize_rows, E::layer_norm, E::rms_norm,
                           E::softmax, E::activate,   E::gate,       E::dot,
                           E::axpy,    axpy_i8,       E::max_into,   bit_sums};

}  // namespace swy::math::detail
