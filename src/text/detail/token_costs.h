// What a piece of text costs, in hundredths of a token. How the pieces are cut and where the
// numbers come from: tokens.cc, tokens.h.
//
// Private to text. Pure, no allocation.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace swy::text::token_costs {

using Table = std::array<std::uint16_t, 20>;

// Index: length of the piece in letters; beyond the end of the table kPerLetter each.
inline constexpr Table kWord = {0,   100, 100, 100, 101, 103, 104, 106, 107, 112,
                                112, 120, 137, 125, 155, 180, 235, 285, 300, 330};  // after a space
inline constexpr Table kPart = {
    0,   100, 101, 104, 106, 113, 119, 130, 136, 158,
    146, 134, 210, 240, 190, 320, 330, 350, 370, 400};  // after anything else
inline constexpr Table kUpper = {0,   100, 101, 121, 145, 140, 141, 165, 230, 255,
                                 230, 230, 330, 360, 400, 430, 460, 490, 520, 550};
inline constexpr Table kMarks = {0,   100, 103, 141, 191, 238, 282, 300, 340, 400, 440,
                                 470, 500, 520, 540, 550, 560, 565, 570, 575};  // mixed punctuation
inline constexpr std::uint32_t kPerLetter = 30;
inline constexpr std::uint32_t kAfterAccent = 28;  // per ASCII letter that follows an accented one

constexpr std::uint32_t look_up(const Table& t, std::size_t n, std::uint32_t each = kPerLetter) {
  if (n < t.size()) return t[n];
  return t.back() + static_cast<std::uint32_t>(n - (t.size() - 1)) * each;
}

// Hundredths of a token per code point below `end`, from the row before on. Sorted.
struct Script {
  char32_t end;
  std::uint16_t cost;
};
inline constexpr std::array kScripts = {
    Script{0xC0, 100},      // Latin-1 signs
    Script{0x250, 74},      // accented Latin: it also splits the word it is in
    Script{0x370, 80},      // phonetic letters, loose accents
    Script{0x400, 40},      // Greek
    Script{0x530, 32},      // Cyrillic
    Script{0x590, 40},      // Armenian
    Script{0x600, 46},      // Hebrew
    Script{0x780, 39},      // Arabic
    Script{0x900, 120},     // Syriac, Thaana, NKo
    Script{0xE00, 40},      // India and Sri Lanka
    Script{0xF00, 42},      // Thai, Lao
    Script{0x1000, 145},    // Tibetan
    Script{0x10A0, 53},     // Burmese
    Script{0x1100, 40},     // Georgian
    Script{0x1780, 120},    // jamo, Ethiopic, Cherokee and others
    Script{0x1800, 55},     // Khmer
    Script{0x1E00, 120},    // Mongolian and others
    Script{0x1F00, 30},     // Vietnamese
    Script{0x2000, 120},    // Greek with old accents
    Script{0x2070, 100},    // dashes and quotes
    Script{0x3000, 150},    // signs
    Script{0x3040, 80},     // CJK punctuation
    Script{0x3100, 60},     // kana
    Script{0xA000, 74},     // Han
    Script{0xAC00, 250},    // rare scripts
    Script{0xD7B0, 67},     // hangul
    Script{0xFF00, 250},    // private use, presentation forms
    Script{0xFFF0, 85},     // full-width forms
    Script{0x110000, 250},  // emoji and rare scripts
};

inline std::uint32_t script_cost(char32_t cp) {
  return std::upper_bound(kScripts.begin(), kScripts.end(), cp,
                          [](char32_t c, const Script& s) { return c < s.end; })
      ->cost;
}

inline bool is_latin(char32_t cp) { return cp < 0x250 ? cp >= 0xC0 : cp >= 0x1E00 && cp < 0x1F00; }

// One mark right before a letter, with no space before it, is often part of the word's token
// (".get", "_id", "'s").
inline std::uint32_t join_cost(char mark) {
  switch (mark) {
    case '\'':
      return 0;
    case '.':
    case '_':
      return 3;
    case '(':
      return 11;
    case '#':
      return 13;
    case '*':
      return 26;
    case ',':
    case '-':
    case '/':
    case '=':
    case '@':
    case '+':
      return 35;
    case '[':
    case '\\':
    case '"':
      return 52;
    case '<':
      return 69;
    default:
      return 90;
  }
}

enum class Kind : std::uint8_t { kLower, kCapital, kDigit, kSpace, kBreak, kMark, kHigh };

inline constexpr std::array<Kind, 256> kKinds = [] {
  std::array<Kind, 256> k{};
  k.fill(Kind::kMark);
  for (std::size_t c = 0x80; c < 256; ++c) k[c] = Kind::kHigh;
  for (std::size_t c = 'a'; c <= 'z'; ++c) k[c] = Kind::kLower;
  for (std::size_t c = 'A'; c <= 'Z'; ++c) k[c] = Kind::kCapital;
  for (std::size_t c = '0'; c <= '9'; ++c) k[c] = Kind::kDigit;
  k[' '] = k['\t'] = k['\v'] = k['\f'] = Kind::kSpace;
  k['\n'] = k['\r'] = Kind::kBreak;
  return k;
}();

}  // namespace swy::text::token_costs
