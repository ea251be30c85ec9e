// Attention per head for AVX-512.
//
// Keys are transposed into panels and values copied next to each other once, then 48 queries at a
// time: scores by the GEMM tile, a softmax that leaves the division to the end, weights times
// values. attention_i8 does both products with vpdpbusd: queries, keys per row, values per column,
// and exp(s - max), which lies in [0, 1], as multiples of 1/255, rounded with a dither; the divisor
// is the sum of the rounded weights. Queries are lifted by 128 to be unsigned; what that adds is
// known per key beforehand. Cost: 4 tokens^2 dim operations and tokens^2 exponentials a head; those
// and the bookkeeping around short products, not the products, dominate for heads of 32. Loses its
// cache beyond some thousand tokens. Checked by kernels_test.cc against double precision.
#include "math/detail/avx512.h"

namespace swy::math::detail {
namespace {

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
  std::size_t groups;      // of four dimensions
  std::int8_t* k;          // [keys / 48][groups][48][4]
  float* k_scale;          // per key
  std::int32_t* k_offset;  // per key: what the 128 that lifts queries above 0 adds, negated
  std::int8_t* v;          // per 64 columns: [keys / 4][columns][4]
  float* v_scale;          // per column
  float* k_mean;           // per dimension, over all tokens
  float* v_mean;
};

// Means over tokens, taken off before rounding: a constant in every key adds the same to all scores
// of a query, which the softmax does not see (SageAttention, arXiv 2410.02367); a constant in every
// value is added back, because the weights sum to 1.
void take_means(const Attention& t, std::size_t wide, const Head8& h) {
  memset(h.k_mean, 0, wide * sizeof(float));
  memset(h.v_mean, 0, wide * sizeof(float));
  const float share = 1.0F / static_cast<float>(t.tokens);
  for (std::size_t j = 0; j < t.tokens; ++j) {
    E::axpy(share, t.k + j * t.ld, t.dim, h.k_mean);
    E::axpy(share, t.v + j * t.ld, t.dim, h.v_mean);
  }
}
__m512 without(const float* x, const float* mean, std::size_t d, std::size_t dim) {
  return _mm512_sub_ps(E::at(x, d, dim), E::at(mean, d, dim));
}

__m512 largest(const float* x, std::size_t dim) {
  __m512 top = _mm512_setzero_ps();
  for (std::size_t d = 0; d < dim; d += 16)
    top = _mm512_max_ps(top, _mm512_abs_ps(E::at(x, d, dim)));
  return top;
}

void pack_key(const Attention& t, std::size_t j, const Head8& h) {
  const float* x = t.k + j * t.ld;
  __m512 top = _mm512_setzero_ps();
  for (std::size_t d = 0; d < t.dim; d += 16) {
    top = _mm512_max_ps(top, _mm512_abs_ps(without(x, h.k_mean, d, t.dim)));
  }
  const float scale = _mm512_reduce_max_ps(top) / 127.0F;
  const __m512 by = _mm512_set1_ps(scale > 0 ? 1.0F / scale : 0.0F);
  std::int8_t* to = h.k + j / kPanel * kPanel * h.groups * 4 + j % kPanel * 4;
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t d = 0; d < t.dim; d += 16) {
    const __m512i i = _mm512_cvtps_epi32(_mm512_mul_ps(without(x, h.k_mean, d, t.dim), by));
    sum = _mm512_add_epi32(sum, i);
    alignas(16) char bytes[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(bytes), _mm512_cvtsepi32_epi8(i));
    for (std::size_t g = d / 4; g < h.groups && g < d / 4 + 4; ++g) {
      memcpy(to + g * kPanel * 4, bytes + (g - d / 4) * 4, 4);
    }
  }
  h.k_scale[j] = scale;
  h.k_offset[j] = -128 * _mm512_reduce_add_epi32(sum);
}

