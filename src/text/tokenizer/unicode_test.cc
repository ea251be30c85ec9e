#include "text/tokenizer/unicode.h"

#include <gtest/gtest.h>

#include "text/utf8.h"

namespace swy::text::tok {
namespace {

std::string normalized(std::string_view text, Form form) {
  Chars chars;
  Chars spare;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t size = 0;
    const char32_t cp = decode(text, i, size);
    chars.push_back({cp, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + size)});
    i += size;
  }
  normalize(chars, form, spare);
  std::string out;
  for (const Char& c : chars) append(out, c.cp);
  return out;
}

TEST(Unicode, TheFourFormsOfTheStandardsExamples) {
  EXPECT_EQ(normalized("\u1E69", Form::kNfd), "s\u0323\u0307");
  EXPECT_EQ(normalized("s\u0307\u0323", Form::kNfc), "\u1E69");
  EXPECT_EQ(normalized("\u1E9B\u0323", Form::kNfc), "\u1E9B\u0323");
  EXPECT_EQ(normalized("\u1E9B\u0323", Form::kNfkc), "\u1E69");
  EXPECT_EQ(normalized("\u1E9B\u0323", Form::kNfkd), "s\u0323\u0307");
  EXPECT_EQ(normalized("\u1100\u1161\u11A8", Form::kNfc), "\uAC01");
  EXPECT_EQ(normalized("\uAC01", Form::kNfd), "\u1100\u1161\u11A8");
  EXPECT_EQ(normalized("\uFB01", Form::kNfkc), "fi");
  EXPECT_EQ(normalized("a\u0338\u0301", Form::kNfc), "\u00E1\u0338");  // class 1 does not block
}

TEST(Unicode, MalformedPartsBecomeOneReplacementEachMaximalSubpart) {
  const auto repaired = [](std::string_view s) {
    std::string clean;
    std::vector<Gap> gaps;
    return repair(s, clean, gaps) ? clean : std::string(s);
  };
  const std::string r = "\uFFFD";
  EXPECT_EQ(repaired("ok \u00E9"), "ok \u00E9");
  EXPECT_EQ(repaired("\xE2\x82"), r);
  EXPECT_EQ(repaired("\xE2\x82"
                     "a"),
            r + "a");
  EXPECT_EQ(repaired("\xF0\x9F\x98\x80\x80"), "\U0001F600" + r);
  EXPECT_EQ(repaired("\xF0\x9F\x98 x"), r + " x");
  EXPECT_EQ(repaired("\xED\xA0\x80"), r + r + r);
  EXPECT_EQ(repaired("\xC0\xAF"), r + r);
  EXPECT_EQ(repaired("\xF4\x90\x80\x80"), r + r + r + r);
}

TEST(Unicode, PlacesOfRepairedTextAreThoseOfTheOriginal) {
  std::string clean;
  std::vector<Gap> gaps;
  ASSERT_TRUE(
      repair("a\xFF"
             "b\xE2\x82"
             "c",
             clean, gaps));
  EXPECT_EQ(clean, "a\uFFFDb\uFFFDc");
  EXPECT_EQ(original_place(gaps, 0), 0U);
  EXPECT_EQ(original_place(gaps, 1), 1U);
  EXPECT_EQ(original_place(gaps, 4), 2U);
  EXPECT_EQ(original_place(gaps, 5), 3U);
  EXPECT_EQ(original_place(gaps, 8), 5U);
  EXPECT_EQ(original_place(gaps, 9), 6U);
}

TEST(Unicode, ClassesAreThoseOfTheReference) {
  const CharTable& t = CharTable::get();
  EXPECT_NE(t[U'!'] & kPunct, 0);
  EXPECT_NE(t[0x3002] & kPunct, 0);
  EXPECT_EQ(t[0x2E44] & kPunct, 0);  // punctuation since Unicode 9
  EXPECT_NE(t[0x300] & kMark8, 0);
  EXPECT_NE(t[0xA0] & kSpace, 0);
  EXPECT_EQ(t[0x200B] & kSpace, 0);
  EXPECT_NE(t[0x200B] & kControl, 0);
  EXPECT_NE(t[0x2EBF0] & kLetter, 0);  // letter since Unicode 15.1
  EXPECT_NE(t[0x4E2D] & kCjk, 0);
}

}  // namespace
}  // namespace swy::text::tok
