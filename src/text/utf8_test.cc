#include "text/utf8.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"

namespace swy::text {
namespace {

std::string random_bytes(base::Rng& rng, std::size_t n) {
  std::string s(n, '\0');
  for (char& c : s) c = static_cast<char>(static_cast<unsigned char>(rng.below(256)));
  return s;
}

TEST(Utf8, EveryScalarValueRoundTrips) {
  for (char32_t cp = 0; cp <= 0x10FFFF; ++cp) {
    if (cp >= 0xD800 && cp <= 0xDFFF) continue;
    std::string s;
    append(s, cp);
    const Decoded d = decode_next(s, 0);
    ASSERT_TRUE(d.valid) << std::uint32_t{cp};
    ASSERT_TRUE(d.cp == cp) << std::uint32_t{cp};
    ASSERT_EQ(d.size, s.size());
    ASSERT_EQ(decode_before(s, s.size()).cp, cp);
    for (std::size_t cut = 1; cut < s.size(); ++cut)
      ASSERT_FALSE(decode_next(s.substr(0, cut), 0).valid);
  }
}

TEST(Utf8, SurrogatesAndTooLargeValuesAreWrittenAsReplacement) {
  for (const char32_t cp :
       {char32_t{0xD800}, char32_t{0xDFFF}, char32_t{0x110000}, char32_t{0xFFFFFFFF}}) {
    std::string s;
    append(s, cp);
    EXPECT_EQ(s, "\xEF\xBF\xBD");
  }
}

TEST(Utf8, MalformedBytesAreReplacedOneByOne) {
  for (const std::string_view bad : {"\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                     "\x80", "\xFF", "\xC3", "\xE2\x82", "\xF0\x9F\x98"}) {
    EXPECT_FALSE(is_valid_utf8(bad));
    EXPECT_EQ(count_code_points(bad), bad.size());
    EXPECT_EQ(decode_next(bad, 0).cp, kReplacement);
    EXPECT_EQ(decode_next(bad, 0).size, 1U);
  }
}

TEST(Utf8, RandomBytesAreWalkedFromBothEndsInTheSameSteps) {
  base::Rng rng(1, 2, 3);
  for (int round = 0; round < 2000; ++round) {
    const std::string s = random_bytes(rng, rng.below(40));
    std::size_t forward = 0;
    std::size_t total = 0;
    for (std::size_t i = 0; i < s.size();) {
      const Decoded d = decode_next(s, i);
      i += d.size;
      total += d.size;
      ++forward;
      ASSERT_EQ(decode_before(s, i).size, d.size) << "round " << round;
      ASSERT_EQ(decode_before(s, i).cp, d.cp) << "round " << round;
    }
    EXPECT_EQ(total, s.size());
    EXPECT_EQ(forward, count_code_points(s));
  }
}

TEST(Utf8, ClipNeverCutsACharacter) {
  const std::string s = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
  for (std::size_t n = 0; n <= s.size() + 2; ++n) {
    const std::string_view c = clip(s, n);
    EXPECT_LE(c.size(), n);
    EXPECT_TRUE(is_valid_utf8(c)) << n;
    EXPECT_LE(std::min(n, s.size()) - c.size(), 3U);
  }
}

TEST(Utf8, FoldIsIdempotentAndFoldsLatinGreekCyrillic) {
  for (char32_t cp = 0; cp <= 0x10FFFF; ++cp)
    ASSERT_EQ(fold(fold(cp)), fold(cp)) << std::uint32_t{cp};
  const auto check = [](std::string_view upper, std::string_view lower) {
    EXPECT_EQ(folded(upper), lower);
    EXPECT_EQ(folded(lower), lower);
  };
  check("HELLO, WORLD_9", "hello, world_9");
  check("ÀÉÎÕÜÝÞŒŠŽŁĞŻŸ", "àéîõüýþœšžłğżÿ");
  check("ΑΒΓΔΩΆΈΌΎΏΣ", "αβγδωάέόύώσ");
  check("АБВЯЁЇҐӘ", "абвяёїґә");
  check("ẤỆỜ", "ấệờ");
  EXPECT_EQ(fold(0xD7), 0xD7U);  // the multiplication sign lies between capitals
  EXPECT_EQ(fold(0x3C2), 0x3C3U);
}

TEST(Utf8, WordCharactersAreLettersDigitsMarksOfAnyScript) {
  for (const std::string_view w :
       {"a", "Z", "0", "_", "é", "ß", "λ", "ж", "ا", "א", "ह", "ก", "中", "あ", "한"}) {
    EXPECT_TRUE(is_word(decode_next(w, 0).cp)) << w;
  }
  for (const std::string_view w :
       {" ", "-", "`", "#", "«", "“", "—", "。", "，", "€", "→", "×", "😀", "\xFF"}) {
    EXPECT_FALSE(is_word(decode_next(w, 0).cp)) << w;
  }
}

TEST(Utf8, CjkCharactersBorderOnEverything) {
  EXPECT_TRUE(is_boundary(U'中', U'文'));
  EXPECT_TRUE(is_boundary(U'a', U'中'));
  EXPECT_TRUE(is_boundary(U'a', U' '));
  EXPECT_FALSE(is_boundary(U'a', U'é'));
  EXPECT_FALSE(is_cjk(U'。'));
}

}  // namespace
}  // namespace swy::text
