#include "record/sample.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace swy::record {
namespace {

// Domains a (200 rows) and b (100); model small knows the first half of each.
OutcomeTable questions() {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    const bool a = i < 200;
    const bool easy = a ? i < 100 : i < 250;
    text +=
        fmt::format(R"({{"id":"q{}","dataset":"d","domain":"{}","prompt":"what is {}","models":{{)"
                    R"("small":{{"correct":{}}},"large":{{"correct":1}}}}}})"
                    "\n",
                    i, a ? "a" : "b", i, easy ? 1 : 0);
  }
  auto table = parse_outcomes("t.jsonl", text);
  EXPECT_TRUE(table);
  return table ? *std::move(table) : OutcomeTable();
}

std::vector<SampleRow> all_rows(const OutcomeTable& t) {
  std::vector<SampleRow> rows;
  for (std::size_t i = 0; i < t.rows(); ++i) rows.push_back({i, mean_quality(t.cells(i))});
  return rows;
}

TEST(SampleEvenly, GivesEveryDomainAndDifficultyItsShare) {
  const OutcomeTable t = questions();
  const auto rows = all_rows(t);
  for (const char* key : {"x", "y", "another model"}) {
    auto chosen = sample_evenly(t, rows, 30, key);
    ASSERT_EQ(chosen.size(), 60U) << "as many again in reserve";
    EXPECT_EQ(std::set<std::size_t>(chosen.begin(), chosen.end()).size(), 60U);
    std::map<std::string, int> n;
    for (std::size_t i = 0; i < 30; ++i) {
      const bool easy = t.cell(chosen[i], 0).quality > 0;
      ++n[fmt::format("{}{}", t.row(chosen[i]).domain, easy ? " easy" : " hard")];
    }
    EXPECT_EQ(n, (std::map<std::string, int>{
                     {"a easy", 10}, {"a hard", 10}, {"b easy", 5}, {"b hard", 5}}));
  }
}

TEST(SampleEvenly, IsTheSameForTheSameKeyInWhateverOrder) {
  const OutcomeTable t = questions();
  auto rows = all_rows(t);
  const auto chosen = sample_evenly(t, rows, 30, "x");
  std::reverse(rows.begin(), rows.end());
  EXPECT_EQ(sample_evenly(t, rows, 30, "x"), chosen);
  EXPECT_NE(sample_evenly(t, rows, 30, "y"), chosen);
}

// Over many keys every question is as likely: no bias for the mean.
TEST(SampleEvenly, LikesNoQuestionBetter) {
  const OutcomeTable t = questions();
  const auto rows = all_rows(t);
  std::vector<int> n(t.rows(), 0);
  for (int key = 0; key < 3000; ++key) {
    const auto chosen = sample_evenly(t, rows, 30, fmt::format("key {}", key));
    for (std::size_t i = 0; i < 30; ++i) ++n[chosen[i]];
  }
  for (const int times : n) EXPECT_NEAR(times, 300, 6 * std::sqrt(300 * .9));
}

TEST(SampleEvenly, OfFewRowsTakesAll) {
  const OutcomeTable t = questions();
  const auto rows = all_rows(t);
  EXPECT_EQ(sample_evenly(t, rows, 1000, "x").size(), 300U);
  EXPECT_TRUE(sample_evenly(t, {}, 5, "x").empty());
  EXPECT_TRUE(sample_evenly(t, rows, 0, "x").empty());
}

TEST(MeanQuality, LeavesOutWhatWasNotObservedAndOneColumn) {
  const OutcomeTable t = questions();
  EXPECT_EQ(mean_quality(t.cells(0)), 1);
  EXPECT_EQ(mean_quality(t.cells(150)), .5);
  EXPECT_EQ(mean_quality(t.cells(150), 0), 1);
  EXPECT_EQ(mean_quality({}), 0);
}

}  // namespace
}  // namespace swy::record
