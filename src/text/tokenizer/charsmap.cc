// A look-up costs one step a byte. The trie comes from a file: every index is checked, so a broken
// one gives no replacement instead of a read outside. Grapheme clusters are told by the break
// property of each character (rules GB3 to GB13 of UAX 29; GB9c joins only clusters of nine bytes
// and more, which have no rule). Places are those of the reference: characters deleted at the very
// start of a text make all that follow one place too early. Test: charsmap_test.cc, tests/parity.
#include "text/tokenizer/charsmap.h"

#include <unicode/uchar.h>

#include <cstring>

#include "text/base64.h"
#include "text/utf8.h"

namespace swy::text::tok {

Result<Charsmap> Charsmap::decode_base64(std::string_view base64) {
  SWY_TRY(const std::string raw, base64_decode(base64));
  std::uint32_t size = 0;
  if (raw.size() < 4) return fail(ErrorCode::kParse, "shorter than its head of four bytes");
  std::memcpy(&size, raw.data(), 4);
  if (size % 4 != 0 || size == 0 || size > raw.size() - 4)
    return fail(ErrorCode::kParse, "the trie of " + std::to_string(size) + " bytes is cut short");
  Charsmap map;
  map.units_.resize(size / 4);
  std::memcpy(map.units_.data(), raw.data() + 4, size);
  map.texts_ = raw.substr(4 + size);
  if (!is_valid_utf8(map.texts_))
    return fail(ErrorCode::kParse, "the replacement texts are not UTF-8");
  return map;
}

std::optional<std::string_view> Charsmap::replacement(std::string_view chunk) const {
  const auto offset = [](std::uint32_t u) { return (u >> 10U) << ((u & (1U << 9U)) >> 6U); };
  std::size_t node = offset(units_[0]);
  for (const char c : chunk) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) break;
    node ^= byte;
    if (node >= units_.size()) break;
    const std::uint32_t unit = units_[node];
    if ((unit & (1U << 31U | 0xFFU)) != byte) break;
    node ^= offset(unit);
    if ((unit >> 8U & 1U) == 0) continue;
    if (node >= units_.size()) break;
    const std::size_t at = units_[node] & ((1U << 31U) - 1);
    if (at > texts_.size() || (at < texts_.size() && is_continuation(texts_[at]))) break;
    const std::string_view rest = std::string_view(texts_).substr(at);
    return rest.substr(0, rest.find('\0'));
  }
  return std::nullopt;
}

namespace {

void put(std::string_view replacement, std::size_t replaced, Chars& out) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < replacement.size(); ++count) {
    std::size_t size = 0;
    const char32_t cp = decode(replacement, i, size);
    out.push_back({cp, 0, 0, count < replaced ? 0 : 1});
    i += size;
  }
  if (count < replaced && !out.empty()) out.back().change -= static_cast<int>(replaced - count);
}

std::string bytes_of(const Char* chars, std::size_t count) {
  std::string s;
  for (std::size_t i = 0; i < count; ++i) append(s, chars[i].cp);
  return s;
}

int break_class(char32_t cp) {
  return u_getIntPropertyValue(static_cast<UChar32>(cp), UCHAR_GRAPHEME_CLUSTER_BREAK);
}
bool pictographic(char32_t cp) {
  return u_hasBinaryProperty(static_cast<UChar32>(cp), UCHAR_EXTENDED_PICTOGRAPHIC) != 0;
}
bool is_break_control(int g) { return g == U_GCB_CONTROL || g == U_GCB_CR || g == U_GCB_LF; }

bool hangul_joins(int a, int b) {
  if (a == U_GCB_L) return b == U_GCB_L || b == U_GCB_V || b == U_GCB_LV || b == U_GCB_LVT;
  if (a == U_GCB_LV || a == U_GCB_V) return b == U_GCB_V || b == U_GCB_T;
  return (a == U_GCB_LVT || a == U_GCB_T) && b == U_GCB_T;
}

}  // namespace

std::size_t grapheme_end(const Chars& chars, std::size_t at) {
  int before = break_class(chars[at].cp);
  bool picture = pictographic(chars[at].cp);  // GB11: a picture, then marks, ...
  bool joined = false;                        // ... then a joiner
  int flags = before == U_GCB_REGIONAL_INDICATOR ? 1 : 0;
  for (std::size_t i = at + 1; i < chars.size(); ++i) {
    const int g = break_class(chars[i].cp);
    if (before == U_GCB_CR && g == U_GCB_LF) return i + 1;
    if (is_break_control(before) || is_break_control(g)) return i;
    const bool extends = g == U_GCB_EXTEND || g == U_GCB_ZWJ || g == U_GCB_SPACING_MARK;
    const bool picture_after = joined && pictographic(chars[i].cp);
    const bool pair_of_flags = flags == 1 && g == U_GCB_REGIONAL_INDICATOR;
    if (!extends && before != U_GCB_PREPEND && !hangul_joins(before, g) && !picture_after &&
        !pair_of_flags) {
      return i;
    }
    joined = picture && g == U_GCB_ZWJ;
    picture =
        pictographic(chars[i].cp) || (picture && g == U_GCB_EXTEND) || (picture && g == U_GCB_ZWJ);
    flags = g == U_GCB_REGIONAL_INDICATOR ? flags + 1 : 0;
    before = g;
  }
  return chars.size();
}

void Charsmap::apply(Chars& chars, Chars& spare) const {
  spare.clear();
  for (std::size_t at = 0; at < chars.size();) {
    const std::size_t end = grapheme_end(chars, at);
    if (end - at > 1 && end - at < 6) {
      const std::string whole = bytes_of(&chars[at], end - at);
      if (const auto text = whole.size() < 6 ? replacement(whole) : std::nullopt) {
        put(*text, end - at, spare);
        at = end;
        continue;
      }
    }
    for (; at < end; ++at) {
      if (const auto text = replacement(bytes_of(&chars[at], 1))) {
        put(*text, 1, spare);
      } else {
        spare.push_back(chars[at]);
      }
    }
  }
  place_by_order(chars, spare);
  chars.swap(spare);
}

}  // namespace swy::text::tok
