#include "text/tokens.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/rng.h"
#include "text/detail/tokens_reference.h"

namespace swy::text {
namespace {

TEST(EstimateTokens, IsExactForCommonWordsDigitsAndMarks) {
  EXPECT_EQ(estimate_tokens(""), 0);
  EXPECT_EQ(estimate_tokens("a"), 1);
  EXPECT_EQ(estimate_tokens("What is the capital of France?"), 7);
  EXPECT_EQ(estimate_tokens("1234567"), 3);  // digits in groups of three
  EXPECT_EQ(estimate_tokens("=========="), 1);
  EXPECT_EQ(estimate_tokens("it's"), 2);
  EXPECT_EQ(estimate_tokens("done.\n\nNext"), 3);  // line ends go with the full stop
  EXPECT_EQ(estimate_tokens("getUserName"), 3);
  EXPECT_EQ(estimate_tokens("        x"), 2);  // seven spaces, then " x"
}

// Counted with the o200k vocabulary. Russian has a wider band: its letters share a price with rarer
// Cyrillic languages.
TEST(EstimateTokens, IsNearTheCountOfARealVocabulary) {
  const auto near = [](std::string_view text, std::int64_t counted, double band) {
    EXPECT_NEAR(static_cast<double>(estimate_tokens(text)), static_cast<double>(counted),
                band * static_cast<double>(counted))
        << text;
  };
  near(
      "Switchyard decides which model answers a request. It reads the prompt, estimates what every "
      "candidate would cost and how "
      "likely it is to be right, and picks one. If the provider is slow or fails, the next "
      "candidate is tried.",
      47, 0.12);
  near(
      "def moving_average(values, width):\n    total = sum(values[:width])\n    result = [total / "
      "width]\n    for i in "
      "range(width, len(values)):\n        total += values[i] - values[i - width]\n        "
      "result.append(total / width)\n    "
      "return result\n",
      56, 0.12);
  near("请把下面这段话翻译成英文，并且说明为什么这样翻译比较好。如果有更自然的说法，也请列出来。",
       31, 0.12);
  near(
      "Пожалуйста, объясните, почему небо голубое, и приведите несколько простых примеров для "
      "детей.",
      24, 0.25);
}

TEST(EstimateTokens, IsBetweenOneAndTheNumberOfBytesForAnyBytes) {
  base::Rng rng(3, 1, 4);
  for (int round = 0; round < 2000; ++round) {
    std::string s(1 + rng.below(60), '\0');
    for (char& c : s) c = static_cast<char>(static_cast<unsigned char>(rng.below(256)));
    const std::int64_t n = estimate_tokens(s);
    ASSERT_GE(n, 1) << "round " << round;
    ASSERT_LE(n, static_cast<std::int64_t>(s.size())) << "round " << round;
  }
}

TEST(EstimateTokens, ASplitTextCostsAboutTheSumOfItsParts) {
  const std::string s =
      "Résumé of the 12345 results: f(x) = a_b + \"quoted\" 中文字 and more words follow.\n  - "
      "item\n";
  const std::int64_t whole = estimate_tokens(s);
  for (std::size_t cut = 0; cut <= s.size(); ++cut) {
    const std::int64_t parts = estimate_tokens(s.substr(0, cut)) + estimate_tokens(s.substr(cut));
    EXPECT_NEAR(static_cast<double>(parts), static_cast<double>(whole), 4.0) << cut;
  }
}

TEST(EstimateTokens, GrowsLinearlyOnRepetitiveText) {
  EXPECT_NEAR(static_cast<double>(estimate_tokens(std::string(1 << 20U, 'x'))), 0.3 * (1 << 20U),
              1000.0);
  std::string spaces(1 << 20U, ' ');
  EXPECT_LE(estimate_tokens(spaces), (1 << 20U) / 32);
}

TEST(EstimateTokens, IsThatOfThePlainVersionOnRandomText) {
  constexpr std::array<std::string_view, 44> kBits = {"a",
                                                      "word",
                                                      " ",
                                                      " ",
                                                      " ",
                                                      "the ",
                                                      "longer ",
                                                      "HTTP",
                                                      "HTTPServer",
                                                      "getUserName",
                                                      "A",
                                                      "12",
                                                      "3",
                                                      "4567",
                                                      "_",
                                                      "  ",
                                                      "\n",
                                                      "\n\n",
                                                      "\t",
                                                      "\r\n",
                                                      "\v",
                                                      ".",
                                                      ". ",
                                                      "?",
                                                      "...",
                                                      "====",
                                                      "(",
                                                      ");",
                                                      "\"",
                                                      "$",
                                                      "'s ",
                                                      "{\n",
                                                      "\xC3\xA9",
                                                      "\xC3\x89",
                                                      "\xC3",
                                                      "\xE2\x80\x99",
                                                      "\xE2\x80",
                                                      "\xE4\xBD\xA0",
                                                      "\xE1\xBA\xA4",
                                                      "\xF0\x9F\x98\x80",
                                                      "\xFF",
                                                      "\xD0\xB6",
                                                      "\x01",
                                                      "x"};
  base::Rng rng(21, 22, 23);
  for (int round = 0; round < 60'000; ++round) {
    std::string s;
    for (std::size_t n = rng.below(round % 8 == 0 ? 100 : 30); n > 0; --n) {
      if (round % 5 == 0 && rng.below(3) == 0) {
        s += static_cast<char>(static_cast<unsigned char>(rng.below(256)));
      } else {
        s += kBits[rng.below(kBits.size())];
      }
    }
    if (round % 50 == 0) s.insert(rng.below(s.size() + 1), std::string(rng.below(200), 'z'));
    ASSERT_EQ(estimate_tokens(s), token_costs::TokensReference(s).run()) << s;
  }
}

}  // namespace
}  // namespace swy::text
