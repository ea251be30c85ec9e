// UTF-8 and character classes. The decoder is the table of well-formed sequences of the Unicode
// standard (table 3-7) as range checks. Test: utf8_test.cc (every one- and two-byte input, all
// scalar values, random bytes).
#include "text/utf8.h"

#include <array>

namespace swy::text {
namespace {

struct Range {
  char32_t first, last;
};

// Above U+007F, what is not a word character. Sorted.
constexpr std::array kNotWord = {
    Range{0x80, 0xA9},       Range{0xAB, 0xB4},       Range{0xB6, 0xB9},
    Range{0xBB, 0xBF},       Range{0xD7, 0xD7},       Range{0xF7, 0xF7},
    Range{0x2C2, 0x2C5},     Range{0x37E, 0x37E},     Range{0x387, 0x387},
    Range{0x589, 0x58A},     Range{0x5BE, 0x5BE},     Range{0x5C0, 0x5C0},
    Range{0x5F3, 0x5F4},     Range{0x600, 0x60F},     Range{0x61B, 0x61F},
    Range{0x66A, 0x66D},     Range{0x6D4, 0x6D4},     Range{0x964, 0x965},
    Range{0xE3F, 0xE3F},     Range{0xE4F, 0xE4F},     Range{0xE5A, 0xE5B},
    Range{0x10FB, 0x10FB},   Range{0x1361, 0x1368},   Range{0x17D4, 0x17DB},
    Range{0x2000, 0x2BFF},   Range{0x2E00, 0x2E7F},   Range{0x3000, 0x3004},
    Range{0x3008, 0x3020},   Range{0x3030, 0x3030},   Range{0x303D, 0x3040},
    Range{0x30A0, 0x30A0},   Range{0x30FB, 0x30FB},   Range{0xE000, 0xF8FF},
    Range{0xFD3E, 0xFD3F},   Range{0xFE00, 0xFE1F},   Range{0xFE30, 0xFE6F},
    Range{0xFEFF, 0xFEFF},   Range{0xFF00, 0xFF0F},   Range{0xFF1A, 0xFF20},
    Range{0xFF3B, 0xFF40},   Range{0xFF5B, 0xFF65},   Range{0xFFE0, 0xFFFF},
    Range{0x1D100, 0x1D24F}, Range{0x1F000, 0x1FAFF}, Range{0xE0000, 0x10FFFF},
};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t cp) {
  std::size_t lo = 0;
  std::size_t hi = N;
  while (lo < hi) {
    const std::size_t mid = (lo + hi) / 2;
    if (cp > ranges[mid].last) {
      lo = mid + 1;
    } else {
      hi = mid;
    }
  }
  return lo < N && cp >= ranges[lo].first;
}

// Blocks in which upper and lower case alternate: upper is even (or odd), lower is the next code
// point.
constexpr std::array kUpperEven = {
    Range{0x100, 0x12F},   Range{0x132, 0x137},   Range{0x14A, 0x177}, Range{0x1A0, 0x1A5},
    Range{0x1DE, 0x1EF},   Range{0x1F8, 0x21F},   Range{0x222, 0x233}, Range{0x246, 0x24F},
    Range{0x3D8, 0x3EF},   Range{0x460, 0x481},   Range{0x48A, 0x4BF}, Range{0x4D0, 0x52F},
    Range{0x1E00, 0x1E95}, Range{0x1EA0, 0x1EFF},
};
constexpr std::array kUpperOdd = {
    Range{0x139, 0x148}, Range{0x179, 0x17E}, Range{0x1AF, 0x1B0},
    Range{0x1CD, 0x1DC}, Range{0x4C1, 0x4CE},
};

bool in(char32_t cp, char32_t first, char32_t last) { return cp >= first && cp <= last; }

char32_t fold_latin(char32_t cp) {
  if (cp == 0xB5) return 0x3BC;  // micro sign: Greek mu
  if (in(cp, 0xC0, 0xDE)) return cp == 0xD7 ? cp : cp + 32;
  if (cp == 0x130) return 'i';
  if (cp == 0x178) return 0xFF;
  if (cp == 0x17F) return 's';
  if (cp == 0x220) return 0x19E;
  if (cp == 0x1E9E) return 0xDF;
  if (within(kUpperEven, cp)) return (cp & 1U) == 0 ? cp + 1 : cp;
  if (within(kUpperOdd, cp)) return (cp & 1U) == 1 ? cp + 1 : cp;
  return cp;
}

char32_t fold_greek_cyrillic(char32_t cp) {
  if (in(cp, 0x391, 0x3AB)) return cp == 0x3A2 ? cp : cp + 32;
  if (cp == 0x386) return 0x3AC;
  if (in(cp, 0x388, 0x38A)) return cp + 37;
  if (cp == 0x38C) return 0x3CC;
  if (in(cp, 0x38E, 0x38F)) return cp + 63;
  if (cp == 0x3C2) return 0x3C3;  // final sigma
  if (in(cp, 0x410, 0x42F)) return cp + 32;
  if (in(cp, 0x400, 0x40F)) return cp + 80;
  if (cp == 0x4C0) return 0x4CF;
  return fold_latin(cp);  // the alternating blocks
}

}  // namespace

