// Rows, training on a made-up set where the truth is known, and figures.
#include "learn/train_grounding.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <fstream>

namespace swy::learn {
namespace {

std::string write(const std::string& name, const std::string& text) {
  const std::string path = ::testing::TempDir() + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

TEST(GroundingRows, places_count_code_points_and_become_bytes) {
  const auto rows = read_grounding_rows(write(
      "rows.jsonl",
      R"({"context":"c","answer":"é 1899 x","spans":[{"start":2,"end":6,"type":"number"}]})"));
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ((*rows)[0].spans.size(), 1U);
  EXPECT_EQ((*rows)[0].spans[0].begin, 3U);
  EXPECT_EQ((*rows)[0].spans[0].end, 7U);
}

TEST(GroundingRows, what_is_wrong_is_named_with_its_line) {
  for (const char* bad : {R"({"answer":"a","spans":[]})", R"({"context":"c","answer":"a"})",
                          R"({"context":"c","answer":"a","spans":[{"start":0,"end":2}]})",
                          R"({"context":"c","answer":"a","spans":[{"start":1,"end":1}]})", "{"}) {
    const auto rows = read_grounding_rows(write("bad.jsonl", std::string("\n") + bad + "\n"));
    ASSERT_FALSE(rows) << bad;
    EXPECT_NE(rows.error().message.find("bad.jsonl:2"), std::string::npos) << rows.error().message;
  }
}

// Every second answer has another year than its context.
std::vector<GroundingRow> made_up(int n, int first) {
  std::vector<GroundingRow> rows;
  const char* const places[] = {"Oslo", "Rome", "Lima", "Cairo", "Delhi"};
  for (int i = first; i < first + n; ++i) {
    GroundingRow row;
    row.id = row.doc = fmt::format("d{}", i);
    const int year = 1800 + i % 97;
    const char* place = places[i % 5];
    row.context = fmt::format("The bridge of {} was opened in {}. It is {} meters long.", place,
                              year, 100 + i);
    const bool wrong = i % 2 == 1;
    row.answer = fmt::format("The bridge of {} was opened in {}.", place, year + (wrong ? 101 : 0));
    if (wrong) {
      const auto at = static_cast<std::uint32_t>(row.answer.size() - 5);
      row.spans.push_back({at, at + 4, "number"});
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

TEST(TrainGrounding, learns_what_is_in_the_rows_and_scores_it) {
  const auto rows = made_up(300, 0);
  GroundingTraining o;
  o.max_iterations = 60;
  o.units = 6;
  const auto model = train_grounding(rows, o);
  ASSERT_TRUE(model) << model.error().message;
  const auto again = train_grounding(rows, o);
  ASSERT_TRUE(again);
  EXPECT_EQ(embed::model_text(*model), embed::model_text(*again));
  const auto g = embed::Grounding::load({.model = write("m.json", embed::model_text(*model))});
  ASSERT_TRUE(g) << g.error().message;
  const auto figures = score_grounding(**g, made_up(100, 1000));
  ASSERT_TRUE(figures);
  EXPECT_GT(figures->word_f1, 0.95);
  EXPECT_GT(figures->answer_auroc, 0.95);
  EXPECT_EQ(figures->wrong_rows, 50U);
  EXPECT_EQ(figures->wrong_words, 50U);
  ASSERT_EQ(figures->types.size(), 1U);
  EXPECT_EQ(figures->types[0].spans, 50U);
  EXPECT_GT(figures->types[0].contradicted, 0.95);  // the context's year is named
}

TEST(TrainGrounding, too_few_rows_are_refused) {
  const auto rows = made_up(60, 0);
  EXPECT_FALSE(train_grounding(rows, {}));
}

}  // namespace
}  // namespace swy::learn
