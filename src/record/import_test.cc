#include "record/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "record/testing/temp_dir.h"

namespace swy::record {
namespace {

using ::testing::HasSubstr;

Result<OutcomeTable> imported(const std::string& path, ImportFormat format = ImportFormat::kAuto) {
  return import_outcomes(std::span(&path, 1), format);
}

// The columns that RouterBench's convertor writes.
constexpr std::string_view kRouterBench =
    "sample_id,prompt,eval_name,gpt-4,small,gpt-4|model_response,gpt-4|total_cost,small|model_"
    "response,small|total_cost,oracle_model_to_route_to\r\n"
    "mmlu.1,\"['What, now?\n\"\"A\"\" or B']\",mmlu,1.0,0.0,A,0.001,B,0.00002,gpt-4\r\n"
    "gsm.7,\"['1+1']\",gsm8k,,0.5,x,0.002,y,0.00001,no_model_correct\r\n";

TEST(Import, ReadsRouterBenchsWideTable) {
  const TempDir dir;
  write_text(dir / "rb.csv", kRouterBench);
  const auto t = imported(dir / "rb.csv");
  ASSERT_TRUE(t) << t.error().message;
  ASSERT_EQ(t->rows(), 2U);
  EXPECT_EQ(t->models(), (std::vector<std::string>{"gpt-4", "small"}));
  EXPECT_EQ(t->row(0).id, "mmlu.1");
  EXPECT_EQ(t->row(0).dataset, "mmlu");
  EXPECT_EQ(t->row(0).prompt, "What, now?\n\"A\" or B");
  EXPECT_EQ(t->cell(0, 0).quality, 1);
  EXPECT_NEAR(static_cast<double>(t->cell(0, 0).cost_usd), .001, 1e-9);
  EXPECT_TRUE(std::isnan(t->cell(1, 0).quality)) << "a missing cell is unknown, not 0";
  EXPECT_NEAR(static_cast<double>(t->cell(1, 0).cost_usd), .002, 1e-9);
  EXPECT_NEAR(static_cast<double>(t->cell(1, 1).quality), .5, 1e-6);
}

TEST(Import, ReadsRouterBenchAsJsonLines) {
  const TempDir dir;
  write_text(dir / "rb.jsonl",
             R"({"sample_id":"a","prompt":"p","eval_name":"e","m|x":0.5,"m|x|total_cost":0.1})"
             "\n");
  const auto t = imported(dir / "rb.jsonl");
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ(t->models(), (std::vector<std::string>{"m|x"}));
  EXPECT_NEAR(static_cast<double>(t->cell(0, 0).quality), .5, 1e-6);
}

TEST(Import, ReadsRouterArenasCachedResultsOfSeveralModelsAsOneTable) {
  const TempDir dir;
  write_text(
      dir / "a.jsonl",
      R"({"global_index":"AIME_112","question":"How many?","llm_selected":"haiku","generated_answer":"9","token_usage":{"input_tokens":349,"output_tokens":120,"total_tokens":469},"success":true,"error":null,"evaluation_result":{"extracted_answer":"9","score":0.0,"metric":"math_metric","inference_cost":0.00023725}}
{"global_index":"ArcMMLU_659","question":"Which?","llm_selected":"haiku","token_usage":{"input_tokens":1,"output_tokens":2},"success":false,"evaluation_result":{"score":1.0,"inference_cost":0.1}}
)");
  write_text(
      dir / "b.jsonl",
      R"({"global_index":"AIME_112","question":"How many?","llm_selected":"flash","token_usage":{"input_tokens":300,"output_tokens":100},"success":true,"evaluation_result":{"score":1.0,"inference_cost":0.0001}}
)");
  const std::vector<std::string> files{dir / "a.jsonl", dir / "b.jsonl"};
  const auto t = import_outcomes(files, ImportFormat::kAuto);
  ASSERT_TRUE(t) << t.error().message;
  ASSERT_EQ(t->rows(), 2U);
  EXPECT_EQ(t->row(0).dataset, "AIME");
  EXPECT_EQ(t->cell(0, 0).quality, 0);
  EXPECT_EQ(t->cell(0, 0).tokens_in, 349);
  EXPECT_EQ(t->cell(0, 1).quality, 1);
  EXPECT_NEAR(static_cast<double>(t->cell(0, 0).cost_usd), .00023725, 1e-9);
  EXPECT_TRUE(t->cell(1, 0).missing);
  EXPECT_FALSE(t->cell(1, 1).present);
}

TEST(Import, ReadsRouterArenasPredictions) {
  const TempDir dir;
  write_text(dir / "p.json",
             R"([
  {"global index": "ArcMMLU_655", "prompt": "Please", "prediction": "deepseek/v4",
   "generated_result": {"generated_answer": "A", "success": true, "token_usage": {"input_tokens": 97, "output_tokens": 43}},
   "cost": 2.562e-05, "accuracy": 0.0, "for_optimality": false},
  {"global index": "ArcMMLU_656", "prompt": "Or", "prediction": "deepseek/v4", "generated_result": null, "cost": null, "accuracy": null}
])");
  const auto t = imported(dir / "p.json");
  ASSERT_TRUE(t) << t.error().message;
  ASSERT_EQ(t->rows(), 2U);
  EXPECT_EQ(t->row(0).id, "ArcMMLU_655") << "in the order of the list";
  EXPECT_EQ(t->models(), (std::vector<std::string>{"deepseek/v4"}));
  EXPECT_EQ(t->cell(0, 0).tokens_out, 43);
  EXPECT_TRUE(std::isnan(t->cell(1, 0).quality));
}

TEST(Import, OurOwnTablesPassThrough) {
  const TempDir dir;
  write_text(dir / "t.jsonl", R"({"id":"q","prompt":"p","models":{"m":{"correct":1}}})");
  const auto t = imported(dir / "t.jsonl");
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ(t->rows(), 1U);
}

TEST(Import, WhatIsWrongIsSaidWithThePlace) {
  const TempDir dir;
  write_text(dir / "x.txt", "hello\n");
  const auto unknown = imported(dir / "x.txt");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("--format"));
  write_text(dir / "short.csv", "sample_id,prompt,m,m|total_cost\na,p,1\n");
  const auto few = imported(dir / "short.csv");
  ASSERT_FALSE(few);
  EXPECT_THAT(few.error().message, HasSubstr("3 fields under a header of 4"));
  write_text(dir / "open.csv", "sample_id,prompt,m,m|total_cost\na,\"p,1,2\n");
  EXPECT_THAT(imported(dir / "open.csv").error().message, HasSubstr("never closed"));
  write_text(dir / "range.csv", "sample_id,prompt,m,m|total_cost\na,p,7,0.1\n");
  EXPECT_THAT(imported(dir / "range.csv").error().message, HasSubstr("models.m.score"));
  write_text(dir / "word.csv", "sample_id,prompt,m,m|total_cost\na,p,good,0.1\n");
  EXPECT_THAT(imported(dir / "word.csv").error().message, HasSubstr("models.m.score"));
  EXPECT_EQ(imported(dir / "none.csv").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace swy::record