// A query as 128 + round(x / scale); returns scale times t.scale.
float pack_query(const Attention& t, std::size_t i, std::size_t groups, std::uint8_t* q) {
  const float* x = t.q + i * t.ld;
  const float scale = _mm512_reduce_max_ps(largest(x, t.dim)) / 127.0F;
  const __m512 by = _mm512_set1_ps(scale > 0 ? 1.0F / scale : 0.0F);
  const __m512i lift = _mm512_set1_epi32(128);
  for (std::size_t d = 0; d < groups * 4; d += 16) {
    const __mmask16 m = groups * 4 - d >= 16 ? 0xFFFF : F16::mask(groups * 4 - d);
    const __m512i n = _mm512_cvtps_epi32(_mm512_mul_ps(E::at(x, d, t.dim), by));
    _mm512_mask_cvtepi32_storeu_epi8(q + d, m, _mm512_add_epi32(n, lift));
  }
  return scale * t.scale;
}

// Scaled scores of MR queries with a panel of keys.
template <int MR>
void score_tile(const std::uint8_t* q, std::size_t ldq, const float* q_scale, const Head8& h,
                std::size_t key, float* out, std::size_t ldo) {
  __m512i acc[MR][3];
#pragma GCC unroll 8
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < 3; ++v) acc[r][v] = _mm512_loadu_si512(h.k_offset + key + 16 * v);
  }
  add_product_i8<MR, 3>(q, ldq, h.k + key * h.groups * 4, h.groups, acc);
#pragma GCC unroll 3
  for (int v = 0; v < 3; ++v) {
    const __m512 scale = _mm512_loadu_ps(h.k_scale + key + 16 * v);
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r) {
      const __m512 s = _mm512_mul_ps(scale, _mm512_set1_ps(q_scale[r]));
      _mm512_storeu_ps(out + static_cast<std::size_t>(r) * ldo + 16 * v,
                       _mm512_mul_ps(_mm512_cvtepi32_ps(acc[r][v]), s));
    }
  }
}

void score_block(const Head8& h, const std::uint8_t* q, std::size_t ldq, const float* q_scale,
                 std::size_t rows, Span s, float* scores, std::size_t keys) {
  for (std::size_t key = s.from; key < s.to; key += kPanel) {
    float* out = scores + (key - s.from);
    std::size_t r = 0;
    for (; r + 8 <= rows; r += 8) {
      score_tile<8>(q + r * ldq, ldq, q_scale + r, h, key, out + r * keys, keys);
    }
    for (; r < rows; ++r) {
      score_tile<1>(q + r * ldq, ldq, q_scale + r, h, key, out + r * keys, keys);
    }
  }
}

// Four values of 16 columns, one byte each, as the lanes of one vector.
__m512i four_values(const Attention& t, const float* mean, std::size_t j, std::size_t col,
                    __m512 by) {
  __m512i lanes = _mm512_setzero_si512();
  const __m512i byte = _mm512_set1_epi32(255);
  for (unsigned r = 0; r < 4 && j + r < t.tokens; ++r) {
    const __m512 x = without(t.v + (j + r) * t.ld, mean, col, t.dim);
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
      top = _mm512_max_ps(top, _mm512_abs_ps(without(t.v + j * t.ld, h.v_mean, col, t.dim)));
    }
    const __m512 scale = _mm512_div_ps(top, _mm512_set1_ps(127.0F));
    _mm512_storeu_ps(h.v_scale + col, scale);
    const __mmask16 some = _mm512_cmp_ps_mask(scale, _mm512_setzero_ps(), _CMP_GT_OQ);
    const __m512 by = _mm512_maskz_div_ps(some, _mm512_set1_ps(1.0F), scale);
    std::int8_t* to = h.v + block * keys + (col - block) * 4;
    for (std::size_t j = 0; j < keys; j += 4) {
      _mm512_storeu_si512(to + j * width, four_values(t, h.v_mean, j, col, by));
    }
  }
}

