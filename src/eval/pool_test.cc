#include "eval/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "eval/testing/tables.h"

namespace swy::eval {
namespace {

using ::testing::HasSubstr;

TEST(Pool, TrainAndTestShareNoQuestionEvenUnderAnotherId) {
  std::string rows;
  for (int copy = 0; copy < 3; ++copy) {
    for (int i = 0; i < 200; ++i) {
      rows += fmt::format(
          R"({{"id":"set{0}-{1}","dataset":"s{0}","prompt":"{2}uestion no. {1}{3}","models":{{"a":{{"correct":1,"cost":1}}}}}})"
          "\n",
          copy, i, copy == 1 ? "q" : "Q", copy == 2 ? "?" : "");
    }
  }
  const auto pool = make_pool(testing::table_from(rows), {});
  ASSERT_TRUE(pool);
  std::set<std::string> train;
  const auto question = [&](std::size_t row) {
    const std::string id(pool->table.row(row).id);
    return id.substr(id.find('-'));
  };
  for (const std::size_t row : pool->train) train.insert(question(row));
  for (const std::size_t row : pool->test) EXPECT_EQ(train.count(question(row)), 0U);
  EXPECT_EQ(pool->train.size() + pool->test.size(), 600U);
  EXPECT_NEAR(static_cast<double>(pool->train.size()) / 600, 0.6, 0.12);
}

TEST(Pool, LeavesOutModelsThatAnsweredTooFewOrHaveNoPriceAndSaysSo) {
  std::string rows;
  for (int i = 0; i < 100; ++i) {
    rows += fmt::format(
        R"({{"id":"q{0}","prompt":"p{0}","models":{{"a":{{"correct":1,"cost":1}},"b":{{"correct":0,"cost":2}},"free":{{"correct":1}}{1}}}}})"
        "\n",
        i, i < 50 ? R"(,"half":{"correct":1,"cost":1})" : "");
  }
  const auto pool = make_pool(testing::table_from(rows), {});
  ASSERT_TRUE(pool);
  EXPECT_EQ(pool->table.models(), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(pool->priced);
  ASSERT_EQ(pool->notes.size(), 2U);
  EXPECT_THAT(pool->notes[0], HasSubstr("half"));
  EXPECT_THAT(pool->notes[1], HasSubstr("free"));
}

TEST(Pool, AMissingCostIsTheModelsMeanAndNeverFree) {
  std::string rows;
  for (int i = 0; i < 100; ++i) {
    rows += fmt::format(R"({{"id":"q{0}","prompt":"p{0}","models":{{"a":{{"correct":1{1}}}}}}})"
                        "\n",
                        i, i == 3 ? "" : R"(,"cost":2)");
  }
  const auto pool = make_pool(testing::table_from(rows), {});
  ASSERT_TRUE(pool);
  EXPECT_DOUBLE_EQ(pool->costs(3)[0], 2);
  EXPECT_THAT(pool->notes, ::testing::Contains(HasSubstr("1 costs are missing")));
}

TEST(Pool, CountsMissingCostsOfTheQuestionsInUse) {
  std::string rows;
  for (int i = 0; i < 100; ++i) {
    rows +=
        fmt::format(R"({{"id":"q{0}","prompt":"p{0}","models":{{"a":{1},"b":{2}}}}})"
                    "\n",
                    i, R"({"correct":1,"cost":2})", i == 3 ? "null" : R"({"correct":0,"cost":1})");
  }
  const auto pool = make_pool(testing::table_from(rows), {});
  ASSERT_TRUE(pool);
  EXPECT_THAT(pool->notes, ::testing::ElementsAre(HasSubstr("left out 1 questions")));
}

TEST(Pool, WithoutAQuestionItSaysSo) {
  const auto pool = make_pool(testing::table_from(""), {});
  ASSERT_FALSE(pool);
  EXPECT_THAT(pool.error().message, HasSubstr("no question"));
}

TEST(Pool, WithoutAnyCostOnlyQualitiesAreCompared) {
  std::string rows;
  for (int i = 0; i < 50; ++i)
    rows += fmt::format(R"({{"id":"q{0}","prompt":"p{0}","models":{{"a":{{"correct":1}}}}}})"
                        "\n",
                        i);
  const auto pool = make_pool(testing::table_from(rows), {});
  ASSERT_TRUE(pool);
  EXPECT_FALSE(pool->priced);
  EXPECT_THAT(pool->notes, ::testing::Contains(HasSubstr("no cost")));
}

TEST(Pool, UnknownModelsAreNamedWithTheNearest) {
  PoolOptions options;
  options.models = {"SS"};
  const auto pool = make_pool(testing::table_from(testing::t4_rows()), options);
  ASSERT_FALSE(pool);
  EXPECT_EQ(pool.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(pool.error().message, HasSubstr("SS"));
}

TEST(Pool, AnEmptyTestPartIsAnErrorThatSaysWhatToDo) {
  PoolOptions options;
  options.train_share = 1;
  const auto pool = make_pool(testing::table_from(testing::t4_rows()), options);
  ASSERT_FALSE(pool);
  EXPECT_THAT(pool.error().message, HasSubstr("test part is empty"));
}

// Three data sets; the question "one" occurs in two of them.
record::OutcomeTable three_sets() {
  std::string rows;
  int id = 0;
  for (const auto& [set, prompt] : std::vector<std::pair<const char*, const char*>>{
           {"a", "one"}, {"a", "two"}, {"b", "One!"}, {"b", "three"}, {"c", "four"}}) {
    rows += fmt::format(
        R"({{"id":"{}","dataset":"{}","prompt":"{}","models":{{"S":{{"correct":1,"cost":1}}}}}})"
        "\n",
        id++, set, prompt);
  }
  return testing::table_from(rows);
}

TEST(Pool, LeavesWholeDataSetsOutAndTheirQuestionsWhereverTheyOccur) {
  PoolOptions options;
  options.leave_out = {"b"};
  const auto pool = make_pool(three_sets(), options);
  ASSERT_TRUE(pool) << pool.error().message;
  EXPECT_EQ(pool->test.size(), 2U);
  for (const std::size_t row : pool->test) EXPECT_EQ(pool->table.row(row).dataset, "b");
  EXPECT_EQ(pool->train.size(), 2U);  // "two" and "four"
  EXPECT_THAT(pool->notes, Contains(HasSubstr("1 other questions occur")));
}

TEST(Pool, LeavesWholeDomainsOut) {
  PoolOptions options;
  options.leave_out_domains = {"hard"};
  const auto pool = make_pool(testing::table_from(testing::synthetic_rows(200, 2)), options);
  ASSERT_TRUE(pool) << pool.error().message;
  for (const std::size_t row : pool->test) EXPECT_EQ(pool->table.row(row).domain, "hard");
  for (const std::size_t row : pool->train) EXPECT_EQ(pool->table.row(row).domain, "easy");
  options.leave_out_domains = {"herd"};
  const auto unknown = make_pool(testing::table_from(testing::synthetic_rows(200, 2)), options);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("hard"));
}

TEST(Pool, LeavingOutWhatIsNotThereOrEverythingIsAnError) {
  PoolOptions options;
  options.leave_out = {"bb"};
  auto pool = make_pool(three_sets(), options);
  ASSERT_FALSE(pool);
  EXPECT_EQ(pool.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(pool.error().message, HasSubstr("'bb'"));
  options.leave_out = {"a", "b", "c"};
  pool = make_pool(three_sets(), options);
  ASSERT_FALSE(pool);
  EXPECT_THAT(pool.error().message, HasSubstr("nothing is left to learn from"));
}

// Train rows 0-19, test rows 15-39 of the same questions, ids of their own.
std::string two_sides(bool parts) {
  std::string rows;
  for (int i = 0; i < 45; ++i) {
    const bool train = i < 20;
    rows += fmt::format(
        R"({{"id":"{0}","prompt":"Question {1}!","part":"{2}","models":{{"a":{{"correct":1,"cost":1}}}}}})"
        "\n",
        i, train ? i : i - 5, parts ? (train ? "train" : "dev") : "");
  }
  return rows;
}

TEST(Pool, AQuestionOnBothSidesOfTheTablesPartsIsRefusedWithTheCount) {
  PoolOptions options;
  options.by_part = true;
  const auto refused = make_pool(testing::table_from(two_sides(true)), options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("5 of 20"));
  options.drop_leaked = true;
  const auto pool = make_pool(testing::table_from(two_sides(true)), options);
  ASSERT_TRUE(pool) << pool.error().message;
  EXPECT_EQ(pool->train.size(), 15U);
  EXPECT_EQ(pool->test.size(), 25U);
  EXPECT_THAT(pool->notes, ::testing::Contains(HasSubstr("5 questions")));
}

TEST(Pool, FilesToLearnFromAndToTestOnMustNotShareAQuestion) {
  const std::string all = two_sides(false);
  std::size_t at = 0;
  for (int i = 0; i < 20; ++i) at = all.find('\n', at) + 1;
  const std::string dir = ::testing::TempDir();
  std::ofstream(dir + "pool_train.jsonl") << all.substr(0, at);
  std::ofstream(dir + "pool_test.jsonl") << all.substr(at);
  PoolOptions options;
  options.train = {dir + "pool_train.jsonl"};
  options.data = {dir + "pool_test.jsonl"};
  const auto refused = load_pool(options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("5 of 20"));
  options.drop_leaked = true;
  const auto pool = load_pool(options);
  ASSERT_TRUE(pool) << pool.error().message;
  EXPECT_EQ(pool->train.size(), 15U);
  EXPECT_EQ(pool->test.size(), 25U);
  options.data = options.train;
  options.drop_leaked = false;
  const auto same = load_pool(options);
  ASSERT_FALSE(same);
  EXPECT_THAT(same.error().message, HasSubstr("20 of 20"));
}

std::string same_rows(const std::string& cells) {
  std::string rows;
  for (int i = 0; i < 60; ++i)
    rows += fmt::format(R"({{"id":"q{0}","prompt":"p{0}","models":{{{1}}}}})"
                        "\n",
                        i, cells);
  return rows;
}

TEST(Pool, WhatCannotTellRoutersApartIsNoted) {
  const auto one = make_pool(testing::table_from(same_rows(R"("a":{"correct":1,"cost":1})")), {});
  ASSERT_TRUE(one);
  EXPECT_THAT(one->notes, ::testing::Contains(HasSubstr("only one model")));
  const auto equal = make_pool(
      testing::table_from(same_rows(R"("a":{"score":0.5,"cost":1},"b":{"score":0.5,"cost":2})")),
      {});
  ASSERT_TRUE(equal);
  EXPECT_THAT(equal->notes, ::testing::Contains(HasSubstr("same quality, 0.5")));
  const auto usual = make_pool(testing::table_from(testing::synthetic_rows(200, 3)), {});
  ASSERT_TRUE(usual);
  EXPECT_TRUE(usual->notes.empty());
}

TEST(Pool, APriceListMakesTheCostsAndSaysWhoseItHasNot) {
  const std::string dir = ::testing::TempDir();
  std::string rows;
  for (int i = 0; i < 60; ++i) {
    rows += fmt::format(
        R"({{"id":"q{0}","prompt":"p{0}","models":{{"a":{{"correct":1,"tokens_in":1000,"tokens_out":100,"cost":9}},"b":{{"correct":0,"cost":7}}}}}})"
        "\n",
        i);
  }
  std::ofstream(dir + "priced.jsonl") << rows;
  std::ofstream(dir + "prices.json") << R"({"a":{"in_per_mtok":1,"out_per_mtok":10}})";
  PoolOptions options;
  options.data = {dir + "priced.jsonl"};
  options.prices = dir + "prices.json";
  const auto pool = load_pool(options);
  ASSERT_TRUE(pool) << pool.error().message;
  EXPECT_NEAR(pool->costs(0)[0], .002, 1e-9);
  EXPECT_NEAR(pool->costs(0)[1], 7, 1e-9);
  EXPECT_THAT(pool->notes, ::testing::Contains(HasSubstr("costs as recorded, for b")));
  options.prices = dir + "no_prices.json";
  EXPECT_FALSE(load_pool(options));
}

}  // namespace
}  // namespace swy::eval
