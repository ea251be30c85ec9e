#include "bench/understand/peak.h"

#ifdef __AVX512VNNI__
#include <immintrin.h>

namespace swy::bench {

double fma_peak_run(long rounds) {
  if (!__builtin_cpu_supports("avx512f")) return 0;
  __m512 a[12];
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) a[j] = _mm512_set1_ps(1.0F);
  const __m512 b = _mm512_set1_ps(0.999F);
  const __m512 c = _mm512_set1_ps(1e-3F);
  for (long i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < 12; ++j) {
      asm volatile("vfmadd231ps %2, %1, %0" : "+v"(a[j]) : "v"(b), "v"(c));
    }
  }
  return 12.0 * 32 * static_cast<double>(rounds);
}

double vnni_peak_run(long rounds) {
  if (!__builtin_cpu_supports("avx512vnni")) return 0;
  __m512i a[12];
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) a[j] = _mm512_setzero_si512();
  const __m512i b = _mm512_set1_epi8(3);
  const __m512i c = _mm512_set1_epi8(1);
  for (long i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < 12; ++j) {
      asm volatile("vpdpbusd %2, %1, %0" : "+v"(a[j]) : "v"(b), "v"(c));
    }
  }
  return 12.0 * 128 * static_cast<double>(rounds);
}

}  // namespace swy::bench
#else
namespace swy::bench {
double fma_peak_run(long /*rounds*/) { return 0; }
double vnni_peak_run(long /*rounds*/) { return 0; }
}  // namespace swy::bench
#endif
