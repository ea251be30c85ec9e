#include "text/ngram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/rng.h"

namespace swy::text {
namespace {

TEST(Sketch, HoldsWordsAndPairsAscendingAtUnitLength) {
  const Sketch s = make_sketch("the cat saw the dog");
  // the, cat, saw, dog; the-cat, cat-saw, saw-the, the-dog
  EXPECT_EQ(s.features().size(), 8U);
  double squares = 0;
  std::uint32_t most = 0;
  for (std::size_t i = 0; i < s.features().size(); ++i) {
    const Feature& f = s.features()[i];
    EXPECT_LT(f.id, kSketchBuckets);
    if (i > 0) {
      EXPECT_LT(s.features()[i - 1].id, f.id);
    }
    squares += static_cast<double>(f.weight) * static_cast<double>(f.weight);
    most = std::max(most, s.term_frequency(i));
    EXPECT_NEAR(f.weight * s.norm(), 1.0F + std::log(static_cast<float>(s.term_frequency(i))),
                1e-5F);
  }
  EXPECT_NEAR(squares, 1.0, 1e-5);
  EXPECT_EQ(most, 2U);
}

TEST(Sketch, IgnoresCasePunctuationAndTheValuesOfDigits) {
  EXPECT_EQ(make_sketch("Reset my PASSWORD, now! 2024"),
            make_sketch("reset -- my password now 1999"));
  EXPECT_EQ(make_sketch("ÉTÉ"), make_sketch("été"));
  EXPECT_NE(make_sketch("year 24"), make_sketch("year 2024"));
  EXPECT_TRUE(make_sketch(" ... !?").empty());
  EXPECT_EQ(make_sketch("").norm(), 0.0F);
}

TEST(Sketch, TakesEveryCjkCharacterAsAWord) {
  EXPECT_EQ(make_sketch("重置密码").features().size(), 7U);  // four characters, three pairs
  EXPECT_GT(cosine(make_sketch("请重置密码"), make_sketch("重置密码")), 0.7);
}

TEST(Sketch, SimilarTextsHaveAHighCosineAndForeignOnesNone) {
  const Sketch a = make_sketch("how do I reset the password of my account");
  const Sketch b = make_sketch("How can I reset my account password?");
  const Sketch c = make_sketch("integrate x squared from zero to one");
  EXPECT_NEAR(cosine(a, a), 1.0, 1e-5);
  EXPECT_GT(cosine(a, b), 0.35);
  EXPECT_LT(cosine(a, c), 0.05);
  EXPECT_EQ(cosine(a, b), cosine(b, a));
  EXPECT_EQ(cosine(a, Sketch{}), 0.0);
}

TEST(Sketch, KeepsTheMostFrequentFeaturesAndOfEqualOnesTheLowestIds) {
  std::string text;
  for (std::size_t i = 0; i < 900; ++i)
    text +=
        std::string(1, static_cast<char>('a' + i % 26)) + "q" + std::string(1 + i % 35, 'z') + ". ";
  text += "again again again again";
  const Sketch full = make_sketch(text, {.max_features = 100'000});
  const Sketch cut = make_sketch(text, {.max_features = 50});
  ASSERT_GT(full.features().size(), 500U);
  ASSERT_EQ(cut.features().size(), 50U);
  std::vector<std::pair<std::int64_t, std::uint32_t>>
      order;  // the definition: by count down, then id up
  for (std::size_t i = 0; i < full.features().size(); ++i) {
    order.emplace_back(-std::int64_t{full.term_frequency(i)}, full.features()[i].id);
  }
  std::sort(order.begin(), order.end());
  order.resize(50);
  for (std::size_t i = 0; i < 50; ++i) {
    const std::pair<std::int64_t, std::uint32_t> want{-std::int64_t{cut.term_frequency(i)},
                                                      cut.features()[i].id};
    EXPECT_NE(std::find(order.begin(), order.end(), want), order.end()) << i;
  }
}

TEST(Sketch, ReadsABoundedNumberOfWords) {
  std::string text;
  for (std::size_t i = 0; i < kMaxSketchWords; ++i) text += "same ";
  EXPECT_EQ(make_sketch(text), make_sketch(text + "other words"));
}

TEST(Sketch, TextFormRoundTripsExactlyForRandomTexts) {
  base::Rng rng(11, 0, 0);
  Sketch reused;
  for (int round = 0; round < 500; ++round) {
    std::string s(rng.below(3000), '\0');
    for (char& c : s)
      c = static_cast<char>(static_cast<unsigned char>(rng.below(round % 2 == 0 ? 256 : 40) +
                                                       (round % 2 == 0 ? 0 : 90)));
    sketch_into(s, reused);
    ASSERT_EQ(reused, make_sketch(s));
    const auto back = Sketch::parse(reused.to_text());
    ASSERT_TRUE(back.has_value()) << back.error().message;
    ASSERT_EQ(*back, reused);
    ASSERT_EQ(back->to_text(), reused.to_text());
  }
}

TEST(Sketch, ReusesItsMemory) {
  Sketch s;
  const std::string text = "a few words that are sketched twice in the same place of memory";
  sketch_into(text, s);
  const Feature* before = s.features().data();
  sketch_into(text, s);
  EXPECT_EQ(s.features().data(), before);
}

TEST(Sketch, RejectsDamagedText) {
  const std::string good = make_sketch("one two three").to_text();
  EXPECT_TRUE(Sketch::parse(good).has_value());
  EXPECT_FALSE(Sketch::parse("").has_value());
  EXPECT_FALSE(Sketch::parse("AQ==").has_value());      // no count
  EXPECT_FALSE(Sketch::parse("AgA=").has_value());      // version 2
  EXPECT_FALSE(Sketch::parse("AQEAAA==").has_value());  // a term frequency of zero
  EXPECT_FALSE(Sketch::parse(good.substr(0, good.size() - 4)).has_value());
  EXPECT_FALSE(Sketch::parse(good + "AAAA").has_value());
  EXPECT_FALSE(Sketch::parse("AQL//38B/wA=").has_value());
}

}  // namespace
}  // namespace swy::text
