#include "eval/online.h"

#include <gtest/gtest.h>

#include <string>

namespace swy::eval {
namespace {

// Two kinds of questions, told apart by their words; each model is right on one kind, and the third
// one on nothing.
Pool two_kinds(std::size_t rows) {
  std::string text;
  const char* kinds[] = {"integral of the polynomial equation in algebra number ",
                         "poem about the sea and love, stanza number "};
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t kind = i % 2;
    text += R"({"id":"q)" + std::to_string(i) + R"(","dataset":"d","prompt":")" + kinds[kind] +
            std::to_string(i) + R"(","models":{"a":{"score":)" + (kind == 0 ? "1" : "0") +
            R"(,"cost":0.001},"b":{"score":)" + (kind == 1 ? "1" : "0") +
            R"(,"cost":0.001},"c":{"score":0,"cost":0.001}}})" + "\n";
  }
  auto table = record::parse_outcomes("t", text);
  EXPECT_TRUE(table) << table.error().message;
  PoolOptions options;
  options.validation_share = 0;
  auto pool = make_pool(*table, options);
  EXPECT_TRUE(pool) << pool.error().message;
  return std::move(*pool);
}

OnlineOptions with(std::vector<std::string> routers) {
  OnlineOptions options;
  options.routers = std::move(routers);
  return options;
}

OnlineReport report_of(const Pool& pool, OnlineOptions options) {
  options.runs = 3;
  auto report = evaluate_online(pool, options, route::builtin_registry());
  EXPECT_TRUE(report) << report.error().message;
  return report ? std::move(*report) : OnlineReport{};
}

TEST(Online, LearnsWhichModelIsRightOnWhichKindOfQuestion) {
  const Pool pool = two_kinds(600);
  const auto report = report_of(pool, with({"linear_bandit:noise=0.3+thompson:cost=0",
                                            "linear_bandit:noise=0.3+ucb:cost=0"}));
  ASSERT_EQ(report.lines.size(), 3U);
  EXPECT_EQ(report.rounds, 600U);
  EXPECT_NEAR(report.lines[0].quality.value, 1.0 / 3, 0.05);  // random
  EXPECT_FALSE(report.lines[0].learns);
  for (std::size_t i = 1; i < 3; ++i) {
    const OnlineLine& line = report.lines[i];
    EXPECT_TRUE(line.learns);
    EXPECT_GT(line.curve.back(), 0.95) << line.name;
    EXPECT_GT(line.curve.back(), line.curve.front()) << line.name;
    EXPECT_LT(line.regret.value, -0.3) << line.name;  // above the best single model
    EXPECT_LT(line.share[2], 0.02) << line.name;
  }
}

TEST(Online, SeesOnlyTheOutcomeOfItsOwnChoice) {
  // `first` always asks a: b and c stay what they were believed to be.
  const Pool pool = two_kinds(200);
  const auto report = report_of(pool, with({"linear_bandit+first"}));
  EXPECT_NEAR(report.lines[1].quality.value, 0.5, 0.02);
  EXPECT_NEAR(report.lines[1].share[0], 1, 1e-12);
}

TEST(Online, StartsFromTheTrainPartWhenWarm) {
  const Pool pool = two_kinds(600);
  const OnlineOptions cold = with({"linear_bandit:noise=0.3+thompson:cost=0"});
  OnlineOptions warm = cold;
  warm.warm = true;
  const auto after = report_of(pool, warm);
  EXPECT_EQ(after.questions, pool.test.size());
  EXPECT_GT(after.lines[1].curve.front(), report_of(pool, cold).lines[1].curve.front());
}

TEST(Online, GivesTheSameAgain) {
  const Pool pool = two_kinds(100);
  const OnlineOptions options = with({"linear_bandit+thompson"});
  EXPECT_EQ(to_json(report_of(pool, options)), to_json(report_of(pool, options)));
}

TEST(Online, RefusesWhatCannotLearnOrIsUnknown) {
  const Pool pool = two_kinds(20);
  const auto oracle = evaluate_online(pool, with({"oracle"}), route::builtin_registry());
  ASSERT_FALSE(oracle);
  EXPECT_NE(oracle.error().message.find("takes ESTIMATOR+POLICY"), std::string::npos);
  EXPECT_FALSE(evaluate_online(pool, with({"linear_bandits"}), route::builtin_registry()));
}

// The dear model is right on every question, the cheap one on every other: the budget buys it for
// half of them, and what is spent comes to it.
TEST(OnlineEvaluation, BudgetRouteSpendsWhatItMay) {
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    const bool hard = i % 2 == 0;
    text += R"({"id":"q)" + std::to_string(i) + R"(","dataset":"d","prompt":")" +
            (hard ? "prove the theorem about ideals number " : "say hello to person number ") +
            std::to_string(i) + R"(","models":{"cheap":{"score":)" + (hard ? "0" : "1") +
            R"(,"cost":0.0001,"tokens_in":10,"tokens_out":10},"dear":{"score":1,"cost":0.001,)" +
            R"("tokens_in":10,"tokens_out":10}}})" + "\n";
  }
  auto table = record::parse_outcomes("t", text);
  ASSERT_TRUE(table) << table.error().message;
  PoolOptions options;
  options.validation_share = 0;
  auto pool = make_pool(*table, options);
  ASSERT_TRUE(pool) << pool.error().message;
  OnlineOptions o = with({"linear+budget_route:budget=.00055,step=.01", "linear+budget_route:budget=.0003,step=.01"});
  o.warm = true;
  const OnlineReport report = report_of(*pool, o);
  for (const auto& [line, budget] : {std::pair(1, .00055), std::pair(2, .0003)}) {
    const OnlineLine& l = report.lines[static_cast<std::size_t>(line)];
    EXPECT_NEAR(l.cost.value, budget, .02 * budget + .00001) << l.name;
    EXPECT_GT(l.price.back(), 0);
    EXPECT_NEAR(l.spent.back(), l.cost.value, 1e-12);
  }
  EXPECT_GT(report.lines[1].quality.value, .95);
  EXPECT_TRUE(report.lines[0].price.empty()) << "random keeps no account";
  EXPECT_NE(to_svg(report).find("Price of money"), std::string::npos);
}

}  // namespace
}  // namespace swy::eval
