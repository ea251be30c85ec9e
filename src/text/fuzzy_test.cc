#include "text/fuzzy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/rng.h"
#include "text/utf8.h"

namespace swy::text {
namespace {

FuzzyMatcher make(const std::vector<std::string>& phrases, std::size_t n = 3) {
  auto m = FuzzyMatcher::build(phrases, n);
  EXPECT_TRUE(m.has_value());
  return std::move(*m);
}

TEST(FuzzyMatcher, FindsAMisspeltPhraseInALongerText) {
  const FuzzyMatcher m = make({"password reset", "credit card"});
  const FuzzyScore s = m.best("hello, i need a pasword reset for my account please", 0.6F);
  EXPECT_EQ(s.phrase, 0U);
  EXPECT_NEAR(s.score, 12.0F / 14.0F, 1e-6F);  // "ass" and "ssw" are missing
  EXPECT_EQ(m.best("Password--RESET", 0.5F).score, 1.0F);
  EXPECT_EQ(m.best("the weather is fine", 0.5F).score, 0.0F);
  EXPECT_EQ(m.best("", 0.1F).score, 0.0F);
}

TEST(FuzzyMatcher, CountsOnlyWhatIsTogetherInOneWindow) {
  const FuzzyMatcher m = make({"password reset"});
  EXPECT_LT(m.best("a password is long. " + std::string(60, 'x') + " they reset it", 0.01F).score,
            0.75F);
}

TEST(FuzzyMatcher, ListsEveryPhraseThatReachesTheThreshold) {
  const FuzzyMatcher m = make({"billing", "refund", "invoice"});
  std::vector<FuzzyScore> out{{9, 9.0F}};
  m.match("I want a refund of the invoice", 0.9F, out);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].phrase, 1U);
  EXPECT_EQ(out[1].phrase, 2U);
}

TEST(FuzzyMatcher, MatchesCjkInsideRunningText) {
  EXPECT_EQ(make({"重置密码"}, 2).best("请帮我重置密码谢谢", 0.5F).score, 1.0F);
}

TEST(FuzzyMatcher, RefusesWhatHasNoNgrams) {
  EXPECT_FALSE(FuzzyMatcher::build(std::vector<std::string>{"..."}).has_value());
  EXPECT_FALSE(FuzzyMatcher::build(std::vector<std::string>{""}).has_value());
  EXPECT_FALSE(FuzzyMatcher::build(std::vector<std::string>{"abc"}, 1).has_value());
  EXPECT_FALSE(FuzzyMatcher::build(std::vector<std::string>{"abc"}, 6).has_value());
  EXPECT_FALSE(FuzzyMatcher::build(std::vector<std::string>{std::string(200, 'a')}).has_value());
  EXPECT_EQ(make({}).best("text", 0.5F).score, 0.0F);
}

// The definition, on the folded words joined by single spaces.
float direct(const std::string& phrase, std::string_view text) {
  const auto squeeze = [](std::string_view s) {
    std::string out;
    for (const char c : folded(s)) {
      if (is_word(static_cast<unsigned char>(c))) {
        out.push_back(c);
      } else if (!out.empty() && out.back() != ' ') {
        out.push_back(' ');
      }
    }
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return out.empty() ? out : " " + out + " ";
  };
  const std::string p = squeeze(phrase);
  const std::string t = squeeze(text);
  std::set<std::string> grams;
  for (std::size_t i = 0; i + 3 <= p.size(); ++i) grams.insert(p.substr(i, 3));
  const std::size_t total = p.size() - 2;
  const std::size_t width = total + total / 4 + 1;
  std::size_t best = 0;
  for (std::size_t from = 0; from + 3 <= t.size(); ++from) {
    std::set<std::string> seen;
    for (std::size_t i = from; i < from + width && i + 3 <= t.size(); ++i) {
      if (grams.count(t.substr(i, 3)) > 0) seen.insert(t.substr(i, 3));
    }
    best = std::max(best, seen.size());
  }
  return static_cast<float>(best) / static_cast<float>(grams.size());
}

TEST(FuzzyMatcher, AgreesWithItsDefinitionAlsoAcrossBlocks) {
  base::Rng rng(5, 5, 5);
  for (int round = 0; round < 300; ++round) {
    const auto letters = [&](std::size_t n) {
      std::string s;
      for (; n > 0; --n) s.push_back("aabbC ."[rng.below(7)]);
      return s;
    };
    const std::string phrase = "ab" + letters(1 + rng.below(12));
    std::string text = letters(1 + rng.below(80));
    if (round % 10 == 0) text = std::string(4050 + rng.below(60), 'z') + text;
    const float want = direct(phrase, text);
    std::vector<FuzzyScore> out;
    make({phrase}).match(text, 0.01F, out);
    ASSERT_NEAR(out.empty() ? 0.0F : out[0].score, want, 1e-6F)
        << "round " << round << " [" << phrase << "] [" << text << "]";
  }
}

}  // namespace
}  // namespace swy::text