// 255 exp(x) for x <= 0 to 1e-4 of the value, which is a fortieth of what rounding to bytes loses:
// 2^n times a polynomial of degree 3 for 2^f, |f| <= 1/2 (minimax).
__m512 exp_bytes(__m512 x) {
  const __m512 t =
      _mm512_max_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504F)), _mm512_set1_ps(-30));
  const __m512 n = F16::round(t);
  const __m512 f = _mm512_sub_ps(t, n);
  __m512 p = _mm512_set1_ps(255 * 0.0558283F);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(255 * 0.2401485F));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(255 * 0.6931531F));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(255 * 0.9999250F));
  return _mm512_scalef_ps(p, n);
}

// Rounding to nearest would drop every weight below 1/510, and a long text has hundreds of those
// that together matter. A weight is rounded up from one of 16 thresholds instead, in turn over keys
// and queries, so that many small weights keep their sum. Odd multiples of 1/32, in an order whose
// neighbours are far apart, twice.
constexpr float kDither[32] = {
    1 / 32.F, 17 / 32.F, 9 / 32.F,  25 / 32.F, 5 / 32.F, 21 / 32.F, 13 / 32.F, 29 / 32.F,
    3 / 32.F, 19 / 32.F, 11 / 32.F, 27 / 32.F, 7 / 32.F, 23 / 32.F, 15 / 32.F, 31 / 32.F,
    1 / 32.F, 17 / 32.F, 9 / 32.F,  25 / 32.F, 5 / 32.F, 21 / 32.F, 13 / 32.F, 29 / 32.F,
    3 / 32.F, 19 / 32.F, 11 / 32.F, 27 / 32.F, 7 / 32.F, 23 / 32.F, 15 / 32.F, 31 / 32.F};

// A row of scores becomes weights 0..255 in p, 0 outside what the query may see and up to a
// multiple of four; returns 1 / their sum.
float weigh_row(const Attention& t, std::size_t query, Span s, float* row, std::uint8_t* p) {
  const Span seen = E::seen(t, query, s.from, s.to);
  memset(p, 0, seen.from - s.from);
  memset(p + (seen.to - s.from), 0, round_up(s.to - s.from, 4) - (seen.to - s.from));
  row += seen.from - s.from;
  p += seen.from - s.from;
  const std::size_t n = seen.to - seen.from;
  if (t.bias != nullptr) E::axpy(1.0F, t.bias + query * t.ld_bias + seen.from, n, row);
  const __m512 top = _mm512_set1_ps(E::top(row, n));
  const __m512 dither = _mm512_loadu_ps(kDither + query % 16);
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < n; i += 16) {
    const __mmask16 m = n - i >= 16 ? 0xFFFF : F16::mask(n - i);
    const __m512 x = _mm512_sub_ps(_mm512_maskz_loadu_ps(m, row + i), top);
    const __m512i w = _mm512_maskz_cvttps_epi32(m, _mm512_add_ps(exp_bytes(x), dither));
    sum = _mm512_add_epi32(sum, w);
    _mm512_mask_cvtepi32_storeu_epi8(p + i, m, w);
  }
  return 1.0F / static_cast<float>(_mm512_reduce_add_epi32(sum));
}

template <int MR, int NV>
void mix_i8(const std::uint8_t* p, std::size_t ldp, const std::int8_t* v, std::size_t groups,
            const float* inverse, const float* v_scale, const float* v_mean, float* out,
            std::size_t ldo, std::size_t width) {
  __m512i acc[MR][NV];
  product_i8<MR, NV>(p, ldp, v, groups, acc);
#pragma GCC unroll 12
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < NV; ++c) {
      const std::size_t col = static_cast<std::size_t>(c) * 16;
      const __m512 s = _mm512_mul_ps(_mm512_set1_ps(inverse[r]), _mm512_loadu_ps(v_scale + col));
      E::put(out + static_cast<std::size_t>(r) * ldo, col, width,
             _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[r][c]), s, _mm512_loadu_ps(v_mean + col)));
    }
  }
}

