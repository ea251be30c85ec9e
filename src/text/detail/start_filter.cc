// Start filter.
//
// What: the phrases are dealt into eight groups. For each of the first three bytes two tables of
// sixteen entries say, by the low and by the high half of a byte, in which groups it occurs there;
// a byte shuffle looks up thirty-two bytes at once. A place where one group remains after all six
// look-ups may begin a phrase (rarely it does not: halves and bytes of different phrases of a group
// mix), any other cannot. Case: both cases of an ASCII letter are entered. Beyond ASCII: only
// U+0130, U+017F and U+212A fold to ASCII letters (lead bytes C4, C5, E2), so a place with one of
// these in its three bytes passes, any byte beyond ASCII where a phrase begins with one. Cost: 0.1
// ns a byte. When it loses: many phrases (it is off above kMostStarts different beginnings), or
// beginnings as common as "the". Needs AVX2, found at run time. Source: the Teddy algorithm of the
// Hyperscan project (Wang et al., Hyperscan, NSDI 2019, section 4), one-to-one with three bytes.
// Test: phrases_test.cc (against a naive search).
#include "text/detail/start_filter.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define SWY_START_FILTER 1
#endif

namespace swy::text {

#if defined(SWY_START_FILTER)
namespace {

constexpr std::size_t kDepth = 3;
constexpr std::size_t kGroups = 8;
constexpr std::size_t kMostStarts = 32;

using Tables = std::array<std::array<std::uint8_t, 16>, kDepth>;

void enter(Tables& low, Tables& high, std::size_t depth, unsigned char byte, std::uint8_t group) {
  low[depth][byte & 0x0FU] |= group;
  high[depth][byte >> 4U] |= group;
}

#define SWY_AVX2 __attribute__((target("avx2")))

struct Vectors {
  __m256i low[kDepth];
  __m256i high[kDepth];
};

SWY_AVX2 inline void load(const Tables& tables, __m256i* out) {
  for (std::size_t d = 0; d < kDepth; ++d) {
    out[d] = _mm256_broadcastsi128_si256(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(tables[d].data())));
  }
}

// The places of the 32 from `at` on where a phrase may begin. REQUIRES: 34 bytes at `at`.
SWY_AVX2 inline std::uint32_t places(const char* at, const Vectors& v, bool fold, bool all_high) {
  const __m256i half = _mm256_set1_epi8(0x0F);
  __m256i groups = _mm256_set1_epi8(-1);
  __m256i any = _mm256_setzero_si256();
  __m256i bytes[kDepth];
  for (std::size_t d = 0; d < kDepth; ++d) {
    bytes[d] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + d));
    any = _mm256_or_si256(any, bytes[d]);
    const __m256i l = _mm256_shuffle_epi8(v.low[d], _mm256_and_si256(bytes[d], half));
    const __m256i h =
        _mm256_shuffle_epi8(v.high[d], _mm256_and_si256(_mm256_srli_epi16(bytes[d], 4), half));
    groups = _mm256_and_si256(groups, _mm256_and_si256(l, h));
  }
  const auto none = static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_cmpeq_epi8(groups, _mm256_setzero_si256())));
  const auto beyond = static_cast<std::uint32_t>(_mm256_movemask_epi8(any));
  if (!fold || beyond == 0) return ~none;
  if (all_high) return ~none | beyond;
  __m256i special = _mm256_setzero_si256();
  for (const __m256i b : bytes) {
    for (const int lead : {0xC4, 0xC5, 0xE2}) {
      special =
          _mm256_or_si256(special, _mm256_cmpeq_epi8(b, _mm256_set1_epi8(static_cast<char>(lead))));
    }
  }
  return ~none | static_cast<std::uint32_t>(_mm256_movemask_epi8(special));
}

}  // namespace

StartFilter StartFilter::build(std::span<const std::string> folded_phrases, bool ignore_case) {
  StartFilter f;
  f.fold_ = ignore_case;
  std::vector<std::string> starts;
  for (const std::string& p : folded_phrases) starts.push_back(p.substr(0, kDepth));
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto group = static_cast<std::uint8_t>(1U << i * kGroups / starts.size());
    for (std::size_t d = 0; d < kDepth; ++d) {
      if (d >= starts[i].size()) {  // any byte may follow
        for (std::size_t half = 0; half < 16; ++half) {
          f.low_[d][half] |= group;
          f.high_[d][half] |= group;
        }
        continue;
      }
      const auto byte = static_cast<unsigned char>(starts[i][d]);
      enter(f.low_, f.high_, d, byte, group);
      if (ignore_case && byte >= 'a' && byte <= 'z')
        enter(f.low_, f.high_, d, static_cast<unsigned char>(byte - 0x20U), group);
      f.all_high_ = f.all_high_ || byte >= 0x80;
    }
  }
  f.on_ = !starts.empty() && starts.size() <= kMostStarts && __builtin_cpu_supports("avx2") != 0;
  return f;
}

SWY_AVX2 std::size_t StartFilter::search(std::string_view text, std::size_t from) const {
  Vectors v;
  load(low_, v.low);
  load(high_, v.high);
  constexpr std::size_t kStep = 32;
  constexpr std::size_t kReach = kStep + kDepth - 1;
  std::size_t at = from;
  for (; text.size() - at >= kReach; at += kStep) {
    const std::uint32_t found = places(text.data() + at, v, fold_, all_high_);
    if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found));
  }
  // The rest, with NUL behind it.
  for (; at < text.size(); at += kStep) {
    std::array<char, kReach> rest{};
    std::memcpy(rest.data(), text.data() + at, std::min(kReach, text.size() - at));
    const std::uint32_t found = places(rest.data(), v, fold_, all_high_);
    if (found != 0)
      return std::min(at + static_cast<std::size_t>(std::countr_zero(found)), text.size());
  }
  return text.size();
}

#else

StartFilter StartFilter::build(std::span<const std::string>, bool) { return {}; }
std::size_t StartFilter::search(std::string_view, std::size_t from) const { return from; }

#endif

}  // namespace swy::text
