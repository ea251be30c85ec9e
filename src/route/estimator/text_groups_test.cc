#include "route/estimator/text_groups.h"

#include <gtest/gtest.h>

#include <array>

namespace swy::route {
namespace {

// The four prompts of request-routing.md 0.1 as vectors of two features; both occur in three rows,
// so that idf changes nothing.
TfIdf t4() {
  TfIdf texts;
  const std::vector<std::vector<text::Feature>> rows = {
      {{0, 1.0F}}, {{0, 0.8F}, {1, 0.6F}}, {{1, 1.0F}}, {{0, -0.6F}, {1, 0.8F}}};
  for (const auto& row : rows) texts.add(row);
  texts.finish(1);
  return texts;
}

TEST(TextGroups, FindsTheTwoClustersOfTheFixture) {
  const TfIdf texts = t4();
  const auto group = k_means(texts, 2, 4, 20, 1);
  EXPECT_EQ(group[0], group[1]);
  EXPECT_EQ(group[2], group[3]);
  EXPECT_NE(group[0], group[2]);
}

TEST(TextGroups, GivesTheCentresAndSharesOfTheFixture) {
  const TfIdf texts = t4();
  const std::array<std::uint32_t, 4> group = {0, 0, 1, 1};
  const Centres centres(texts, group, 2);
  const std::vector<text::Feature> probe = {{0, 0.96F}, {1, 0.28F}};
  std::array<float, 2> product{};
  centres.products(probe, product);  // centres (.9, .3) and (-.3, .9)
  EXPECT_NEAR(1 - product[0], 0.052, 1e-6);
  EXPECT_NEAR(1 - product[1], 1.036, 1e-6);
  std::array<float, 2> share{};
  shares(product, 9, share);
  EXPECT_NEAR(share[0], 0.999857, 1e-6);
  EXPECT_NEAR(share[0] + share[1], 1, 1e-6);
}

TEST(TextGroups, AreTheSameForTheSameSeedAndHaveNoEmptyGroup) {
  TfIdf texts;
  for (std::uint32_t i = 0; i < 60; ++i) {
    const std::array<text::Feature, 2> row = {{{i % 5, 0.6F}, {100 + i, 0.8F}}};
    texts.add(row);
  }
  texts.finish(1);
  for (const std::size_t k : {1U, 5U, 7U, 60U, 200U}) {
    const auto a = k_means(texts, k, 2, 20, 3);
    EXPECT_EQ(a, k_means(texts, k, 2, 20, 3));
    const std::uint32_t most = *std::max_element(a.begin(), a.end());
    EXPECT_LT(most, k);
    for (std::uint32_t g = 0; g <= most; ++g)
      EXPECT_NE(std::find(a.begin(), a.end(), g), a.end()) << g << " of " << k;
  }
}

// Five kinds of rows, told apart by one word each; a third of the rows moves the centres.
TEST(TextGroups, OfSomeRowsTakeInTheOthers) {
  TfIdf texts;
  for (std::uint32_t i = 0; i < 300; ++i) {
    const std::array<text::Feature, 2> row = {{{i % 5, 0.9F}, {100 + i, 0.4F}}};
    texts.add(row);
  }
  texts.finish(1);
  const auto group = k_means(texts, 5, 8, 20, 3, 100);
  ASSERT_EQ(group.size(), 300U);
  for (std::uint32_t i = 5; i < 300; ++i) EXPECT_EQ(group[i], group[i % 5]) << i;
  EXPECT_EQ(1 + *std::max_element(group.begin(), group.end()), 5U);
}

TEST(TextGroups, TakeTextsWithoutAnyWordInTheirStride) {
  TfIdf texts;
  texts.add({});
  texts.add({});
  texts.finish(1);
  EXPECT_EQ(k_means(texts, 3, 1, 5, 1).size(), 2U);
  EXPECT_TRUE(k_means(TfIdf(), 3, 1, 5, 1).empty());
}

}  // namespace
}  // namespace swy::route
