#include "route/estimator/familiarity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"

namespace swy::route {
namespace {

// Windows of five bytes: "abcde" has one, which both rows have; "abcdefg" has three, two of which
// one row has.
TEST(Wording, IsTheMeanLogShareOfRowsWithTheSameWindows) {
  Wording w;
  w.add("abcde");
  w.add("abcdefg");
  w.finish();
  const auto share = [](double rows) { return std::log((rows + 0.3) / 2); };
  EXPECT_NEAR(w.score("abcde", false).wording, share(2), 1e-6);
  EXPECT_NEAR(w.score("abcdefg", false).wording, (share(2) + 2 * share(1)) / 3, 1e-6);
  EXPECT_NEAR(w.score("zzzzz", false).wording, share(0), 1e-6);
  EXPECT_NEAR(w.score("", false).wording, share(0), 1e-6) << "nothing to read is not familiar";
  EXPECT_NEAR(w.score("abcdefg", true).wording, (share(1) + 2 * share(0)) / 3, 1e-6)
      << "a row does not make itself familiar";
}

TEST(Wording, CountsARowOnceHoweverOftenItRepeatsItself) {
  Wording w;
  w.add(std::string(500, 'x'));
  w.add("something else");
  w.finish();
  EXPECT_NEAR(w.score("xxxxx", false).wording, std::log(1.3 / 2), 1e-6);
}

TEST(Wording, LeavesOutRowsAsIfTheyWereNotThere) {
  Wording all, some, rest;
  for (const char* text : {"abcdefgh", "abcdexyz"}) all.add(text), some.add(text);
  for (const char* text : {"abcdefgh", "something else"}) all.add(text), rest.add(text);
  all.finish();
  rest.finish();
  for (const char* text : {"abcdefgh", "abcdexyz", "something", "nowhere"}) {
    const auto a = all.score(text, false, &some);
    const auto b = rest.score(text, false);
    EXPECT_NEAR(a.wording, b.wording, 1e-6) << text;
    EXPECT_EQ(a.unseen, b.unseen) << text;
  }
  EXPECT_EQ(all.score("abcdexyz", false, &some).unseen, 0.75);
}

TEST(Nearness, IsTheLogarithmOfTheMeanOfFive) {
  const std::vector<Hit> hits{{1, 0.9F}, {2, 0.8F}, {3, 0.3F}};
  EXPECT_NEAR(nearness(hits), std::log(2.0 / 5), 1e-6);
  EXPECT_NEAR(nearness({}), std::log(1e-3), 1e-12);
}

std::vector<Signs> some_signs(double shift) {
  std::vector<Signs> out;
  base::Rng rng(3, 0, 0);
  for (int i = 0; i < 400; ++i)
    out.push_back({.wording = -3 + rng.uniform() - shift,
                   .unseen = 0.1 + 0.1 * rng.uniform(),
                   .meaning = 5 * rng.uniform(),
                   .near = -1 + 0.5 * rng.uniform(),
                   .sureness = -rng.uniform(),
                   .form = -4 + rng.uniform(),
                   .words = rng.uniform(),
                   .form_words = rng.uniform()});
  return out;
}

Signs signs(double wording, double unseen, double meaning, double near) {
  return {.wording = wording,
          .unseen = unseen,
          .meaning = meaning,
          .near = near,
          .sureness = -0.5,
          .form = -3.5,
          .words = 0.5,
          .form_words = 0.5};
}

TEST(Familiarity, WithOneGroupCountsFromTheMedianOfItsRows) {
  const std::vector<Signs> rows = some_signs(0);
  const Familiarity f = Familiarity::fit(rows, {});
  EXPECT_NEAR(f.of(signs(-2.5, 0, 2.5, 0)), 0.952, 0.01) << "the usual: 1 / (1 + e^-3)";
  EXPECT_LT(f.of(signs(-6, 0, 2.5, 0)), 0.01);
  EXPECT_LT(f.of(signs(-2.5, 0, -20, 0)), 0.01);
}

TEST(Familiarity, LearnsWhichSignTellsAGroupThatIsNotThere) {
  const std::vector<Signs> inside = some_signs(0);
  const std::vector<Signs> outside = some_signs(2);
  const Familiarity f = Familiarity::fit(inside, std::span(outside).first(100));
  EXPECT_GT(f.of(signs(-2.5, 0.15, 2, -0.8)), 0.85);
  EXPECT_LT(f.of(signs(-4.5, 0.15, 2, -0.8)), 0.5);
  EXPECT_NEAR(f.of(signs(-2.5, 0.15, 2, -0.8)), f.of(signs(-2.5, 0.15, 3, -0.7)), 0.05)
      << "what says nothing counts for nothing";
}

// What speaks the wrong way among the table's own groups does not speak at all.
TEST(Familiarity, NeverTakesMoreOfASignForLessFamiliar) {
  std::vector<Signs> inside = some_signs(0);
  std::vector<Signs> outside = some_signs(1);
  for (Signs& s : outside) s.near += 2, s.form_words += 3, s.unseen -= 0.05;
  const auto numbers = Familiarity::fit(inside, outside).numbers();
  for (std::size_t k = 0; k < Familiarity::kSigns; ++k) EXPECT_GE(numbers[k], 0) << k;
  EXPECT_GT(numbers[0], 1) << "the one that tells";
  EXPECT_EQ(numbers[3], 0);
  EXPECT_EQ(numbers[7], 0);
}

TEST(Familiarity, IsTheSameOfItsNumbers) {
  const Familiarity f = Familiarity::fit(some_signs(0), some_signs(1));
  const auto numbers = f.numbers();
  const Familiarity g(numbers);
  for (const Signs& s : some_signs(0.5)) EXPECT_EQ(f.of(s), g.of(s));
}

}  // namespace
}  // namespace swy::route
