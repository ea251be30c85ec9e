// UTF-8: decoding that is total on any bytes, and the few character classes the other text
// functions share.
//
// When to use: whenever text from outside is read by code point. A malformed byte decodes to U+FFFD
// and advances by one, so every loop over decode_next ends and visits every byte exactly once.
// Overlong forms, surrogates and values above U+10FFFF are malformed. Threading: pure functions.
// Ownership: nothing is kept.
//
// The classes are ranges written down here, not the Unicode database: a letter, digit or mark of
// any script is a word character; punctuation, symbols, emoji, spaces and private use are not.
// Folding is simple (one code point to one) and covers Latin (with the extended blocks Vietnamese
// and the European languages use), Greek, Cyrillic and full-width Latin; other scripts either have
// no case or are left as they are (Armenian, Georgian, Cherokee).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace swy::text {

inline constexpr char32_t kReplacement = 0xFFFD;

struct Decoded {
  char32_t cp = kReplacement;
  std::uint32_t size = 1;  // bytes read, 1..4
  bool valid = false;      // false: the byte at this place starts no well-formed sequence
};

// The sequence of two to four bytes at `pos`, or one malformed byte. REQUIRES: pos < s.size().
Decoded decode_multibyte(std::string_view s, std::size_t pos);

// REQUIRES: pos < s.size().
inline Decoded decode_next(std::string_view s, std::size_t pos) {
  const auto c = static_cast<unsigned char>(s[pos]);
  if (c < 0x80) return {c, 1, true};
  return decode_multibyte(s, pos);
}

// The code point that ends right before `pos`; malformed bytes as in decode_next. REQUIRES: 0 < pos
// <= s.size().
Decoded decode_before(std::string_view s, std::size_t pos);

// Writes 1..4 bytes and returns how many; what is no scalar value is written as U+FFFD.
std::size_t encode(char32_t cp, char* out);
void append(std::string& out, char32_t cp);

// Number of decode_next steps that cover `s`.
std::size_t count_code_points(std::string_view s);
bool is_valid_utf8(std::string_view s);
// The longest prefix of at most `max_bytes` bytes that does not cut a well-formed sequence.
std::string_view clip(std::string_view s, std::size_t max_bytes);

inline bool is_ascii_digit(char32_t c) { return c >= '0' && c <= '9'; }
inline bool is_ascii_alpha(char32_t c) { return (c | 0x20U) >= 'a' && (c | 0x20U) <= 'z'; }
// Space, tab, line ends, and the Unicode spaces (U+00A0, U+2000..200A, U+2028, U+2029, U+202F,
// U+205F, U+3000, U+FEFF).
bool is_space_beyond_ascii(char32_t cp);
inline bool is_space(char32_t cp) {
  return cp < 0x80 ? cp == ' ' || (cp >= 9 && cp <= 13) : is_space_beyond_ascii(cp);
}
// Letter, digit, mark or underscore of any script.
bool is_word_beyond_ascii(char32_t cp);
inline bool is_word(char32_t cp) {
  return cp < 0x80 ? is_ascii_alpha(cp) || is_ascii_digit(cp) || cp == '_'
                   : is_word_beyond_ascii(cp);
}
// Han, kana, hangul: scripts in which a word may touch the next one, so that every code point
// counts as a word of its own.
bool is_cjk(char32_t cp);
// Simple case fold; fold(fold(x)) == fold(x).
char32_t fold_beyond_ascii(char32_t cp);
inline char32_t fold(char32_t cp) {
  return cp < 0x80 ? (cp >= 'A' && cp <= 'Z' ? cp + 32 : cp) : fold_beyond_ascii(cp);
}

// True unless a word goes on from `left` to `right`: both are word characters and neither is CJK.
bool is_boundary(char32_t left, char32_t right);

// `s` folded; malformed bytes are copied as they are.
std::string folded(std::string_view s);

}  // namespace swy::text
