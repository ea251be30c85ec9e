#include "eval/onboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/rng.h"
#include "eval/pool_config.h"
#include "eval/testing/tables.h"

namespace swy::eval {
namespace {

using ::testing::HasSubstr;

// "weak" is always wrong and dear; "law" and "maths" know one subject each, so a router that
// lacks one of them loses half of the questions.
Pool subjects() {
  constexpr std::array<const char*, 7> kMaths{"lemma", "proof",  "integral", "norm",
                                              "basis", "kernel", "ring"};
  constexpr std::array<const char*, 7> kLaw{"court",   "appeal", "verdict", "judge",
                                            "statute", "tort",   "clause"};
  std::string rows;
  base::Rng rng(5, 0, 0);
  for (int i = 0; i < 600; ++i) {
    const bool maths = i % 2 == 0;
    std::string words;
    for (int w = 0; w < 3; ++w) words += fmt::format("{} ", (maths ? kMaths : kLaw)[rng.below(7)]);
    rows += fmt::format(
        R"({{"id":"q{0}","domain":"{1}","prompt":"{2}{0}","models":{{"weak":{{"correct":0,"cost":3}},"law":{{"correct":{3},"cost":0.3}},"maths":{{"correct":{4},"cost":1}}}}}})"
        "\n",
        i, maths ? "m" : "l", words, maths ? 0 : 1, maths ? 1 : 0);
  }
  auto pool = make_pool(testing::table_from(rows), {});
  EXPECT_TRUE(pool);
  return pool ? std::move(*pool) : Pool{};
}

OnboardReport onboarded(const Pool& pool, OnboardOptions what, std::size_t bootstrap = 50) {
  EvalOptions options;
  options.routers = {"clusters:by=domain"};
  options.bootstrap = bootstrap;
  const auto report = onboard(pool, options, what, route::builtin_registry());
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  return report.value_or(OnboardReport{});
}

TEST(Onboard, TheWayOfANewModelRunsFromIgnoredToKnown) {
  const OnboardReport r = onboarded(subjects(), {.models = {"maths"}, .probes = {4, 100, 100000}});
  ASSERT_EQ(r.rows.size(), 1U);
  const OnboardRow& row = r.rows[0];
  EXPECT_GT(row.gain.lo, .1) << "half of the questions need it";
  EXPECT_LT(row.way[0].value, row.way[1].value + 1e-9);
  EXPECT_GT(row.way[1].value, .5) << "acceptance (f)";
  EXPECT_NEAR(row.way[2].value, 1, 1e-9) << "all train outcomes are full knowledge";
}

TEST(Onboard, ProbesAreSpreadOrDrawn) {
  for (const bool at_random : {false, true}) {
    const OnboardReport r = onboarded(
        subjects(), {.models = {"maths"}, .probes = {10, 100000}, .at_random = at_random});
    ASSERT_EQ(r.rows.size(), 1U);
    EXPECT_NEAR(r.rows[0].way[1].value, 1, 1e-9) << "all of them either way";
    EXPECT_GT(r.rows[0].way[0].value, 0);
  }
  // Ten spread over two subjects are five of each whatever the draw.
  const OnboardReport one =
      onboarded(subjects(), {.models = {"maths"}, .probes = {10}, .draws = 1});
  const OnboardReport ten =
      onboarded(subjects(), {.models = {"maths"}, .probes = {10}, .draws = 5});
  EXPECT_NEAR(one.rows[0].known[0].value, ten.rows[0].known[0].value, 1e-9);
}

TEST(Onboard, AModelThatAddsNothingHasNoWay) {
  const OnboardReport r = onboarded(subjects(), {.models = {"weak"}, .probes = {100}});
  ASSERT_EQ(r.rows.size(), 1U);
  EXPECT_NEAR(r.rows[0].gain.value, 0, kLeastGain);
  EXPECT_TRUE(std::isnan(r.rows[0].way[0].value));
}

TEST(Onboard, AllModelsAreNewInTurnAndThenTogether) {
  const OnboardReport r = onboarded(subjects(), {.models = {"all"}, .probes = {100}});
  ASSERT_EQ(r.rows.size(), 4U);
  EXPECT_EQ(r.rows.back().model, "");
  EXPECT_GT(r.rows.back().way[0].value, .5);
  EXPECT_THAT(to_table(r, false), HasSubstr("all of them"));
  EXPECT_THAT(to_json(r), HasSubstr("\"probes\":100"));
}

TEST(Onboard, HiddenOutcomesReachNoLearner) {
  Pool pool = subjects();
  pool.hidden.assign(pool.table.rows() * 3, 0);
  for (std::size_t row = 0; row < pool.table.rows(); ++row) pool.hidden[row * 3 + 2] = 1;
  auto dir = TempDir::make();
  ASSERT_TRUE(dir);
  ASSERT_TRUE(write_train(pool, pool.train, dir->path() + "/t.jsonl"));
  const auto table = record::load_outcomes(dir->path() + "/t.jsonl");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->models(), (std::vector<std::string>{"weak", "law"}));
  EXPECT_THAT(models_yaml(pool, pool.train),
              HasSubstr("\"maths\", context: 1000000000, quality: { default: 0.5 }"));
}

TEST(Onboard, TwoModelsOrUnknownOnesAreErrors) {
  EvalOptions options;
  options.routers = {"knn"};
  const Pool pool = subjects();
  const auto unknown = onboard(pool, options, {.models = {"mahts"}}, route::builtin_registry());
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("maths"));
  const auto two = without_model(pool, 0);
  ASSERT_TRUE(two);
  EXPECT_EQ(two->models(), 2U);
  EXPECT_EQ(two->qualities(1)[0], pool.qualities(1)[1]);
  EXPECT_FALSE(onboard(*two, options, {.models = {"law"}}, route::builtin_registry()));
}

TEST(Onboard, AShiftedPriceCountsInTheReckoningAndOnTheCardButNotInTheTable) {
  Pool pool = testing::t4_pool();
  const std::vector<std::pair<std::string, double>> shift{{"L", 0.1}};
  ASSERT_TRUE(shift_prices(pool, shift));
  EXPECT_NEAR(pool.costs(0)[2], 2, 1e-9);
  EXPECT_NEAR(single_line(pool, 2).settings[0].mean_cost, 2, 1e-6);
  EXPECT_NEAR(static_cast<double>(pool.table.cell(0, 2).cost_usd), 20, 1e-6);
  // 20 tokens for 20 USD at the old price.
  EXPECT_THAT(models_yaml(pool, pool.train), HasSubstr("price: { input: 100000, output: 100000 }"));
  const std::vector<std::pair<std::string, double>> unknown{{"XL", 2}};
  EXPECT_FALSE(shift_prices(pool, unknown));
  const std::vector<std::pair<std::string, double>> negative{{"L", -1}};
  EXPECT_FALSE(shift_prices(pool, negative));
}

}  // namespace
}  // namespace swy::eval
