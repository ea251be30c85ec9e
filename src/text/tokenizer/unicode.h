// Unicode for tokenizers: character classes from a table, decomposition and composition, lower
// case.
//
// When to use: only inside the tokenizers, where results must equal those of the reference library;
// other text functions use utf8.h. Threading: pure functions over a table that is built once, at
// the first use. Ownership: nothing is kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swy::text::tok {

enum CharClass : std::uint16_t {
  kSpace = 1U << 0U,       // White_Space
  kControl = 1U << 1U,     // categories Cc, Cf, Co of Unicode 8
  kPunct = 1U << 2U,       // ASCII punctuation and category P of Unicode 8
  kLetter = 1U << 3U,      // \p{L}
  kNumber = 1U << 4U,      // \p{N}
  kWord = 1U << 5U,        // \w
  kMark8 = 1U << 6U,       // category Mn of Unicode 8
  kCombining = 1U << 7U,   // category M of Unicode 9
  kCjk = 1U << 8U,         // what BERT calls a Chinese character
  kDecomposes = 1U << 9U,  // NFD changes it, or its combining class is not 0
  kCompat = 1U << 10U,     // NFKD changes it, or its combining class is not 0
  kCased = 1U << 11U,      // lower case differs
  kJoins = 1U << 12U,      // may be the second half of a composition
  kNumeric = 1U << 13U,    // category N of Unicode 17
};

class CharTable {
 public:
  static const CharTable& get();
  [[nodiscard]] std::uint16_t operator[](char32_t cp) const {
    return data_[std::size_t{blocks_[cp >> 8U]} * 256 + (cp & 0xFFU)];
  }

 private:
  CharTable();
  std::array<std::uint16_t, 0x1100> blocks_{};
  std::vector<std::uint16_t> data_;
};

// A code point and the bytes of the original text that it stands for.
struct Char {
  char32_t cp = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  // While a step writes its result: 1 for a character that was put in, -n for one that stands for
  // itself and the n characters after it. place_by_order makes places of it.
  std::int32_t change = 0;
};
using Chars = std::vector<Char>;

// Gives the characters of a step's result the places of its input `old`, in order: each character
// that was not put in takes the next one. The reference does the same, so that after reordering
// marks a place may be that of a neighbour.
void place_by_order(const Chars& old, Chars& result);

enum class Form : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };
void normalize(Chars& chars, Form form, Chars& spare);
void lowercase(Chars& chars, Chars& spare);

// REQUIRES: `s` is valid UTF-8 (true inside a tokenizer) and pos is the start of a character.
inline char32_t decode(std::string_view s, std::size_t pos, std::size_t& size) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[pos + i]); };
  const unsigned char b = at(0);
  if (b < 0x80) return size = 1, b;
  if (b < 0xE0) return size = 2, (b & 0x1FU) << 6U | (at(1) & 0x3FU);
  if (b < 0xF0) return size = 3, (b & 0x0FU) << 12U | (at(1) & 0x3FU) << 6U | (at(2) & 0x3FU);
  size = 4;
  return (b & 0x07U) << 18U | (at(1) & 0x3FU) << 12U | (at(2) & 0x3FU) << 6U | (at(3) & 0x3FU);
}
inline bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

bool is_ascii(std::string_view s);

// Malformed parts replaced by U+FFFD. A Gap says that the bytes of `clean` before `clean_end` stand
// for those of the original before `original_end`.
struct Gap {
  std::uint32_t clean_end = 0;
  std::uint32_t original_end = 0;
};
// False when `s` is valid UTF-8 and nothing was written.
bool repair(std::string_view s, std::string& clean, std::vector<Gap>& gaps);
// The place in the original of a character boundary of the repaired text.
std::uint32_t original_place(const std::vector<Gap>& gaps, std::uint32_t clean_place);

}  // namespace swy::text::tok
