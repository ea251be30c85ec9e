#include "record/outcome.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "record/testing/shared_data.h"
#include "record/testing/temp_dir.h"

namespace swy::record {
namespace {

constexpr std::string_view kTwoRows =
    R"({"id":"q1","dataset":"d","domain":"math","prompt":"1+1?","part":"train","tools":[{},{}],"models":{"small":{"correct":1,"tokens_in":10,"tokens_out":2,"cost":0.5e-6,"latency":0.25},"large":{"score":0.75,"est":true}}}
{"id":"q2","dataset":"d","domain":"code","prompt":"f?","part":"dev","models":{"large":{"correct":0,"missing":true},"third":{}}}
)";

OutcomeTable table(std::string_view text) {
  auto t = parse_outcomes("t.jsonl", text);
  EXPECT_TRUE(t) << t.error().message;
  return t ? *std::move(t) : OutcomeTable();
}

std::string why(std::string_view text) {
  const auto t = parse_outcomes("t.jsonl", text);
  EXPECT_FALSE(t);
  return t ? "" : t.error().message;
}

std::string row_with(std::string_view models) {
  return fmt::format(R"({{"id":"x","prompt":"p","models":{}}})", models);
}

TEST(OutcomeTable, HoldsWhatTheRowsSay) {
  const OutcomeTable t = table(kTwoRows);
  ASSERT_EQ(t.rows(), 2U);
  EXPECT_EQ(t.models(), (std::vector<std::string>{"small", "large", "third"}));
  EXPECT_EQ(t.model_index("large"), 1U);
  EXPECT_EQ(t.model_index("larg"), OutcomeTable::npos);
  const OutcomeRow r = t.row(0);
  EXPECT_EQ(r.id, "q1");
  EXPECT_EQ(r.dataset, "d");
  EXPECT_EQ(r.domain, "math");
  EXPECT_EQ(r.part, "train");
  EXPECT_EQ(r.prompt, "1+1?");
  EXPECT_EQ(r.tools, 2U);
  const Cell& small = t.cell(0, 0);
  EXPECT_TRUE(small.present);
  EXPECT_FLOAT_EQ(small.quality, 1);
  EXPECT_FLOAT_EQ(small.tokens_in, 10);
  EXPECT_FLOAT_EQ(small.tokens_out, 2);
  EXPECT_FLOAT_EQ(small.cost_usd, 0.5e-6F);
  EXPECT_FLOAT_EQ(small.latency_s, 0.25F);
  EXPECT_FLOAT_EQ(t.cell(0, 1).quality, 0.75F);
  EXPECT_TRUE(t.cell(0, 1).estimated);
}

TEST(OutcomeTable, KeepsUnknownApartFromZeroAndFromMissing) {
  const OutcomeTable t = table(kTwoRows);
  EXPECT_TRUE(std::isnan(t.cell(0, 1).cost_usd));
  EXPECT_TRUE(std::isnan(t.cell(0, 1).tokens_in));
  EXPECT_FALSE(t.cell(0, 2).present);  // q1 does not name the third
  EXPECT_TRUE(std::isnan(t.cell(0, 2).quality));
  EXPECT_TRUE(t.cell(1, 2).present);  // q2 names it without an observation
  EXPECT_TRUE(std::isnan(t.cell(1, 2).quality));
  EXPECT_TRUE(t.cell(1, 1).missing);
  EXPECT_FLOAT_EQ(t.cell(1, 1).quality, 0);
  const OutcomeTable nulls =
      table(row_with(R"({"m":{"score":null,"cost":null,"tokens_out":null}})"));
  EXPECT_TRUE(std::isnan(nulls.cell(0, 0).quality));
  EXPECT_TRUE(std::isnan(nulls.cell(0, 0).cost_usd));
  const OutcomeTable one = table(row_with(R"({"m":{"score":1},"n":null})"));
  EXPECT_EQ(one.models().size(), 1U);  // as if the row did not name n
}

TEST(OutcomeTable, TakesThePromptFromTurnsOrMessages) {
  const OutcomeTable t = table(R"({"id":"a","turns":["first","second"],"models":{}}
{"id":"b","messages":[{"role":"system","content":"s"},{"role":"user","content":"ask"},{"role":"user","content":"again"}],"models":{}}
{"id":"c","messages":[{"role":"user","content":[{"type":"text","text":"one"},{"type":"image_url"},{"type":"text","text":"two"}]}],"models":{}}
)");
  EXPECT_EQ(t.row(0).prompt, "first");
  EXPECT_EQ(t.row(1).prompt, "ask");
  EXPECT_EQ(t.row(2).prompt, "one\ntwo");
}

TEST(OutcomeTable, MergesRowsOfOneIdAndTheLaterCellStays) {
  const OutcomeTable t =
      table(R"({"id":"a","prompt":"p","models":{"m":{"correct":0},"n":{"correct":1}}}
{"id":"b","prompt":"q","models":{"m":{"correct":1}}}
{"id":"a","prompt":"other","models":{"m":{"correct":1},"o":{"score":0.5}}}
)");
  ASSERT_EQ(t.rows(), 2U);
  EXPECT_EQ(t.row(0).prompt, "p");
  EXPECT_FLOAT_EQ(t.cell(0, 0).quality, 1);
  EXPECT_FLOAT_EQ(t.cell(0, 1).quality, 1);
  EXPECT_FLOAT_EQ(t.cell(0, 2).quality, 0.5F);
  EXPECT_EQ(t.report().merged, 1U);
  EXPECT_EQ(t.report().lines, 3U);
}

TEST(OutcomeTable, NamesFileLineAndReasonOfABadLine) {
  const std::string good(kTwoRows);
  EXPECT_EQ(why(good + "\n{\"id\":\"x\"\n").substr(0, 10), "t.jsonl:4:");
  EXPECT_NE(why("{\"prompt\":\"p\",\"models\":{}}").find("\"id\""), std::string::npos);
  EXPECT_NE(why("{\"id\":7,\"prompt\":\"p\",\"models\":{}}").find("\"id\""), std::string::npos);
  EXPECT_NE(why("{\"id\":\"a\",\"prompt\":\"p\"}").find("\"models\""), std::string::npos);
  EXPECT_NE(why("{\"id\":\"a\",\"models\":{}}").find("\"prompt\""), std::string::npos);
  EXPECT_NE(why("[]").find("\"id\""), std::string::npos);
  EXPECT_NE(why(row_with(R"({"m":3})")).find("models.m"), std::string::npos);
  EXPECT_NE(why(row_with(R"({"m":{"correct":2}})")).find("models.m.correct"), std::string::npos);
  EXPECT_NE(why(row_with(R"({"m":{"score":-0.1}})")).find("models.m.score"), std::string::npos);
  EXPECT_NE(why(row_with(R"({"m":{"cost":"free"}})")).find("models.m.cost"), std::string::npos);
  EXPECT_NE(why(row_with(R"({"m":{"latency":-1}})")).find("models.m.latency"), std::string::npos);
}

TEST(OutcomeTable, SkipsAndCountsBadLinesWhenAskedTo) {
  const std::string text =
      "rubbish\n" + std::string(kTwoRows) + row_with(R"({"new":{"correct":9}})") + "\n";
  const auto t = parse_outcomes("t.jsonl", text, {.skip_bad_lines = true});
  ASSERT_TRUE(t);
  EXPECT_EQ(t->rows(), 2U);
  EXPECT_EQ(t->models().size(), 3U);  // nothing of a bad line stays
  EXPECT_EQ(t->report().skipped, 2U);
  EXPECT_EQ(t->report().first_skipped.substr(0, 10), "t.jsonl:1:");
}

TEST(OutcomeTable, SubsetKeepsTheAskedModelsInTheirOrderAndDropsEmptyRows) {
  const OutcomeTable t = table(kTwoRows);
  const auto two = t.subset({.models = {"third", "small"}, .datasets = {}, .domains = {}});
  ASSERT_TRUE(two);
  EXPECT_EQ(two->models(), (std::vector<std::string>{"third", "small"}));
  ASSERT_EQ(two->rows(), 2U);
  EXPECT_FLOAT_EQ(two->cell(0, 1).quality, 1);
  EXPECT_EQ(two->row(1).id, "q2");
  EXPECT_EQ(t.subset({.models = {"small"}, .datasets = {}, .domains = {}})->rows(), 1U);
  const auto code = t.subset({.models = {}, .datasets = {"d"}, .domains = {"code"}});
  ASSERT_EQ(code->rows(), 1U);
  EXPECT_EQ(code->row(0).prompt, "f?");
  const auto unknown = t.subset({.models = {"smal"}, .datasets = {}, .domains = {}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_NE(unknown.error().message.find("small"), std::string::npos);
  const auto far = t.subset({.models = {}, .datasets = {"nothing"}, .domains = {}});
  EXPECT_EQ(far.error().message, R"(the table has no dataset "nothing"; it has d)");
  EXPECT_FALSE(t.subset({.models = {}, .datasets = {"e"}, .domains = {}}));
  EXPECT_FALSE(t.subset({.models = {}, .datasets = {}, .domains = {"e"}}));
}

TEST(OutcomeTable, ViewsSurviveAMove) {
  OutcomeTable t = table(R"({"id":"a","prompt":"p","models":{}})");
  const std::string_view id = t.row(0).id;
  const OutcomeTable moved = std::move(t);
  EXPECT_EQ(id.data(), moved.row(0).id.data());
}

TEST(OutcomeTable, LoadsTheTablesOfADirectoryByName) {
  const TempDir temp;
  write_text(temp / "b.jsonl", R"({"id":"2","prompt":"p","models":{"late":{"correct":1}}})");
  gzFile f = gzopen((temp / "a.jsonl.gz").c_str(), "wb");
  const std::string packed = R"({"id":"1","prompt":"p","models":{"early":{"correct":1}}})";
  ASSERT_GT(gzwrite(f, packed.data(), static_cast<unsigned>(packed.size())), 0);
  gzclose(f);
  for (const char* other : {"a.responses.jsonl", "a.services.jsonl", "a.catalogue.jsonl",
                            "a.trajectories.jsonl", "README.md"}) {
    write_text(temp / other, "not a table\n");
  }
  std::filesystem::create_directory(temp / "sub.jsonl");
  const auto t = load_outcomes(temp.path());
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ(t->models(), (std::vector<std::string>{"early", "late"}));
  EXPECT_EQ(t->report().files, 2U);
  const std::array<std::string, 2> both = {temp / "b.jsonl", temp / "a.jsonl.gz"};
  EXPECT_EQ(load_outcomes(both)->models(), (std::vector<std::string>{"late", "early"}));
  EXPECT_EQ(load_outcomes(temp / "c.jsonl").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(load_outcomes(temp / "sub.jsonl").error().code, ErrorCode::kNotFound);
}

TEST(OutcomeSplit, IsDecidedByTheIdAloneInTheWantedShare) {
  int train = 0;
  int moved = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string id = fmt::format("row-{}", i);
    train += is_train(id, 0.3, 1) ? 1 : 0;
    moved += is_train(id, 0.3, 1) != is_train(id, 0.3, 2) ? 1 : 0;
    EXPECT_TRUE(!is_train(id, 0.3, 1) || is_train(id, 0.5, 1));  // a larger share only adds
    EXPECT_FALSE(is_train(id, 0, 1));
    EXPECT_TRUE(is_train(id, 1, 1));
  }
  EXPECT_NEAR(train, 6000, 200);  // three standard deviations of a binomial
  EXPECT_NEAR(moved, 8400, 300);  // 2 x 0.3 x 0.7: another seed is another split
}

TEST(OutcomeSplit, HonoursThePartWhenWanted) {
  const Split by_part{.train_share = 0, .seed = 0, .honour_part = true};
  OutcomeRow row;
  row.part = "train";
  EXPECT_TRUE(is_train(row, by_part));
  EXPECT_FALSE(is_train(row, {.train_share = 0}));
  row.part = "dev";
  EXPECT_FALSE(is_train(row, {.train_share = 1, .seed = 0, .honour_part = true}));
  row.part = "";
  EXPECT_TRUE(is_train(row, {.train_share = 1, .seed = 0, .honour_part = true}));
}

// Counts and means made by a separate script from the same files.
TEST(OutcomeTable, LoadsTheRealTables) {
  const auto data = shared_data();
  if (!data) GTEST_SKIP() << "no real data: set SWY_DATA or put it in ../shared/data";
  struct Known {
    const char* path;
    std::size_t rows;
    std::size_t models;
    std::size_t cells;
    double quality_sum;
    double cost_sum;
  };
  const std::vector<Known> known = {
      {"routellm", 9840, 2, 19680, 15114.775000, 12.7944332},
      {"zeroeval", 3056, 54, 138143, 96181.000000, 248.467036},
      {"bfcl", 1196, 67, 80132, 60105.000000, 173.029519},
      {"mmlu_pro", 7517, 30, 225510, 95900.000000, 60.9111974},
      {"alpaca_eval", 1308, 90, 69324, 29942.577460, 88.9178115},
      {"lineage", 655, 22, 14410, 7281.000000, 36.7759992},
      {"llmrouter", 4491, 14, 35928, 15782.813017, 4.00118159},
      {"swebench_agents", 457, 99, 29335, 10956.000000, 83.569018},
      {"tau2_agents", 130, 6, 270, 217.000000, 6.48336},
  };
  for (const Known& k : known) {
    const auto t = load_outcomes(*data + "/" + k.path);
    ASSERT_TRUE(t) << t.error().message;
    EXPECT_EQ(t->rows(), k.rows) << k.path;
    EXPECT_EQ(t->models().size(), k.models) << k.path;
    std::size_t cells = 0;
    double quality = 0;
    double cost = 0;
    for (std::size_t r = 0; r < t->rows(); ++r) {
      EXPECT_FALSE(t->row(r).prompt.empty());
      for (const Cell& c : t->cells(r)) {
        cells += c.present ? 1 : 0;
        if (!std::isnan(c.quality)) quality += c.quality;
        if (!std::isnan(c.cost_usd)) cost += c.cost_usd;
      }
    }
    EXPECT_EQ(cells, k.cells) << k.path;
    EXPECT_NEAR(quality, k.quality_sum, 1e-6 * k.quality_sum) << k.path;
    EXPECT_NEAR(cost, k.cost_sum, 1e-5 * k.cost_sum + 1e-9) << k.path;
  }
}

}  // namespace
}  // namespace swy::record
