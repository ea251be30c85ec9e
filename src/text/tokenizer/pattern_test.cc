#include "text/tokenizer/pattern.h"

#include <gtest/gtest.h>

#include <string>

#include "text/utf8.h"

namespace swy::text::tok {
namespace {

const std::string kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const std::string kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::string shown(const Pattern& pattern, std::string_view text) {
  std::vector<ByteSpan> matches;
  std::string out = pattern.find(text, matches) ? "" : "gave up ";
  for (const ByteSpan m : matches)
    out += "[" + std::string(text.substr(m.begin, m.end - m.begin)) + "]";
  return out;
}

TEST(Pattern, TheHandWrittenExpressionsCutLikeOniguruma) {
  // Characters that the alternatives tell apart, in random order.
  const std::vector<std::string> alphabet = {
      " ",      " ", "\n", "\r",     "\t",     "'",      "s",      "S",          "t",     "l",
      "e",      "v", "r",  "d",      "m",      "L",      "\u017F", "a",          "1",     "2",
      "\u0663", ".", "-",  "\u00A0", "\u3000", "\u4E2D", "\u0301", "\U0001F600", "\u200D"};
  std::uint64_t state = 11;
  const auto random = [&](std::uint64_t n) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state >> 33U) % n;
  };
  for (const std::string& expression : {kGpt2, kLlama3, kQwen2}) {
    const auto by_hand = Pattern::regex(expression);
    const auto by_engine = Pattern::regex("(?:" + expression + ")");
    ASSERT_TRUE(by_hand && by_engine);
    for (int round = 0; round < 4000; ++round) {
      std::string text;
      for (std::uint64_t n = random(14); n > 0; --n) text += alphabet[random(alphabet.size())];
      ASSERT_EQ(shown(*by_hand, text), shown(*by_engine, text)) << round << ' ' << expression;
    }
  }
}

TEST(Pattern, ALiteralIsFoundWithoutOverlap) {
  EXPECT_EQ(shown(*Pattern::literal("aa"), "aaaaa b aa"), "[aa][aa][aa]");
}

TEST(Pattern, EmptyMatchesBehindAMatchAreLeftOut) {
  EXPECT_EQ(shown(*Pattern::regex("x*"), "axxb"), "[][xx][]");
}

TEST(Pattern, ABrokenExpressionIsAnErrorThatShowsIt) {
  const auto broken = Pattern::regex("a(b");
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("a(b"), std::string::npos);
  EXPECT_FALSE(Pattern::regex(std::string(5000, 'a')));
}

TEST(Pattern, AnExpressionThatNeedsTooManyStepsGivesUp) {
  const auto slow = Pattern::regex("(?:a|a)*(?:a|a)*(?:a|a)*bc");
  ASSERT_TRUE(slow);
  std::vector<ByteSpan> matches;
  EXPECT_FALSE(slow->find(std::string(2000, 'a') + "xbc", matches));
}

}  // namespace
}  // namespace swy::text::tok