template <int MR, int NV>
void mix_rows_i8(std::size_t rows, const std::uint8_t* p, std::size_t ldp, const std::int8_t* v,
                 std::size_t groups, const float* inverse, const float* v_scale,
                 const float* v_mean, float* out, std::size_t ldo, std::size_t width) {
  std::size_t i = 0;
  for (; i + MR <= rows; i += MR) {
    mix_i8<MR, NV>(p + i * ldp, ldp, v, groups, inverse + i, v_scale, v_mean, out + i * ldo, ldo,
                   width);
  }
  for (; i < rows; ++i) {
    mix_i8<1, NV>(p + i * ldp, ldp, v, groups, inverse + i, v_scale, v_mean, out + i * ldo, ldo,
                  width);
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
    const float* vm = h.v_mean + col;
    if (width == 16) {
      mix_rows_i8<8, 1>(rows, p, keys, v, groups, inverse, vs, vm, out, t.ld_out, some);
    } else if (width == 32) {
      mix_rows_i8<12, 2>(rows, p, keys, v, groups, inverse, vs, vm, out, t.ld_out, some);
    } else if (width == 48) {
      mix_rows_i8<8, 3>(rows, p, keys, v, groups, inverse, vs, vm, out, t.ld_out, some);
    } else {
      mix_rows_i8<6, 4>(rows, p, keys, v, groups, inverse, vs, vm, out, t.ld_out, some);
    }
  }
}

}  // namespace

void attention_avx512(const Attention& t) {
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

void attention_i8_avx512(const Attention& t) {
  const std::size_t keys = round_up(t.tokens, kPanel);
  const std::size_t wide = round_up(t.dim, 16);
  Carve carve{reinterpret_cast<char*>(t.scratch)};
  Head8 h{};
  h.groups = (t.dim + 3) / 4;
  h.k = carve.take<std::int8_t>(keys * h.groups * 4);
  h.k_scale = carve.take<float>(keys);
  h.k_offset = carve.take<std::int32_t>(keys);
  h.v = carve.take<std::int8_t>(keys * wide);
  h.v_scale = carve.take<float>(wide);
  std::uint8_t* q = carve.take<std::uint8_t>(kQueryBlock * wide);
  float* q_scale = carve.take<float>(kQueryBlock);
  float* scores = carve.take<float>(kQueryBlock * keys);
  std::uint8_t* p = carve.take<std::uint8_t>(kQueryBlock * keys);
  float* inverse = carve.take<float>(kQueryBlock);
  h.k_mean = carve.take<float>(wide);
  h.v_mean = carve.take<float>(wide);
  take_means(t, wide, h);
  for (std::size_t j = 0; j < t.tokens; ++j) pack_key(t, j, h);
  memset(h.k_scale + t.tokens, 0, (keys - t.tokens) * sizeof(float));
  memset(h.k_offset + t.tokens, 0, (keys - t.tokens) * sizeof(std::int32_t));
  pack_values(t, keys, h);
  for (std::size_t i = 0; i < t.tokens; i += kQueryBlock) {
    const std::size_t rows = t.tokens - i < kQueryBlock ? t.tokens - i : kQueryBlock;
    const Span s = keys_of(t, i, i + rows);
    for (std::size_t r = 0; r < rows; ++r)
      q_scale[r] = pack_query(t, i + r, h.groups, q + r * wide);
    score_block(h, q, wide, q_scale, rows, s, scores, keys);
    for (std::size_t r = 0; r < rows; ++r) {
      inverse[r] = weigh_row(t, i + r, s, scores + r * keys, p + r * keys);
    }
    mix_any_i8(t, h, keys, i, s, p, inverse);
  }
}

}  // namespace swy::math::detail
