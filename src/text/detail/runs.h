// How long the run of small ASCII letters is, sixteen bytes at a time: words are what most of a
// prompt is made of, and a loop that ends after four or five bytes costs a mispredicted branch
// every time.
//
// Private to text. Pure, no allocation. The scalar version is the truth; runs_test.cc compares on
// random bytes. SSE2 is part of every x86-64; elsewhere the scalar version serves.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace swy::text {

inline std::size_t small_run_scalar(std::string_view s) {
  std::size_t n = 0;
  while (n < s.size() && s[n] >= 'a' && s[n] <= 'z') ++n;
  return n;
}

inline std::size_t small_run(std::string_view s) {
  std::size_t n = 0;
#if defined(__SSE2__)
  // Moved to the bottom of the signed range, 'a' to 'z' are the 26 least values.
  const __m128i bottom = _mm_set1_epi8(static_cast<char>('a' + 128));
  const __m128i limit = _mm_set1_epi8(static_cast<char>(-128 + 26));
  for (; s.size() - n >= 16; n += 16) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(s.data() + n));
    const auto in = static_cast<std::uint32_t>(
        _mm_movemask_epi8(_mm_cmplt_epi8(_mm_sub_epi8(v, bottom), limit)));
    if (in != 0xFFFFU) return n + static_cast<std::size_t>(std::countr_one(in));
  }
#endif
  return n + small_run_scalar(s.substr(n));
}

}  // namespace swy::text
