#include "embed/gram_index.h"

#include <gtest/gtest.h>

#include <array>

namespace swy::embed {
namespace {

constexpr std::array<std::string_view, 4> kTools = {
    "calculate triangle area: area of a triangle from base and height",
    "get weather: the weather forecast of a city", "book flight: book a flight between cities", ""};

std::vector<float> ask(const GramIndex& index, std::string_view text) {
  Grams grams;
  grams.read(text);
  std::vector<float> scores(index.size());
  index.scores(grams, scores);
  return scores;
}

TEST(GramIndex, TheTextThatSharesRareGramsComesFirst) {
  const GramIndex index(kTools);
  EXPECT_EQ(top_scores(ask(index, "What will the weather be in Oslo?"), 1)[0], 1U);
  EXPECT_EQ(top_scores(ask(index, "triangles with a base of 3"), 1)[0], 0U);
}

TEST(GramIndex, AScoreIsACosine) {
  const GramIndex index(kTools);
  EXPECT_NEAR(ask(index, kTools[2])[2], 1.0, 1e-5);
  for (const float s : ask(index, "")) EXPECT_EQ(s, 0);
  for (const float s : ask(index, "zzzz qqqq")) EXPECT_EQ(s, 0);
  for (const float s : ask(index, "book a city")) EXPECT_TRUE(s >= 0 && s <= 1.0001F);
}

TEST(GramIndex, TiesGoToTheLowerIndexAndNoTextsGiveNone) {
  EXPECT_EQ(top_scores(std::array{1.0F, 2.0F, 2.0F}, 5), (std::vector<std::uint32_t>{1, 2, 0}));
  EXPECT_EQ(GramIndex({}).size(), 0U);
}

}  // namespace
}  // namespace swy::embed
