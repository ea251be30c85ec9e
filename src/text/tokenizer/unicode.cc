// Character table and normalization over ICU's data.
//
// The reference library mixes Unicode versions (its parts bring their own tables): control
// characters, punctuation and BERT's accents are those of Unicode 8, combining marks and normal
// forms those of Unicode 9, which u_charAge tells from later ones; letters, numbers and case are
// those of Unicode 16 and 17, newer than the distribution's ICU, so that what was assigned in
// between is written down here. tests/parity compares every code point.
//
// Normalization (UAX 15): decompose each code point, sort runs of marks by combining class, and for
// the composed forms join each mark or letter with the last starter where a primary composite
// exists. ICU is asked for one code point at a time because its own normalizer does not say which
// original character a result came from.
// Cost: linear (runs of marks are sorted in n log n). Test: unicode_test.cc, tests/parity.
#include "text/tokenizer/unicode.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>

#include "base/check.h"
#include "text/utf8.h"

namespace swy::text::tok {
namespace {

const UNormalizer2* icu(Form form) {
  UErrorCode error = U_ZERO_ERROR;
  const bool compat = form == Form::kNfkc || form == Form::kNfkd;
  const UNormalizer2* n = compat ? unorm2_getNFKCInstance(&error) : unorm2_getNFCInstance(&error);
  SWY_ASSERT(U_SUCCESS(error) != 0);
  return n;
}

struct Range {
  UChar32 first, last;
};

// Assigned after Unicode 15: letters, numbers, and the other characters that \w matches.
constexpr std::array kLaterLetters = {
    Range{0x1C89, 0x1C8A},   Range{0xA7CB, 0xA7CD},   Range{0xA7DA, 0xA7DC},
    Range{0x105C0, 0x105F3}, Range{0x10D4A, 0x10D65}, Range{0x10D6F, 0x10D85},
    Range{0x10EC2, 0x10EC4}, Range{0x11380, 0x11389}, Range{0x1138B, 0x1138B},
    Range{0x1138E, 0x1138E}, Range{0x11390, 0x113B5}, Range{0x113B7, 0x113B7},
    Range{0x113D1, 0x113D1}, Range{0x113D3, 0x113D3}, Range{0x11BC0, 0x11BE0},
    Range{0x13460, 0x143FA}, Range{0x16100, 0x1611D}, Range{0x16D40, 0x16D6C},
    Range{0x18CFF, 0x18CFF}, Range{0x1E5D0, 0x1E5ED}, Range{0x1E5F0, 0x1E5F0},
    Range{0x2EBF0, 0x2EE5D},
};
constexpr std::array kLaterNumbers = {
    Range{0x10D40, 0x10D49}, Range{0x116D0, 0x116E3}, Range{0x11BF0, 0x11BF9},
    Range{0x16130, 0x16139}, Range{0x16D70, 0x16D79}, Range{0x1CCF0, 0x1CCF9},
    Range{0x1E5F1, 0x1E5FA},
};
constexpr std::array kUnicode17Numbers = {Range{0x11DE0, 0x11DE9}, Range{0x16FF4, 0x16FF6}};
constexpr std::array kLaterWord = {
    Range{0x897, 0x897},     Range{0x10D69, 0x10D6D}, Range{0x10EFC, 0x10EFC},
    Range{0x113B8, 0x113C0}, Range{0x113C2, 0x113C2}, Range{0x113C5, 0x113C5},
    Range{0x113C7, 0x113CA}, Range{0x113CC, 0x113D0}, Range{0x113D2, 0x113D2},
    Range{0x113E1, 0x113E2}, Range{0x11F5A, 0x11F5A}, Range{0x1611E, 0x1612F},
    Range{0x1E5EE, 0x1E5EF},
};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, UChar32 c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& r) { return c >= r.first && c <= r.last; });
}

