#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// The small model was better on one prompt, the large one on the other.
constexpr const char* kTable =
    R"({"id":"a","prompt":"alpha beta","models":{"small":{"correct":1,"tokens_out":10},"large":{"correct":0,"cost":0.01,"latency":2}}}
{"id":"g","prompt":"gamma delta","models":{"small":{"correct":0,"tokens_out":30},"large":{"correct":1,"cost":0.03,"latency":4}}}
)";

class SwRanking : public ::testing::Test {
 protected:
  SwRanking() : folder_(std::filesystem::path(::testing::TempDir()) / "swy_sw_ranking_test") {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "t.jsonl") << kTable;
  }
  ~SwRanking() override { std::filesystem::remove_all(folder_); }
  EstimatorLab lab(const std::string& options) {
    return EstimatorLab(
        "models:\n"
        "  - { name: small, price: { input: 1, output: 2 } }\n"
        "  - { name: large }\n"
        "  - { name: new }\n"
        "routes: { auto: [{ models: [small, large, new], estimator: { type: sw_ranking, " +
            options + " } }] }\n",
        folder_.string());
  }
  std::filesystem::path folder_;
};

TEST_F(SwRanking, WeighsComparisonsBySimilarity) {
  auto k = lab("table: t.jsonl, prior: 0");
  Prompt p("alpha beta");  // weights 100 and 10
  const auto b = k.believe(p.work);
  EXPECT_NEAR(b[0].quality, 100.0 / 110, 1e-6);
  EXPECT_NEAR(b[1].quality, 10.0 / 110, 1e-6);
  EXPECT_DOUBLE_EQ(b[0].evidence, 2);
  Prompt strange("zxcv qwer");  // nothing in common with either: 10 and 10
  EXPECT_NEAR(k.believe(strange.work)[0].quality, 0.5, 1e-9);
}

TEST_F(SwRanking, NeverLearnsFromTheExcludedRow) {
  auto k = lab("table: t.jsonl, prior: 2");
  Prompt p("alpha beta");
  p.work.exclude_row = "a";
  const auto b = k.believe(p.work);  // one comparison, weight 10, lost; and a tie of weight 2
  EXPECT_NEAR(b[0].quality, 1.0 / 12, 1e-6);
}

TEST_F(SwRanking, BelievesTheMeansOfAnswerLengthCostAndLatency) {
  auto k = lab("table: t.jsonl");
  Prompt p("alpha beta");
  const auto b = k.believe(p.work, {.tokens = 100});
  EXPECT_NEAR(b[0].cost_micro, 100 * 1 + 20 * 2, 1e-6);
  EXPECT_NEAR(b[1].cost_micro, 20'000, 1e-2);
  EXPECT_NEAR(b[1].latency_ms, 3'000, 1e-3);
  EXPECT_TRUE(std::isnan(b[2].quality));
}

TEST_F(SwRanking, StaysUnknownUntilOutcomesExist) {
  auto k = lab("table: nowhere/");
  ASSERT_TRUE(k.made());
  Prompt p("alpha beta");
  EXPECT_TRUE(std::isnan(k.believe(p.work)[0].quality));
}

}  // namespace
}  // namespace swy::route::testing
