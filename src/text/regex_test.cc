#include "text/regex.h"

#include <gtest/gtest.h>

namespace swy::text {
namespace {

TEST(Regex, FindsTheLeftmostMatch) {
  const auto re = Regex::compile("b+");
  ASSERT_TRUE(re.has_value());
  const auto m = re->find("aabbb bb");
  ASSERT_TRUE(m.has_value());
  EXPECT_EQ(m->begin, 2U);
  EXPECT_EQ(m->end, 5U);
  EXPECT_FALSE(re->matches("aaa"));
  EXPECT_FALSE(re->find("").has_value());
}

TEST(Regex, CountsMatchesEmptyOnesIncludedAndStops) {
  EXPECT_EQ(Regex::compile("\\d+")->count("1 22 333", 100), 3U);
  EXPECT_EQ(Regex::compile("\\d+")->count("1 22 333", 2), 2U);
  EXPECT_EQ(Regex::compile("x*")->count("ab", 100), 3U);
}

TEST(Regex, HonoursCaseAndWordOptions) {
  EXPECT_FALSE(Regex::compile("sql")->matches("SQL"));
  EXPECT_TRUE(Regex::compile("sql", {.ignore_case = true})->matches("SQL"));
  const auto word = Regex::compile("cat|dog", {.whole_words = true});
  EXPECT_TRUE(word->matches("a dog."));
  EXPECT_FALSE(word->matches("dogs concat"));
}

TEST(Regex, NamesThePatternAndThePlaceOfAnError) {
  const auto bad = Regex::compile("abc[z-a]");
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(bad.error().message.find("abc[z-a]"), std::string::npos);
  EXPECT_NE(bad.error().message.find("at byte 4"), std::string::npos) << bad.error().message;
  EXPECT_FALSE(Regex::compile("(a)\\1").has_value());
  EXPECT_FALSE(Regex::compile("a)(b", {.whole_words = true}).has_value());
}

TEST(Regex, RefusesPatternsThatAreTooLarge) {
  EXPECT_EQ(Regex::compile(std::string(kMaxPatternBytes + 1, 'a')).error().code,
            ErrorCode::kTooLarge);
  EXPECT_EQ(Regex::compile("((a{100}){100}){100}").has_value(), false);
  EXPECT_EQ(Regex::compile("(\\pL{500}){2}", {.max_memory = 10000}).error().code,
            ErrorCode::kTooLarge);
}

TEST(Regex, AClassicalExponentialPatternStaysLinear) {
  const auto re = Regex::compile("(a+)+$");
  const std::string text = std::string(200'000, 'a') + "b";
  EXPECT_FALSE(re->matches(text));  // a backtracking matcher would not come back from here
}

TEST(Regex, IsTotalOnMalformedText) {
  const auto re = Regex::compile("\\pL.");
  EXPECT_FALSE(re->matches("\xFF\xFE\x80"));
  EXPECT_TRUE(re->matches(std::string_view("\0\xC3\xA9z", 4)));
}

TEST(RegexSet, TellsWhichPatternsMatch) {
  const auto set = RegexSet::compile(std::vector<std::string>{"foo", "ba[rz]", "^x"});
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->size(), 3U);
  std::vector<std::uint32_t> hits{9};
  EXPECT_TRUE(set->matching("a baz foo", hits));
  EXPECT_EQ(hits, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_TRUE(set->matches_any("x"));
  EXPECT_FALSE(set->matches_any("ax"));
  EXPECT_FALSE(set->matching("", hits));
  EXPECT_TRUE(hits.empty());
}

TEST(RegexSet, AnEmptySetMatchesNothingAndABadPatternFails) {
  EXPECT_FALSE(RegexSet::compile(std::vector<std::string>{})->matches_any("x"));
  EXPECT_FALSE(RegexSet::compile(std::vector<std::string>{"a", "("}).has_value());
}

TEST(RegexSet, AgreesWithItsPatternsWhenTheAutomatonRunsOutOfMemory) {
  const std::vector<std::string> patterns = {"[ab]*a[ab]{12}c", "zz", "[ab]*b[ab]{11}d"};
  const auto set = RegexSet::compile(patterns, {.max_memory = 40000});
  ASSERT_TRUE(set.has_value());
  std::string text;
  unsigned bits = 12345;
  for (int i = 0; i < 20000; ++i) {
    bits = bits * 1103515245U + 12345U;
    text.push_back((bits >> 16U & 1U) != 0 ? 'a' : 'b');
  }
  std::vector<std::uint32_t> hits;
  EXPECT_FALSE(set->matching(text, hits));
  EXPECT_TRUE(set->matching(text + "azz", hits));
  EXPECT_EQ(hits, (std::vector<std::uint32_t>{1}));
}

}  // namespace
}  // namespace swy::text
