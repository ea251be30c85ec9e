// The kernels for AVX-512 with VNNI (Intel since 2019, AMD since Zen 4).
//
// GEMM: a tile of 8 rows x 48 columns keeps 24 accumulators in registers; per k three loads of
// weights and eight broadcasts feed 24 multiply-adds (vfmadd231ps, or vpdpbusd over four k at
// once). Rows go in blocks of 64 so that a block of activations stays in the second-level cache
// while the weights pass by; within a block a panel of weights is read once per 8 rows. Sums run
// over k in order in one accumulator each, so a row's result does not depend on its neighbours.
// Loses to a library on very large m (no packing of activations). Checked by kernels_test.cc.
#include "math/detail/avx512.h"

namespace swy::math::detail {
namespace {

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

void axpy_i8(float w, const std::int8_t* x, std::size_t n, float* y) {
  const __m512 s = _mm512_set1_ps(w);
  for (std::size_t i = 0; i < n; i += 16) {
    const __mmask16 m = n - i >= 16 ? 0xFFFF : F16::mask(n - i);
    const __m512 v = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(m, x + i)));
    _mm512_mask_storeu_ps(y + i, m, _mm512_fmadd_ps(s, v, _mm512_maskz_loadu_ps(m, y + i)));
  }
}

// The sums of W words (64 W rows) stay in W registers while the columns pass by.
template <std::size_t W>
void bit_sums_of(const BitSums& t, std::size_t w) {
  __m512i sum[W];
#pragma GCC unroll 4
  for (std::size_t j = 0; j < W; ++j) sum[j] = _mm512_setzero_si512();
  for (std::size_t c = 0; c < t.n; ++c) {
    const __m512i weight = _mm512_set1_epi8(static_cast<char>(t.columns[c].weight));
    const std::uint64_t* bits = t.columns[c].bits + w;
    _mm_prefetch(reinterpret_cast<const char*>(bits + kBitsAhead), _MM_HINT_T0);
#pragma GCC unroll 4
    for (std::size_t j = 0; j < W; ++j)
      sum[j] = _mm512_mask_add_epi8(sum[j], bits[j], sum[j], weight);
  }
  const __m512 unit = _mm512_set1_ps(t.unit);
  for (std::size_t j = 0; j < W; ++j) {
    alignas(64) std::uint8_t bytes[64];
    _mm512_store_si512(bytes, sum[j]);
    __m512 most = _mm512_set1_ps(-INFINITY);
    for (std::size_t k = 0; k < 64; k += 16) {
      const std::size_t i = (w + j) * 64 + k;
      const __m128i some = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes + k));
      const __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(some)), unit);
      const __m512 y = _mm512_fmadd_ps(x, _mm512_loadu_ps(t.scale + i), _mm512_loadu_ps(t.in + i));
      _mm512_storeu_ps(t.out + i, y);
      most = _mm512_max_ps(most, y);
    }
    t.most[w + j] = _mm512_reduce_max_ps(most);
  }
}

void bit_sums(const BitSums& t) {
  std::size_t w = 0;
  for (; w + 4 <= t.words; w += 4) bit_sums_of<4>(t, w);
  for (; w < t.words; ++w) bit_sums_of<1>(t, w);
}

}  // namespace

const Kernels kAvx512Kernels{
    "avx512",      gemm<TileF32>, gemm<TileI8>, attention_avx512, attention_i8_avx512,
    quantize_rows, E::layer_norm, E::rms_norm,  E::softmax,       E::activate,
    E::gate,       E::dot,        E::axpy,      axpy_i8,          E::max_into,
    bit_sums};

}  // namespace swy::math::detail
