#include "embed/grams.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

namespace swy::embed {
namespace {

std::map<std::uint32_t, std::uint32_t> counts(std::string_view text) {
  Grams grams;
  grams.read(text);
  std::map<std::uint32_t, std::uint32_t> out;
  for (const Gram& g : grams.all()) out[g.hash] += g.count;
  EXPECT_EQ(out.size(), grams.all().size()) << "hashes are distinct";
  return out;
}

TEST(Grams, WordsPairsPiecesAndMarksAreCounted) {
  // hello: word, pieces _hel hell ello llo_; you: word, pieces _you you_; the pair; the mark.
  EXPECT_EQ(counts("hello you!").size(), 1U + 4U + 1U + 2U + 1U + 1U);
  const auto twice = counts("hello hello");
  EXPECT_EQ(twice.size(), 6U);
  EXPECT_EQ(std::count_if(twice.begin(), twice.end(), [](auto& e) { return e.second == 2; }), 5);
}

TEST(Grams, CaseAndDigitsAndSpacingDoNotMatter) {
  EXPECT_EQ(counts("In 1984 NEWS"), counts("in  2077\nnews"));
  EXPECT_NE(counts("in 1984"), counts("in 198"));
  EXPECT_EQ(counts("\xC3\x89t\xC3\xA9"), counts("\xC3\xA9t\xC3\xA9"));
}

TEST(Grams, HashesNeverChangeBecauseHeadFilesHoldThem) {
  Grams grams;
  grams.read("a b");
  ASSERT_EQ(grams.all().size(), 3U);
  EXPECT_EQ(grams.all()[0].hash, 318129002U);
  EXPECT_EQ(grams.all()[1].hash, 3695993148U);
  EXPECT_EQ(grams.all()[2].hash, 4141898088U);
}

TEST(Grams, AReusedReaderForgetsTheTextBefore) {
  Grams grams;
  grams.read("something else entirely");
  grams.read("hi");
  EXPECT_EQ(grams.all().size(), 1U);
  grams.read("");
  EXPECT_TRUE(grams.all().empty());
}

TEST(Grams, HostileTextIsReadInBoundedTimeAndSpace) {
  std::string different;
  for (int i = 0; i < 200000; ++i) different += static_cast<char>(33 + (i * 7919) % 200);
  EXPECT_LE(counts(different).size(), kMaxGrams);
  EXPECT_LE(counts(std::string(1U << 20U, 'a')).size(), 80U);
  EXPECT_FALSE(counts(std::string(1U << 16U, '\xFF')).empty());
  EXPECT_TRUE(counts(std::string(5000, ' ')).empty());
  std::string cut = std::string(kMaxGramBytes, 'x') + "\xE4\xBD\xA0\xE5\xA5\xBD";
  EXPECT_FALSE(counts(cut).empty());
}

TEST(Grams, TheEndOfALongTextCounts) {
  const std::string filler(20000, '.');
  const auto with = counts("start " + filler + " finish");
  const auto without = counts("start " + filler);
  EXPECT_GT(with.size(), without.size());
}

TEST(Grams, CjkCharactersAreWordsAndPairs) {
  EXPECT_EQ(counts("\xE4\xBD\xA0\xE5\xA5\xBD").size(), 3U);
}

}  // namespace
}  // namespace swy::embed
