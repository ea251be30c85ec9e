#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// Cats, where the small model is right, and tensors, where only the large one is, mostly.
constexpr const char* kTable =
    R"({"id":"c1","dataset":"d","domain":"x","prompt":"the cat sat on the mat","models":{"small":{"correct":1,"tokens_out":10,"cost":0.001},"large":{"correct":1,"tokens_out":30,"cost":0.01,"latency":2}}}
{"id":"c2","dataset":"d","domain":"x","prompt":"the cat ate a fish on the mat","models":{"small":{"correct":1,"tokens_out":20,"cost":0.003},"large":{"correct":1,"tokens_out":30,"cost":0.01,"latency":2}}}
{"id":"t1","dataset":"d","domain":"y","prompt":"contract the metric tensor with a vector","models":{"small":{"correct":0,"tokens_out":100,"cost":0.005},"large":{"correct":1,"tokens_out":90,"cost":0.03,"latency":6}}}
{"id":"t2","dataset":"d","domain":"y","prompt":"raise an index with the metric tensor","models":{"small":{"correct":0,"tokens_out":100,"cost":0.005},"large":{"correct":0,"tokens_out":110,"cost":0.03,"latency":6}}}
)";

class Clusters : public ::testing::Test {
 protected:
  Clusters() : folder_(std::filesystem::path(::testing::TempDir()) / "swy_clusters_test") {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "t.jsonl") << kTable;
  }
  ~Clusters() override { std::filesystem::remove_all(folder_); }
  static std::string config(const std::string& options) {
    return "models:\n"
           "  - { name: small, price: { input: 1, output: 2 } }\n"
           "  - { name: large }\n"
           "  - { name: new }\n"
           "routes: { auto: [{ models: [small, large, new], estimator: { type: clusters, " +
           options + " } }] }\n";
  }
  EstimatorLab lab(const std::string& options) {
    return EstimatorLab(config(options), folder_.string());
  }
  std::string found(const std::string& options) {
    return findings(config(options), beliefs_registry(), folder_.string());
  }
  std::filesystem::path folder_;
};

TEST_F(Clusters, BelievesTheMeansOfTheGroupThatThePromptBelongsTo) {
  for (const char* by : {"domain", "kmeans, clusters: 2"}) {
    auto k = lab(std::string("table: t.jsonl, shrink: 0, sharpness: 1000, by: ") + by);
    Prompt cat("a cat on a mat");
    const auto b = k.believe(cat.work, {.tokens = 100});
    EXPECT_NEAR(b[0].quality, 1, 1e-6) << by;
    EXPECT_NEAR(b[0].evidence, 2, 1e-6);
    EXPECT_NEAR(b[0].cost_micro, 100 * 1 + 15 * 2, 1e-3);  // priced: mean length at its price
    EXPECT_NEAR(b[1].cost_micro, 10'000, 1);               // not priced: mean cost of the table
    EXPECT_NEAR(b[1].latency_ms, 2'000, 1e-3);
    EXPECT_TRUE(std::isnan(b[2].quality));
    Prompt tensor("the metric tensor of a surface");
    EXPECT_NEAR(k.believe(tensor.work)[0].quality, 0, 1e-6) << by;
    EXPECT_NEAR(k.believe(tensor.work)[1].quality, 0.5, 1e-6) << by;
  }
}

TEST_F(Clusters, ShrinksEveryGroupToTheMeanOfTheTable) {
  auto k = lab("table: t.jsonl, by: domain, shrink: 2, sharpness: 1000");
  Prompt cat("a cat on a mat");
  const auto b = k.believe(cat.work);
  EXPECT_NEAR(b[0].quality, (2 + 2 * 0.5) / 4, 1e-6);
  EXPECT_NEAR(b[0].quality_var, 0.75 * 0.25 / (2 + 2 + 1), 1e-6);
}

TEST_F(Clusters, NeverLearnsFromTheExcludedRow) {
  auto k = lab("table: t.jsonl, by: domain, shrink: 0, sharpness: 1000");
  Prompt p("raise an index with the metric tensor");
  EXPECT_NEAR(k.believe(p.work)[1].quality, 0.5, 1e-6);
  p.work.exclude_row = "t2";
  EXPECT_NEAR(k.believe(p.work)[1].quality, 1, 1e-6);  // t1's
  EXPECT_NEAR(k.believe(p.work)[1].evidence, 1, 1e-6);
}

TEST_F(Clusters, LeavesTheExcludedRowOutOfItsGroupsCentreToo) {
  // By dataset all rows are one group; by k-means with a group for every row, a row's own group is
  // empty without it, so its belief comes from the others.
  auto k = lab("table: t.jsonl, clusters: 4, shrink: 0, sharpness: 1000");
  Prompt p("the cat sat on the mat");
  p.work.exclude_row = "c1";
  const auto b = k.believe(p.work);
  EXPECT_NEAR(b[0].quality, 1, 1e-6);  // c2's, the nearest of the others
  EXPECT_NEAR(b[0].evidence, 1, 1e-6);
}

TEST_F(Clusters, ChoosesASharpnessByItself) {
  std::ofstream file(folder_ / "many.jsonl");
  for (int i = 0; i < 8; ++i) {
    file << R"({"id":"c)" << i << R"(","domain":"x","prompt":"the cat sat on mat )" << i
         << R"(","models":{"small":{"correct":1}}})" << '\n'
         << R"({"id":"t)" << i << R"(","domain":"y","prompt":"contract the metric tensor )" << i
         << R"(","models":{"small":{"correct":0}}})" << '\n';
  }
  file.close();
  Prompt cat("a cat on the mat");
  auto flat = lab("table: many.jsonl, by: domain, shrink: 0, sharpness: 0.01");
  EXPECT_NEAR(flat.believe(cat.work)[0].quality, 0.5, 0.01);
  auto chosen = lab("table: many.jsonl, by: domain, shrink: 0");
  EXPECT_GT(chosen.believe(cat.work)[0].quality, 0.95);
}

TEST_F(Clusters, SaysWhatIsWrongWithItsOptions) {
  EXPECT_NE(found("table: t.jsonl, by: topic").find("'topic' should be kmeans, domain or dataset"),
            std::string::npos);
  EXPECT_NE(found("by: domain").find("clusters: say which outcome table"), std::string::npos);
  EXPECT_NE(found("table: t.jsonl, clusters: 0").find("clusters"), std::string::npos);
  EXPECT_NE(found("table: t.jsonl").find("note: clusters: no outcomes of model 'new'"),
            std::string::npos);
}

TEST_F(Clusters, StaysUnknownUntilOutcomesExist) {
  auto k = lab("table: nowhere/");
  ASSERT_TRUE(k.made());
  Prompt p("a cat on a mat");
  EXPECT_TRUE(std::isnan(k.believe(p.work)[0].quality));
}

}  // namespace
}  // namespace swy::route::testing
