#include "text/phrases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "base/rng.h"
#include "text/utf8.h"

namespace swy::text {
namespace {

PhraseSet make(const std::vector<std::string>& phrases, PhraseOptions options = {}) {
  auto set = PhraseSet::build(phrases, options);
  EXPECT_TRUE(set.has_value());
  return std::move(*set);
}

using Found = std::tuple<std::size_t, std::size_t, std::uint32_t>;

std::vector<Found> all(const PhraseSet& set, std::string_view text) {
  std::vector<Found> out;
  set.for_each(text, [&](const PhraseMatch& m) { out.emplace_back(m.begin, m.end, m.phrase); });
  std::sort(out.begin(), out.end());
  return out;
}

TEST(PhraseSet, FindsPhrasesWithoutRegardToCaseAtWordBoundaries) {
  const PhraseSet set = make({"cat", "Reset Password", "naïve"});
  EXPECT_TRUE(set.contains_any("The CAT sat"));
  EXPECT_FALSE(set.contains_any("concatenate"));
  EXPECT_FALSE(set.contains_any("cats"));
  EXPECT_TRUE(set.contains_any("please reset password!"));
  EXPECT_TRUE(set.contains_any("NAÏVE."));
  EXPECT_FALSE(set.contains_any("écat"));
  EXPECT_FALSE(set.contains_any(""));
}

TEST(PhraseSet, AsksForABoundaryOnlyAtEdgesThatAreWordCharacters) {
  const PhraseSet set = make({"```", "#include", "c++"});
  EXPECT_TRUE(set.contains_any("x```python"));
  EXPECT_TRUE(set.contains_any("a#include<b>"));
  EXPECT_FALSE(set.contains_any("#included"));
  EXPECT_TRUE(set.contains_any("c++11"));
  EXPECT_FALSE(set.contains_any("abc++"));
}

TEST(PhraseSet, MatchesCjkInsideRunningText) {
  const PhraseSet set = make({"密码", "비밀번호"});
  EXPECT_EQ(all(set, "请重置密码谢谢"), (std::vector<Found>{{9, 15, 0}}));
  EXPECT_TRUE(set.contains_any("비밀번호를"));
}

TEST(PhraseSet, ReportsOffsetsInTheOriginalTextWhereFoldingChangesLengths) {
  const PhraseSet set = make({"istanbul"});
  const std::string text = "\xC4\xB0STANBUL";  // capital I with dot: two bytes that fold to one
  const auto m = set.find_first("x " + text + " y");
  ASSERT_TRUE(m.has_value());
  EXPECT_EQ(m->begin, 2U);
  EXPECT_EQ(m->end, 2 + text.size());
}

TEST(PhraseSet, ReportsEqualPhrasesEachAndOverlappingOnes) {
  const PhraseSet set = make({"ab", "AB", "b", "abc"}, {.ignore_case = true, .whole_words = false});
  EXPECT_EQ(all(set, "abc"), (std::vector<Found>{{0, 2, 0}, {0, 2, 1}, {0, 3, 3}, {1, 2, 2}}));
  EXPECT_EQ(set.count_distinct("abc ab"), 4U);
  EXPECT_EQ(set.count_distinct("abc ab", 2), 2U);
  EXPECT_EQ(set.count_distinct("abc", 0), 0U);
}

TEST(PhraseSet, CountsMoreThanAThousandPhrases) {
  std::vector<std::string> phrases;
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    phrases.push_back("w" + std::to_string(i));
    if (i % 2 == 0) text += phrases.back() + ' ';
  }
  EXPECT_EQ(make(phrases).count_distinct(text + text), 1500U);
}

TEST(PhraseSet, RefusesEmptyAndMalformedPhrasesAndGiantSets) {
  EXPECT_EQ(PhraseSet::build(std::vector<std::string>{"a", ""}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(PhraseSet::build(std::vector<std::string>{"\xFF"}).error().code,
            ErrorCode::kInvalidArgument);
  std::string wide;
  for (char c = 'a'; c <= 'z'; ++c) wide.push_back(c);
  std::string giant;
  while (giant.size() < 1'000'000) giant += wide;
  EXPECT_EQ(PhraseSet::build(std::vector<std::string>{giant}).error().code, ErrorCode::kTooLarge);
  EXPECT_FALSE(make({}).contains_any("anything"));
}

// The definition, checked position by position.
std::vector<Found> naive(const std::vector<std::string>& phrases, std::string_view text,
                         PhraseOptions o) {
  std::vector<Found> out;
  const auto same = [&](std::string_view a, std::string_view b) {
    return o.ignore_case ? folded(a) == folded(b) : a == b;
  };
  for (std::uint32_t p = 0; p < phrases.size(); ++p) {
    for (std::size_t b = 0; b < text.size(); b += decode_next(text, b).size) {
      std::size_t e = b;
      for (std::size_t n = count_code_points(phrases[p]); n > 0 && e < text.size(); --n)
        e += decode_next(text, e).size;
      if (!same(text.substr(b, e - b), phrases[p])) continue;
      const char32_t first = decode_next(text, b).cp;
      const char32_t last = decode_before(text, e).cp;
      if (o.whole_words && b > 0 && !is_boundary(decode_before(text, b).cp, first)) continue;
      if (o.whole_words && e < text.size() && !is_boundary(last, decode_next(text, e).cp)) continue;
      out.emplace_back(b, e, p);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(PhraseSet, AgreesWithANaiveSearchOnRandomTexts) {
  constexpr std::array<std::string_view, 10> kPieces = {"a", "B",  "b", " ",    "é",
                                                        "É", "中", "-", "\xC3", "\xF0\x9F\x98\x80"};
  base::Rng rng(7, 1, 1);
  for (int round = 0; round < 3000; ++round) {
    const auto word = [&](std::size_t longest, std::size_t pieces) {
      std::string s;
      for (std::size_t n = 1 + rng.below(longest); n > 0; --n) s += kPieces[rng.below(pieces)];
      return s;
    };
    std::vector<std::string> phrases;
    for (std::size_t n = 1 + rng.below(5); n > 0; --n) {
      std::string p = word(4, 10);
      while (!is_valid_utf8(p)) p = word(4, 8);
      phrases.push_back(p);
    }
    const std::string text = word(30, 10);
    const PhraseOptions o{.ignore_case = rng.below(2) == 0, .whole_words = rng.below(2) == 0};
    ASSERT_EQ(all(make(phrases, o), text), naive(phrases, text, o))
        << "round " << round << " text " << text;
  }
}

}  // namespace
}  // namespace swy::text