UChar32 to_lower(UChar32 c) {
  if (c == 0x1C89 || c == 0xA7CC || c == 0xA7CE || c == 0xA7D2 || c == 0xA7D4 || c == 0xA7DA)
    return c + 1;
  if (c == 0xA7CB) return 0x264;
  if (c == 0xA7DC) return 0x19B;
  if (c >= 0x10D50 && c <= 0x10D65) return c + 0x20;
  if (c >= 0x16EA0 && c <= 0x16EB8) return c + 0x1B;
  return u_tolower(c);
}

// Assigned in Unicode `version` or before.
bool in_unicode(UChar32 c, std::uint8_t version) {
  UVersionInfo age;
  u_charAge(c, age);
  return age[0] != 0 && age[0] <= version;
}

// Category Mn and category M as they were then; a few characters changed category later.
bool is_mark8(UChar32 c, std::uint32_t gc) {
  if (c == 0x1734) return true;
  if (c == 0x1885 || c == 0x1886 || c == 0xA9BD || c == 0x111C9) return false;
  return (gc & U_GC_MN_MASK) != 0 && in_unicode(c, 8);
}
bool is_combining9(UChar32 c, std::uint32_t gc) {
  if (c == 0x1CF2 || c == 0x1CF3) return true;
  return c != 0x111C9 && (gc & U_GC_M_MASK) != 0 && in_unicode(c, 9);
}

bool is_ascii_punct(UChar32 c) {
  return c < 0x80 && c > 0x20 && c != 0x7F && !is_ascii_alpha(static_cast<char32_t>(c)) &&
         !is_ascii_digit(static_cast<char32_t>(c));
}

