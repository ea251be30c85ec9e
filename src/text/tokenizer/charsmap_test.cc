#include "text/tokenizer/charsmap.h"

#include <gtest/gtest.h>

#include "text/base64.h"

namespace swy::text::tok {
namespace {

// A trie in Darts' format with the single rule "a" -> "xy": unit 0 leads to the children, the unit
// of 'a' has a leaf, the leaf's value is the place of the text.
std::string one_rule() {
  std::string raw;
  const auto put = [&](std::uint32_t v) {
    for (int i = 0; i < 4; ++i) raw.push_back(static_cast<char>(v >> (8 * i) & 0xFFU));
  };
  constexpr std::uint32_t kUnits = 512;
  put(kUnits * 4);
  for (std::uint32_t i = 0; i < kUnits; ++i) {
    if (i == 0) {
      put(256U << 10U);  // children of the root at 256 ^ byte
    } else if (i == (256U ^ 'a')) {
      put('a' | 1U << 8U | 1U << 10U);  // label, has a leaf, leaf at this place ^ 1
    } else if (i == (256U ^ 'a' ^ 1U)) {
      put(1U << 31U | 1U);  // the text at byte 1
    } else {
      put(0x7FFFFF00U);
    }
  }
  raw += std::string("\0xy\0", 4);
  return base64_encode(raw);
}

TEST(Charsmap, AppliesItsRulesAndPlacesWhatIsPutIn) {
  const auto map = Charsmap::decode_base64(one_rule());
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->replacement("a"), "xy");
  EXPECT_EQ(map->replacement("ab"), "xy");
  EXPECT_FALSE(map->replacement("b"));
  Chars chars = {{'b', 0, 1}, {'a', 1, 2}, {'c', 2, 3}};
  Chars spare;
  map->apply(chars, spare);
  ASSERT_EQ(chars.size(), 4U);
  EXPECT_EQ(chars[2].cp, U'y');
  EXPECT_EQ(chars[2].begin, 1U);
  EXPECT_EQ(chars[3].begin, 2U);
}

TEST(Charsmap, RefusesWhatIsCutShort) {
  EXPECT_FALSE(Charsmap::decode_base64("!"));
  EXPECT_FALSE(Charsmap::decode_base64(base64_encode("ab")));
  EXPECT_FALSE(Charsmap::decode_base64(base64_encode(std::string("\x10\0\0\0abcd", 8))));
  EXPECT_FALSE(Charsmap::decode_base64(base64_encode(std::string("\x04\0\0\0\0\0\0\0\xFF", 9))));
}

TEST(Charsmap, ABrokenTrieGivesNoReplacement) {
  std::string raw("\x04\0\0\0\xFF\xFF\xFF\x7F", 8);  // leads far outside
  const auto map = Charsmap::decode_base64(base64_encode(raw));
  ASSERT_TRUE(map);
  for (int c = 1; c < 256; ++c)
    EXPECT_FALSE(map->replacement(std::string(3, static_cast<char>(c))));
}

TEST(Charsmap, GraphemesFollowTheRulesOfTheStandard) {
  const auto end = [](std::u32string_view s) {
    Chars chars;
    for (const char32_t c : s) chars.push_back({c, 0, 0});
    return grapheme_end(chars, 0);
  };
  EXPECT_EQ(end(U"ab"), 1U);
  EXPECT_EQ(end(U"e\u0301\u0323x"), 3U);
  EXPECT_EQ(end(U"\r\nx"), 2U);
  EXPECT_EQ(end(U"\n\u0301"), 1U);
  EXPECT_EQ(end(U"\u1100\u1161\u11A8x"), 3U);
  EXPECT_EQ(end(U"\U0001F1E9\U0001F1EA\U0001F1EB\U0001F1F7"), 2U);
  EXPECT_EQ(end(U"\U0001F469\u200D\U0001F469x"), 3U);
  EXPECT_EQ(end(U"a\u200D\U0001F469"), 2U);
  EXPECT_EQ(end(U"\u0600a"), 2U);
}

}  // namespace
}  // namespace swy::text::tok
