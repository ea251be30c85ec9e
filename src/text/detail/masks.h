// Sixty-four bytes of text at a time, as one bit a byte: which of them are letters, equal a
// character, lie beyond ASCII. What walks a text then steps from one bit that matters to the next
// and spends nothing on the bytes between.
//
// Private to text. Pure, no allocation. The scalar version is the truth; masks_test.cc compares the
// two. SSE2 is part of every x86-64; elsewhere the scalar version serves.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace swy::text {

inline constexpr std::size_t kBlock = 64;

// Bits 0 to n-1.
inline std::uint64_t low_bits(std::size_t n) {
  return n >= kBlock ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
}
inline std::size_t lowest(std::uint64_t mask) {
  return static_cast<std::size_t>(std::countr_zero(mask));
}
// std::popcount calls a function on baseline x86-64.
inline std::uint32_t count_bits(std::uint64_t m) {
  m -= m >> 1U & 0x5555555555555555U;
  m = (m & 0x3333333333333333U) + (m >> 2U & 0x3333333333333333U);
  return static_cast<std::uint32_t>(((m + (m >> 4U)) & 0x0F0F0F0F0F0F0F0FU) * 0x0101010101010101U >>
                                    56U);
}

// The truth.
class ScalarBlock {
 public:
  explicit ScalarBlock(const char* at) { std::memcpy(bytes_.data(), at, kBlock); }
  [[nodiscard]] std::uint64_t equal(char c) const {
    return where([c](unsigned char b) { return b == static_cast<unsigned char>(c); });
  }
  // REQUIRES: first <= last, both ASCII.
  [[nodiscard]] std::uint64_t between(char first, char last) const {
    return where([=](unsigned char b) {
      return b >= static_cast<unsigned char>(first) && b <= static_cast<unsigned char>(last);
    });
  }
  [[nodiscard]] std::uint64_t letters() const { return between('a', 'z') | between('A', 'Z'); }
  [[nodiscard]] std::uint64_t high() const {
    return where([](unsigned char b) { return b >= 0x80; });
  }

 private:
  template <typename F>
  [[nodiscard]] std::uint64_t where(F f) const {
    std::uint64_t m = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      if (f(static_cast<unsigned char>(bytes_[i]))) m |= std::uint64_t{1} << i;
    }
    return m;
  }
  std::array<char, kBlock> bytes_;
};

// is_code_sign (code_span.h) as ranges.
template <typename B>
std::uint64_t code_signs_of(const B& b) {
  return b.between('#', '&') | b.between('(', '+') | b.equal('/') | b.between(';', '>') |
         b.equal('@') | b.between('[', '_') | b.between('{', '~');
}

#if defined(__SSE2__)
class SseBlock {
 public:
  explicit SseBlock(const char* at) : v_{load(at), load(at + 16), load(at + 32), load(at + 48)} {}
  [[nodiscard]] std::uint64_t equal(char c) const {
    const __m128i want = _mm_set1_epi8(c);
    return where([want](__m128i v) { return _mm_cmpeq_epi8(v, want); });
  }
  [[nodiscard]] std::uint64_t between(char first, char last) const { return range(first, last, 0); }
  [[nodiscard]] std::uint64_t letters() const { return range('a', 'z', 0x20); }
  [[nodiscard]] std::uint64_t high() const {
    return where([](__m128i v) { return v; });  // the mask is made of the top bits
  }

 private:
  static __m128i load(const char* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  }
  // Moved to the bottom of the signed range, the bytes wanted are the least values.
  [[nodiscard]] std::uint64_t range(char first, char last, char set) const {
    const __m128i bit = _mm_set1_epi8(set);
    const __m128i bottom = _mm_set1_epi8(static_cast<char>(first + 128));
    const __m128i limit = _mm_set1_epi8(static_cast<char>(last - first + 1 - 128));
    return where([=](__m128i v) {
      return _mm_cmplt_epi8(_mm_sub_epi8(_mm_or_si128(v, bit), bottom), limit);
    });
  }
  template <typename F>
  [[nodiscard]] std::uint64_t where(F f) const {
    const auto bits = [](__m128i v) {
      return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(v)));
    };
    return bits(f(v_[0])) | bits(f(v_[1])) << 16U | bits(f(v_[2])) << 32U | bits(f(v_[3])) << 48U;
  }
  __m128i v_[4];
};
using Block = SseBlock;
#else
using Block = ScalarBlock;
#endif

// The block at `at`; what lies beyond the end of the text is read as NUL. REQUIRES: at <= size.
template <typename B = Block>
inline B block_at(std::string_view text, std::size_t at) {
  if (text.size() - at >= kBlock) return B(text.data() + at);
  std::array<char, kBlock> padded{};
  if (at < text.size()) std::memcpy(padded.data(), text.data() + at, text.size() - at);
  return B(padded.data());
}

}  // namespace swy::text
