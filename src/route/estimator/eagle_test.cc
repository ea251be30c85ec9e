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

class Eagle : public ::testing::Test {
 protected:
  Eagle() : folder_(std::filesystem::path(::testing::TempDir()) / "swy_eagle_test") {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "t.jsonl") << kTable;
  }
  ~Eagle() override { std::filesystem::remove_all(folder_); }
  EstimatorLab lab(const std::string& options) {
    return EstimatorLab(
        "models:\n"
        "  - { name: small, price: { input: 1, output: 2 } }\n"
        "  - { name: large }\n"
        "  - { name: new }\n"
        "routes: { auto: [{ models: [small, large, new], estimator: { type: eagle, " +
            options + " } }] }\n",
        folder_.string());
  }
  std::filesystem::path folder_;
};

TEST_F(Eagle, BlendsTheGlobalAndTheLocalRating) {
  auto k = lab("table: t.jsonl, neighbours: 1");
  Prompt p("alpha beta");
  // Global: 1516, then 1516 - 32 * 0.545922; local: one battle won.
  const double rating = 0.5 * (1516 - 32 * 0.545922) + 0.5 * 1516;
  EXPECT_NEAR(k.believe(p.work)[0].quality, 1 / (1 + std::pow(10.0, (1500 - rating) / 400)), 1e-6);
  EXPECT_DOUBLE_EQ(k.believe(p.work)[0].evidence, 1);
}

TEST_F(Eagle, StartsFromTheAverageWithoutNeighbours) {
  std::ofstream(folder_ / "one.jsonl")
      << R"({"id":"a","prompt":"alpha","models":{"small":{"correct":1},"large":{"correct":0}}})";
  auto k = lab("table: one.jsonl, neighbours: 0");
  Prompt p("alpha");
  // The known answer: 1516 / 2 + 1500 / 2 = 1508.
  EXPECT_NEAR(k.believe(p.work)[0].quality, 1 / (1 + std::pow(10.0, -8.0 / 400)), 1e-9);
}

TEST_F(Eagle, DoesNotTakeTheExcludedRowForANeighbour) {
  auto k = lab("table: t.jsonl, neighbours: 1, global: 0");
  Prompt p("alpha beta");
  EXPECT_GT(k.believe(p.work)[0].quality, 0.5);
  p.work.exclude_row = "a";
  EXPECT_DOUBLE_EQ(k.believe(p.work)[0].quality, 0.5);
}

TEST_F(Eagle, BelievesTheMeansOfAnswerLengthCostAndLatency) {
  auto k = lab("table: t.jsonl");
  Prompt p("alpha beta");
  const auto b = k.believe(p.work, {.tokens = 100});
  EXPECT_NEAR(b[0].cost_micro, 100 * 1 + 20 * 2, 1e-6);
  EXPECT_NEAR(b[1].cost_micro, 20'000, 1e-2);
  EXPECT_NEAR(b[1].latency_ms, 3'000, 1e-3);
  EXPECT_TRUE(std::isnan(b[2].quality));
}

TEST_F(Eagle, StaysUnknownUntilOutcomesExist) {
  auto k = lab("table: nowhere/");
  ASSERT_TRUE(k.made());
  Prompt p("alpha beta");
  EXPECT_TRUE(std::isnan(k.believe(p.work)[0].quality));
}

}  // namespace
}  // namespace swy::route::testing
