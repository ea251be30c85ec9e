#include "route/estimator/familiarity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

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
  EXPECT_NEAR(w.score("abcde", false), share(2), 1e-6);
  EXPECT_NEAR(w.score("abcdefg", false), (share(2) + 2 * share(1)) / 3, 1e-6);
  EXPECT_NEAR(w.score("zzzzz", false), share(0), 1e-6);
  EXPECT_NEAR(w.score("", false), share(0), 1e-6) << "nothing to read is not familiar";
  EXPECT_NEAR(w.score("abcdefg", true), (share(1) + 2 * share(0)) / 3, 1e-6)
      << "a row does not make itself familiar";
}

TEST(Wording, CountsARowOnceHoweverOftenItRepeatsItself) {
  Wording w;
  w.add(std::string(500, 'x'));
  w.add("something else");
  w.finish();
  EXPECT_NEAR(w.score("xxxxx", false), std::log(1.3 / 2), 1e-6);
}

TEST(Deviation, CountsFromTheMedianAndIsCutAboveIt) {
  std::vector<double> rows;
  for (int i = 0; i <= 100; ++i) rows.push_back(i);
  const Deviation d(rows);
  EXPECT_NEAR(d.of(50), 0, 1e-12);
  EXPECT_NEAR(d.of(16), -1, 1e-12);
  EXPECT_NEAR(d.of(-52), -3, 1e-12);
  EXPECT_EQ(d.of(1000), 1);
}

TEST(Familiarity, IsNearOneForTheUsualAndNearNothingForTheStrange) {
  EXPECT_NEAR(familiarity(0, 0), 0.952574, 1e-6);
  EXPECT_LT(familiarity(-6, -6), 0.001);
  EXPECT_GT(familiarity(0, 0), familiarity(-1, 0));
  EXPECT_GT(familiarity(0, 0), familiarity(0, -1));
}

}  // namespace
}  // namespace swy::route
