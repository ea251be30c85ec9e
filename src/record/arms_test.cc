#include "record/arms.h"

#include <gtest/gtest.h>

#include <cmath>

#include "record/outcome.h"
#include "record/price_list.h"

namespace swy::record {
namespace {

TEST(Arms, ExpectTheBestOfEveryChoiceOfAnswers) {
  // Two of three: (.1, .5), (.1, .9), (.5, .9).
  EXPECT_NEAR(*best_of({.9F, .1F, .5F}, 2), (.5 + .9 + .9) / 3, 1e-7);
  EXPECT_NEAR(*best_of({.9F, .1F, .5F}, 1), .5, 1e-7);
  EXPECT_NEAR(*best_of({.9F, .1F, .5F}, 3), .9, 1e-7);
  EXPECT_EQ(best_of({.9F, .1F, .5F}, 4), std::nullopt);
  // 1 - C(3, 3) / C(5, 3).
  EXPECT_NEAR(*best_of({1, 1, 0, 0, 0}, 3), .9, 1e-12);
  EXPECT_NEAR(*best_of({0, 0, 0, 0, 0}, 3), 0, 1e-12);
}

// request-routing.md 5.2 f: of independent answers that are right with .4 the best of three is
// .784.
TEST(Arms, ComeToTheIndependentChanceWhereAnswersAreMany) {
  std::vector<float> answers(20'000, 0.0F);
  std::fill_n(answers.begin(), 8'000, 1.0F);
  EXPECT_NEAR(*best_of(answers, 3), .784, 1e-4);
}

TEST(Arms, AreNamedByModelAndNumberOfAnswers) {
  EXPECT_EQ(arm_name("small", 3), "small*3");
  EXPECT_EQ(arm_name("small", 1), "small");
  const auto arm = read_arm_name("a*b*12");
  ASSERT_TRUE(arm);
  EXPECT_EQ(arm->model, "a*b");
  EXPECT_EQ(arm->answers, 12U);
  for (const char* other : {"small", "small*", "*3", "small*1", "small*33", "small*3x", "small*-3"})
    EXPECT_EQ(read_arm_name(other), std::nullopt) << other;
}

constexpr std::string_view kTable =
    R"({"id":"a","prompt":"p","models":{"s":{"samples":[0,1,0],"tokens_in":10,"tokens_out":20,"cost":0.001},"l":{"correct":1,"samples":4,"cost":0.02}}})"
    "\n";

TEST(Arms, StandBesideTheModelsOfATable) {
  LoadOptions options;
  options.answers = {2, 5};
  const auto table = parse_outcomes("t", kTable, options);
  ASSERT_TRUE(table) << table.error().message;
  // Nobody has five answers, and how good each of l's four is the table does not say.
  EXPECT_EQ(table->models(), (std::vector<std::string>{"s", "s*2", "l"}));
  const Cell& one = table->cell(0, 0);
  const Cell& two = table->cell(0, 1);
  EXPECT_FLOAT_EQ(one.quality, 1.0F / 3);
  EXPECT_FLOAT_EQ(two.quality, 2.0F / 3);
  EXPECT_FLOAT_EQ(two.cost_usd, 0.002F);
  EXPECT_FLOAT_EQ(two.tokens_out, 20) << "of one answer";
  EXPECT_TRUE(two.present);
  EXPECT_EQ(parse_outcomes("t", kTable)->models().size(), 2U) << "only when asked for";
}

TEST(Arms, PayTheModelsPriceForEveryAnswer) {
  const auto prices = PriceList::parse(R"({"s":{"in_per_mtok":1,"out_per_mtok":2}})");
  ASSERT_TRUE(prices);
  LoadOptions options;
  options.answers = {3};
  options.prices = &*prices;
  const auto table = parse_outcomes("t", kTable, options);
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_FLOAT_EQ(table->cell(0, table->model_index("s*3")).cost_usd, 3 * 50e-6F);
}

TEST(Arms, AreModelsLikeOthersOnceTheyAreWritten) {
  LoadOptions options;
  options.answers = {2};
  const std::string path = ::testing::TempDir() + "/arms.jsonl";
  ASSERT_TRUE(save_outcomes(*parse_outcomes("t", kTable, options), path));
  const auto again = load_outcomes(path, options);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->models(), (std::vector<std::string>{"s", "s*2", "l"}));
  EXPECT_FLOAT_EQ(again->cell(0, 1).quality, 2.0F / 3);
}

}  // namespace
}  // namespace swy::record