bool is_cjk_ideograph(UChar32 c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B81F) ||
         (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_punct8(UChar32 c) {
  if (is_ascii_punct(c)) return true;
  if (c == 0x166D || c == 0x111C9) return true;  // punctuation until Unicode 11 and 10
  return (U_GET_GC_MASK(c) & U_GC_P_MASK) != 0 && in_unicode(c, 8);
}

std::uint16_t categories(UChar32 c) {
  const std::uint32_t gc = U_GET_GC_MASK(c);
  unsigned flags = 0;
  if (u_isUWhiteSpace(c) != 0) flags |= kSpace;
  if ((gc & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0 && in_unicode(c, 8))
    flags |= kControl;
  if (is_punct8(c)) flags |= kPunct;
  const bool letter = (gc & U_GC_L_MASK) != 0 || within(kLaterLetters, c);
  const bool number = (gc & U_GC_N_MASK) != 0 || within(kLaterNumbers, c);
  if (letter) flags |= kLetter;
  if (number) flags |= kNumber;
  if (number || within(kUnicode17Numbers, c)) flags |= kNumeric;
  if (within(kLaterLetters, c) || within(kLaterNumbers, c) || within(kLaterWord, c) ||
      (gc & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
      u_hasBinaryProperty(c, UCHAR_ALPHABETIC) != 0 ||
      u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) != 0) {
    flags |= kWord;
  }
  if (is_mark8(c, gc)) flags |= kMark8;
  if (is_combining9(c, gc)) flags |= kCombining;
  if (is_cjk_ideograph(c)) flags |= kCjk;
  if (to_lower(c) != c || c == 0x130) flags |= kCased;
  return static_cast<std::uint16_t>(flags);
}

std::uint16_t normal_forms(UChar32 c) {
  if (!in_unicode(c, 9)) return 0;
  std::array<UChar, 32> buffer{};
  UErrorCode error = U_ZERO_ERROR;
  unsigned flags = 0;
  const auto changes = [&](const UNormalizer2* n) {
    return unorm2_getDecomposition(n, c, buffer.data(), static_cast<std::int32_t>(buffer.size()),
                                   &error) >= 0;
  };
  const bool marks = u_getCombiningClass(c) != 0;
  if (marks || changes(icu(Form::kNfd))) flags |= kDecomposes;
  if (marks || changes(icu(Form::kNfkd))) flags |= kCompat;
  if (unorm2_hasBoundaryBefore(icu(Form::kNfc), c) == 0) flags |= kJoins;
  return static_cast<std::uint16_t>(flags);
}

}  // namespace

CharTable::CharTable() {
  std::map<std::vector<std::uint16_t>, std::uint16_t> seen;
  std::vector<std::uint16_t> block(256);
  for (std::uint32_t b = 0; b < blocks_.size(); ++b) {
    for (std::uint32_t i = 0; i < 256; ++i) {
      const auto c = static_cast<UChar32>(b * 256 + i);
      const bool unused = c >= 0x32400 && (c < 0xE0000 || (c >= 0xE0200 && c < 0xF0000));
      block[i] =
          unused ? std::uint16_t{0} : static_cast<std::uint16_t>(categories(c) | normal_forms(c));
    }
    const auto [it, fresh] = seen.emplace(block, static_cast<std::uint16_t>(seen.size()));
    if (fresh) data_.insert(data_.end(), block.begin(), block.end());
    blocks_[b] = it->second;
  }
}

const CharTable& CharTable::get() {
  static const CharTable table;
  return table;
}

namespace {

void decompose(const Chars& in, const UNormalizer2* n, std::uint16_t flag, Chars& out) {
  const CharTable& table = CharTable::get();
  std::array<UChar, 32> buffer{};
  for (const Char& c : in) {
    if ((table[c.cp] & flag) == 0) {
      out.push_back(c);
      continue;
    }
    UErrorCode error = U_ZERO_ERROR;
    const std::int32_t size =
        unorm2_getDecomposition(n, static_cast<UChar32>(c.cp), buffer.data(),
                                static_cast<std::int32_t>(buffer.size()), &error);
    if (size < 0) {
      out.push_back(c);
      continue;
    }
    const std::size_t first = out.size();
    for (std::int32_t i = 0; i < size;) {
      UChar32 cp = 0;
      U16_NEXT(buffer.data(), i, size, cp);
      out.push_back({static_cast<char32_t>(cp), c.begin, c.end, out.size() > first ? 1 : 0});
    }
  }
}

// Canonical ordering: runs of code points with a combining class, sorted stably by it.
void reorder(Chars& chars) {
  const CharTable& table = CharTable::get();
  const auto ccc = [&](const Char& c) {
    return (table[c.cp] & kDecomposes) == 0 ? std::uint8_t{0}
                                            : u_getCombiningClass(static_cast<UChar32>(c.cp));
  };
  for (std::size_t i = 0; i < chars.size(); ++i) {
    if (ccc(chars[i]) == 0) continue;
    std::size_t end = i + 1;
    while (end < chars.size() && ccc(chars[end]) != 0) ++end;
    std::stable_sort(chars.begin() + static_cast<std::ptrdiff_t>(i),
                     chars.begin() + static_cast<std::ptrdiff_t>(end),
                     [&](const Char& a, const Char& b) { return ccc(a) < ccc(b); });
    i = end - 1;
  }
}

void compose(Chars& chars) {
  const CharTable& table = CharTable::get();
  const UNormalizer2* n = icu(Form::kNfc);
  std::size_t out = 0;
  std::size_t starter = chars.size();  // none yet
  std::uint8_t last = 0;               // combining class of the character kept last
  for (const Char c : chars) {
    const bool plain = (table[c.cp] & (kDecomposes | kJoins)) == 0;
    const std::uint8_t ccc = plain ? 0 : u_getCombiningClass(static_cast<UChar32>(c.cp));
    if (!plain && starter < out && (out == starter + 1 || (last != 0 && last < ccc))) {
      const UChar32 joined = unorm2_composePair(n, static_cast<UChar32>(chars[starter].cp),
                                                static_cast<UChar32>(c.cp));
      if (joined >= 0) {
        chars[starter].cp = static_cast<char32_t>(joined);
        chars[starter].change += c.change - 1;
        continue;
      }
    }
    if (ccc == 0) starter = out;
    last = ccc;
    chars[out++] = c;
  }
  chars.resize(out);
}

}  // namespace

void place_by_order(const Chars& old, Chars& result) {
  std::size_t next = 0;
  for (Char& c : result) {
    const std::size_t from = c.change > 0 && next > 0 ? next - 1 : std::min(next, old.size() - 1);
    if (c.change <= 0) next += 1 + static_cast<std::size_t>(-c.change);
    c.change = 0;
    c.begin = old[from].begin;
    c.end = old[from].end;
  }
}

void normalize(Chars& chars, Form form, Chars& spare) {
  const bool compat = form == Form::kNfkc || form == Form::kNfkd;
  spare.clear();
  decompose(chars, icu(form), compat ? kCompat : kDecomposes, spare);
  reorder(spare);
  if (form == Form::kNfc || form == Form::kNfkc) compose(spare);
  place_by_order(chars, spare);
  chars.swap(spare);
}

void lowercase(Chars& chars, Chars& spare) {
  const CharTable& table = CharTable::get();
  bool dotted = false;  // U+0130 becomes two code points
  for (Char& c : chars) {
    if ((table[c.cp] & kCased) == 0) continue;
    dotted = dotted || c.cp == 0x130;
    if (c.cp != 0x130) c.cp = static_cast<char32_t>(to_lower(static_cast<UChar32>(c.cp)));
  }
  if (!dotted) return;
  spare.clear();
  for (const Char& c : chars) {
    if (c.cp != 0x130) {
      spare.push_back(c);
      continue;
    }
    spare.push_back({'i', c.begin, c.end});
    spare.push_back({0x307, c.begin, c.end});
  }
  chars.swap(spare);
}

bool is_ascii(std::string_view s) {
  std::size_t i = 0;
  for (; i + 8 <= s.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, s.data() + i, 8);
    if ((word & 0x8080808080808080ULL) != 0) return false;
  }
  for (; i < s.size(); ++i)
    if (static_cast<unsigned char>(s[i]) >= 0x80) return false;
  return true;
}

