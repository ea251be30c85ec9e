#include "text/detail/characters.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

#include "base/rng.h"
#include "text/detail/characters_reference.h"

namespace swy::text {
namespace {

void expect_equal(std::string_view s, const Characters& got, const Characters& want) {
  ASSERT_EQ(got.code_points, want.code_points) << s;
  ASSERT_EQ(got.words, want.words) << s;
  ASSERT_EQ(got.sentences, want.sentences) << s;
  ASSERT_EQ(got.questions, want.questions) << s;
  ASSERT_EQ(got.letters, want.letters) << s;
  ASSERT_EQ(got.symbols, want.symbols) << s;
  ASSERT_EQ(got.numbers, want.numbers) << s;
  ASSERT_EQ(got.math_words, want.math_words) << s;
  ASSERT_EQ(got, want) << s;
}

TEST(Characters, AreThoseOfThePlainVersionOnRandomText) {
  constexpr std::array<std::string_view, 46> kBits = {"a",
                                                      "word",
                                                      " ",
                                                      " ",
                                                      " ",
                                                      "the ",
                                                      "how many ",
                                                      "How much ",
                                                      "how",
                                                      "many",
                                                      "sum",
                                                      "Sum ",
                                                      "integer ",
                                                      "polynomial",
                                                      "A",
                                                      "12",
                                                      "3",
                                                      "_",
                                                      "  ",
                                                      "\n",
                                                      "\t",
                                                      "\r\n",
                                                      "\v",
                                                      ".",
                                                      ". ",
                                                      "?",
                                                      "? ",
                                                      "!",
                                                      "\"",
                                                      ")",
                                                      "$",
                                                      ",",
                                                      "\xC3\xA9",
                                                      "\xC3\x89",
                                                      "\xC3",
                                                      "\xE2\x80\x99",
                                                      "\xE2\x80",
                                                      "\xC2\xA0",
                                                      "\xE4\xBD\xA0",
                                                      "\xE3\x80\x82",
                                                      "\xEF\xBC\x9F",
                                                      "\xF0\x9F\x98\x80",
                                                      "\xFF",
                                                      "\xD8\x9F",
                                                      "\xE0\xA5\xA4",
                                                      "\xE3\x80\x80"};
  const auto marks = std::make_unique<MarkMap>();
  base::Rng rng(11, 12, 13);
  for (int round = 0; round < 60'000; ++round) {
    std::string s;
    for (std::size_t n = rng.below(round % 8 == 0 ? 100 : 30); n > 0; --n) {
      if (round % 5 == 0 && rng.below(3) == 0) {
        s += static_cast<char>(static_cast<unsigned char>(rng.below(256)));
      } else {
        s += kBits[rng.below(kBits.size())];
      }
    }
    expect_equal(s, read_characters(s, *marks), CharactersReference::of(s));
    if (HasFatalFailure()) return;
    std::size_t at = 0;
    for (std::size_t i = 0; i < s.size(); ++i) {
      const auto c = static_cast<unsigned char>(s[i]);
      const bool mark =
          c < 0x80 && !is_ascii_alpha(c) && !is_ascii_digit(c) && (c == '\t' || !is_space(c));
      if (!mark) continue;
      ASSERT_EQ(marks->next(at, s.size()), i) << s;
      at = i + 1;
    }
    ASSERT_EQ(marks->next(at, s.size()), s.size()) << s;
  }
}

}  // namespace
}  // namespace swy::text
