#include "eval/batch.h"

#include <gtest/gtest.h>

#include <string>

namespace swy::eval {
namespace {

// T4's questions in a hundred copies, told apart by their words: in train and test alike.
Pool t4_pool() {
  const char* prompts[] = {"alpha alpha", "beta beta", "gamma gamma", "delta delta"};
  const int right[4][3] = {{1, 1, 1}, {0, 1, 1}, {0, 0, 1}, {0, 1, 0}};
  std::string text;
  for (int i = 0; i < 400; ++i) {
    const int k = i % 4;
    text += R"({"id":"q)" + std::to_string(i) + R"(","dataset":"d","part":")" +
            (i < 200 ? "train" : "test") + R"(","prompt":")" + prompts[k] + " number " +
            std::to_string(i) + R"(","models":{"S":{"score":)" + std::to_string(right[k][0]) +
            R"(,"cost":1},"M":{"score":)" + std::to_string(right[k][1]) +
            R"(,"cost":4},"L":{"score":)" + std::to_string(right[k][2]) + R"(,"cost":20}}})" + "\n";
  }
  auto table = record::parse_outcomes("t", text);
  EXPECT_TRUE(table);
  PoolOptions options;
  options.validation_share = 0;
  options.by_part = true;
  auto pool = make_pool(*table, options);
  EXPECT_TRUE(pool);
  return std::move(*pool);
}

BatchOptions with(std::vector<double> floors) {
  BatchOptions o;
  o.estimator = "knn:neighbours=20,shrink=0";
  o.floors = std::move(floors);
  return o;
}

TEST(Batch, PlansTheFixtureAsTheLinearProgramDoes) {
  const Pool pool = t4_pool();
  const auto report = evaluate_batch(pool, with({0.75, 1}), route::builtin_registry());
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->rows.size(), 2U);
  EXPECT_NEAR(report->rows[0].quality, 0.75, 0.01);
  EXPECT_NEAR(report->rows[0].cost, 10.0 / 4, 0.1);
  EXPECT_NEAR(report->rows[1].quality, 1, 1e-9);
  EXPECT_NEAR(report->rows[1].cost, 29.0 / 4, 1e-6);
  EXPECT_NEAR(report->rows[1].alone_quality, report->rows[1].quality, 1e-9);
}

TEST(Batch, KeepsTheLoads) {
  const Pool pool = t4_pool();
  BatchOptions options = with({0.75});
  options.loads = {{"M", 0.25}};
  const auto report = evaluate_batch(pool, options, route::builtin_registry());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_LE(report->rows[0].share[1], 0.25 + 1e-9);
  EXPECT_NEAR(report->rows[0].cost, 26.0 / 4, 0.1);
}

TEST(Batch, SaysWhatCannotBeDone) {
  const Pool pool = t4_pool();
  BatchOptions options = with({0.5});
  options.loads = {{"S", 0.1}, {"M", 0.1}, {"L", 0.1}};
  const auto tight = evaluate_batch(pool, options, route::builtin_registry());
  ASSERT_FALSE(tight);
  EXPECT_NE(tight.error().message.find("the loads do not suffice"), std::string::npos);
  options.loads = {{"X", 0.1}};
  EXPECT_FALSE(evaluate_batch(pool, options, route::builtin_registry()));
  EXPECT_FALSE(evaluate_batch(pool, with({2}), route::builtin_registry())->rows[0].reached);
}

}  // namespace
}  // namespace swy::eval
