#include "route/estimator/group_terms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace swy::route {
namespace {

using Ids = std::vector<std::uint32_t>;

double ratio(double in_group, double group, double in_all, double all) {
  const double p = (in_all + 0.3) / all;
  return std::log((in_group + 20 * p) / (group + 20) / p);
}

// Group 0: two rows with term 1, one of them with 2; group 1: three rows with term 3, one with 1.
struct Table {
  Table() : terms(8, 2) {
    terms.add(Ids{1, 1, 2}, 0);
    terms.add(Ids{1}, 0);
    terms.add(Ids{3}, 1);
    terms.add(Ids{3, 1}, 1);
    terms.add(Ids{3}, 1);
    terms.finish();
  }
  GroupTerms terms;
};

TEST(GroupTerms, IsTheBestGroupsLogRatioOverTheRootOfTheCount) {
  const Table t;
  EXPECT_NEAR(t.terms.score(Ids{1}), ratio(2, 2, 3, 5), 1e-6);
  EXPECT_NEAR(t.terms.score(Ids{3}), ratio(3, 3, 3, 5), 1e-6);
  const double both = std::max(ratio(2, 2, 3, 5) + ratio(0, 2, 3, 5),  //
                               ratio(1, 3, 3, 5) + ratio(3, 3, 3, 5));
  EXPECT_NEAR(t.terms.score(Ids{1, 3}), both / std::sqrt(2.0), 1e-6);
  EXPECT_NEAR(t.terms.score(Ids{1, 1, 1, 1}), 2 * ratio(2, 2, 3, 5), 1e-6) << "repeats count";
  EXPECT_EQ(t.terms.score({}), 0);
}

TEST(GroupTerms, LeavesTheRowItselfOut) {
  const Table t;
  EXPECT_NEAR(t.terms.score(Ids{1, 2}, {0}),
              std::max(ratio(1, 1, 2, 4) + ratio(0, 1, 0, 4),  //
                       ratio(1, 3, 2, 4) + ratio(0, 3, 0, 4)) /
                  std::sqrt(2.0),
              1e-6);
}

TEST(GroupTerms, LeavesAGroupOutAsIfItWereNotThere) {
  const Table t;
  EXPECT_NEAR(t.terms.score(Ids{1}, {0, true}), ratio(1, 3, 1, 3), 1e-6);
  EXPECT_NEAR(t.terms.score(Ids{2}, {0, true}), ratio(0, 3, 0, 3), 1e-6);
  GroupTerms one(8, 1);
  one.add(Ids{1}, 0);
  one.finish();
  EXPECT_EQ(one.score(Ids{1}, {0, true}), 0) << "nothing is left";
}

TEST(GroupTerms, IsTheSameFromAWeightFileAndRefusesWhatDoesNotFit) {
  const Table t;
  WeightFile file{"auto", "f", {}, {}, {}};
  t.terms.write("words", file);
  const auto again = GroupTerms::read("words", file, 8, 2);
  ASSERT_TRUE(again);
  for (const Ids& text : {Ids{1}, Ids{1, 3}, Ids{7, 2}})
    EXPECT_EQ(again->score(text), t.terms.score(text));
  EXPECT_FALSE(GroupTerms::read("words", file, 8, 3));
  EXPECT_FALSE(GroupTerms::read("words", file, 2, 2)) << "a term beyond the table";
  EXPECT_FALSE(GroupTerms::read("form", file, 8, 2));
  const auto refused = [&](std::size_t at, std::uint32_t value) {
    WeightFile bad = file;
    bad.words["words.rows"][at] = value;
    return !GroupTerms::read("words", bad, 8, 2);
  };
  EXPECT_TRUE(refused(0, 8));
  EXPECT_TRUE(refused(1, 2));
  EXPECT_TRUE(refused(2, 4)) << "more rows than the group has";
  WeightFile cut = file;
  cut.words["words.rows"].pop_back();
  EXPECT_FALSE(GroupTerms::read("words", cut, 8, 2));
}

TEST(FormTerms, AreThoseOfTheFormAndNotOfTheWords) {
  Ids a, b, c;
  form_terms("How many apples, in 12 bags?\nA. 3\nB. 4", a);
  form_terms("Why did poets, by 1798 letters?\nC. 77\nD. 41", b);
  form_terms("How many apples in 12 bags?", c);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  EXPECT_EQ(a.size(), 24U - 4);
  form_terms("Abc", a);
  EXPECT_TRUE(a.empty()) << "shorter than a window";
  for (const std::uint32_t term : c) EXPECT_LT(term, kFormTerms);
  form_terms(std::string(3000, '.'), a);
  EXPECT_EQ(a.size(), 1996U) << "of the first 2,000 bytes";
}

}  // namespace
}  // namespace swy::route