Decoded decode_multibyte(std::string_view s, std::size_t pos) {
  const auto byte = [&](std::size_t i) {
    return i < s.size() ? static_cast<unsigned char>(s[i]) : static_cast<unsigned char>(0);
  };
  const unsigned char b0 = byte(pos);
  const unsigned char b1 = byte(pos + 1);
  const auto cont = [](unsigned char b) { return (b & 0xC0U) == 0x80; };
  if (b0 < 0x80) return {b0, 1, true};
  if (b0 < 0xC2 || b0 > 0xF4 || !cont(b1)) return {};
  if (b0 < 0xE0) return {(b0 & 0x1FU) << 6U | (b1 & 0x3FU), 2, true};
  const unsigned char b2 = byte(pos + 2);
  if (!cont(b2)) return {};
  if (b0 < 0xF0) {
    const char32_t cp = (b0 & 0x0FU) << 12U | (b1 & 0x3FU) << 6U | (b2 & 0x3FU);
    if (cp < 0x800 || in(cp, 0xD800, 0xDFFF)) return {};
    return {cp, 3, true};
  }
  const unsigned char b3 = byte(pos + 3);
  if (!cont(b3)) return {};
  const char32_t cp = (b0 & 0x07U) << 18U | (b1 & 0x3FU) << 12U | (b2 & 0x3FU) << 6U | (b3 & 0x3FU);
  if (cp < 0x10000 || cp > 0x10FFFF) return {};
  return {cp, 4, true};
}

Decoded decode_before(std::string_view s, std::size_t pos) {
  if (pos > 0 && static_cast<unsigned char>(s[pos - 1]) < 0x80) return decode_next(s, pos - 1);
  for (std::size_t back = 1; back <= 4 && back <= pos; ++back) {
    const Decoded d = decode_next(s.substr(0, pos), pos - back);
    if (d.valid && d.size == back) return d;
    if ((static_cast<unsigned char>(s[pos - back]) & 0xC0U) != 0x80) break;
  }
  return {};
}

std::size_t encode(char32_t cp, char* out) {
  const auto put = [&](std::size_t i, char32_t v) {
    out[i] = static_cast<char>(static_cast<unsigned char>(v));
  };
  if (cp > 0x10FFFF || in(cp, 0xD800, 0xDFFF)) cp = kReplacement;
  if (cp < 0x80) {
    put(0, cp);
    return 1;
  }
  if (cp < 0x800) {
    put(0, 0xC0U | cp >> 6U);
    put(1, 0x80U | (cp & 0x3FU));
    return 2;
  }
  if (cp < 0x10000) {
    put(0, 0xE0U | cp >> 12U);
    put(1, 0x80U | (cp >> 6U & 0x3FU));
    put(2, 0x80U | (cp & 0x3FU));
    return 3;
  }
  put(0, 0xF0U | cp >> 18U);
  put(1, 0x80U | (cp >> 12U & 0x3FU));
  put(2, 0x80U | (cp >> 6U & 0x3FU));
  put(3, 0x80U | (cp & 0x3FU));
  return 4;
}

void append(std::string& out, char32_t cp) {
  std::array<char, 4> buf{};
  out.append(buf.data(), encode(cp, buf.data()));
}

std::size_t count_code_points(std::string_view s) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < s.size(); i += decode_next(s, i).size) ++n;
  return n;
}

bool is_valid_utf8(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const Decoded d = decode_next(s, i);
    if (!d.valid) return false;
    i += d.size;
  }
  return true;
}

std::string_view clip(std::string_view s, std::size_t max_bytes) {
  if (s.size() <= max_bytes) return s;
  for (std::size_t back = 1; back <= 3 && back <= max_bytes; ++back) {
    const Decoded d = decode_next(s, max_bytes - back);
    if (d.valid && d.size > back) return s.substr(0, max_bytes - back);
  }
  return s.substr(0, max_bytes);
}

bool is_space_beyond_ascii(char32_t cp) {
  return cp == 0x85 || cp == 0xA0 || in(cp, 0x2000, 0x200A) || cp == 0x2028 || cp == 0x2029 ||
         cp == 0x202F || cp == 0x205F || cp == 0x3000 || cp == 0xFEFF;
}

bool is_word_beyond_ascii(char32_t cp) { return !within(kNotWord, cp); }

bool is_cjk(char32_t cp) {
  if (cp < 0x1100) return false;
  return in(cp, 0x4E00, 0x9FFF) || in(cp, 0x3041, 0x30FF) || in(cp, 0xAC00, 0xD7AF) ||
         in(cp, 0x3400, 0x4DBF) || in(cp, 0x3105, 0x318E) || in(cp, 0x31F0, 0x31FF) ||
         in(cp, 0x1100, 0x11FF) || in(cp, 0xF900, 0xFAFF) || in(cp, 0xFF66, 0xFF9F) ||
         in(cp, 0x3005, 0x3007) || in(cp, 0x20000, 0x3FFFF);
}

char32_t fold_beyond_ascii(char32_t cp) {
  if (cp < 0x370) return fold_latin(cp);
  if (cp < 0x530) return fold_greek_cyrillic(cp);
  if (in(cp, 0x1E00, 0x1EFF)) return fold_latin(cp);
  if (in(cp, 0xFF21, 0xFF3A)) return cp + 32;
  if (cp == 0x212A) return 'k';
  if (cp == 0x212B) return 0xE5;
  return cp;
}

bool is_boundary(char32_t left, char32_t right) {
  return !is_word(left) || !is_word(right) || is_cjk(left) || is_cjk(right);
}

std::string folded(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size();) {
    const Decoded d = decode_next(s, i);
    if (d.valid) {
      append(out, fold(d.cp));
    } else {
      out.push_back(s[i]);
    }
    i += d.size;
  }
  return out;
}

}  // namespace swy::text