namespace {

// Bytes of the maximal subpart of an ill-formed sequence at `pos` (Unicode standard, table 3-8):
// the longest prefix of some well-formed sequence, at least one byte.
std::size_t malformed_size(std::string_view s, std::size_t pos) {
  const auto at = [&](std::size_t i) {
    return pos + i < s.size() ? static_cast<unsigned char>(s[pos + i]) : 0U;
  };
  const unsigned b0 = at(0);
  const unsigned b1 = at(1);
  if (b0 < 0xE0 || b0 > 0xF4) return 1;
  const unsigned low = b0 == 0xE0 ? 0xA0 : b0 == 0xF0 ? 0x90 : 0x80;
  const unsigned high = b0 == 0xED ? 0x9F : b0 == 0xF4 ? 0x8F : 0xBF;
  if (b1 < low || b1 > high) return 1;
  if (b0 < 0xF0) return 2;  // a third byte would have made it well-formed
  return (at(2) & 0xC0U) == 0x80 ? 3 : 2;
}

}  // namespace

bool repair(std::string_view s, std::string& clean, std::vector<Gap>& gaps) {
  if (is_valid_utf8(s)) return false;
  clean.clear();
  gaps.clear();
  for (std::size_t i = 0; i < s.size();) {
    const Decoded d = decode_next(s, i);
    if (d.valid) {
      clean.append(s.substr(i, d.size));
      i += d.size;
      continue;
    }
    i += malformed_size(s, i);
    clean.append("\xEF\xBF\xBD");
    gaps.push_back({static_cast<std::uint32_t>(clean.size()), static_cast<std::uint32_t>(i)});
  }
  return true;
}

std::uint32_t original_place(const std::vector<Gap>& gaps, std::uint32_t clean_place) {
  const auto after =
      std::upper_bound(gaps.begin(), gaps.end(), clean_place,
                       [](std::uint32_t place, const Gap& gap) { return place < gap.clean_end; });
  if (after == gaps.begin()) return clean_place;
  const Gap& gap = *(after - 1);
  return gap.original_end + (clean_place - gap.clean_end);
}

}  // namespace swy::text::tok
