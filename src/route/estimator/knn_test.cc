#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// Four rows: two about cats, where the small model is right, two about tensors, where only the
// large one is.
constexpr const char* kTable =
    R"({"id":"c1","dataset":"d","domain":"x","part":"train","prompt":"the cat sat on the mat","models":{"small":{"correct":1,"tokens_out":10,"cost":0.001},"big/model":{"correct":1,"tokens_out":30,"cost":0.01,"latency":2}}}
{"id":"c2","dataset":"d","domain":"x","part":"dev","prompt":"the cat ate a fish on the mat","models":{"small":{"correct":1,"tokens_out":20,"cost":0.003},"big/model":{"correct":1,"tokens_out":30,"cost":0.01,"latency":2}}}
{"id":"t1","dataset":"d","domain":"y","part":"train","prompt":"contract the metric tensor with a vector","models":{"small":{"correct":0,"tokens_out":100,"cost":0.005},"big/model":{"correct":1,"tokens_out":90,"cost":0.03,"latency":6}}}
{"id":"t2","dataset":"d","domain":"y","part":"dev","prompt":"raise an index with the metric tensor","models":{"small":{"correct":0,"tokens_out":100,"cost":0.005},"big/model":{"correct":0,"tokens_out":110,"cost":0.03,"latency":6}}}
)";

class Knn : public ::testing::Test {
 protected:
  Knn() : folder_(std::filesystem::path(::testing::TempDir()) / "swy_knn_test") {
    std::filesystem::create_directories(folder_ / "empty");
    std::ofstream(folder_ / "t.jsonl") << kTable;
  }
  ~Knn() override { std::filesystem::remove_all(folder_); }

  static std::string config(const std::string& options) {
    return "models:\n"
           "  - { name: small, price: { input: 1, output: 2 } }\n"
           "  - { name: large, upstream_model: big/model }\n"
           "  - { name: new, price: { input: 3, output: 3 } }\n"
           "routes: { auto: [{ models: [small, large, new], estimator: { type: knn, " +
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

TEST_F(Knn, BelievesWhatHappenedOnTheNearestRows) {
  auto k = lab("table: t.jsonl, neighbours: 2, weights: uniform, shrink: 0");
  Prompt cat("a cat on a mat");
  const auto b = k.believe(cat.work, {.tokens = 100});
  EXPECT_DOUBLE_EQ(b[0].quality, 1);
  EXPECT_DOUBLE_EQ(b[0].evidence, 2);
  EXPECT_DOUBLE_EQ(b[0].cost_micro, 100 * 1 + 15 * 2);  // priced: mean length at the card's price
  EXPECT_NEAR(b[1].cost_micro, 10'000, 1e-2);           // not priced: mean cost of the table
  EXPECT_NEAR(b[1].latency_ms, 2'000, 1e-3);
  Prompt tensor("the metric tensor of a surface");
  const auto t = k.believe(tensor.work, {.tokens = 100});
  EXPECT_DOUBLE_EQ(t[0].quality, 0);
  EXPECT_DOUBLE_EQ(t[1].quality, 0.5);
  EXPECT_DOUBLE_EQ(t[1].quality_var, 0.25 / 3);
}

TEST_F(Knn, ShrinksToTheMeanOfTheTableWhenNothingIsNear) {
  auto k = lab("table: t.jsonl, shrink: 2");
  Prompt strange("zxcv qwer");
  const auto b = k.believe(strange.work);
  EXPECT_DOUBLE_EQ(b[0].quality, 0.5);
  EXPECT_DOUBLE_EQ(b[1].quality, 0.75);
  EXPECT_DOUBLE_EQ(b[0].evidence, 0);
}

TEST_F(Knn, LeavesAModelWithoutOutcomesUnknownAndNotesIt) {
  auto k = lab("table: t.jsonl");
  Prompt p("a cat on a mat");
  EXPECT_TRUE(std::isnan(k.believe(p.work)[2].quality));
  EXPECT_NE(found("table: t.jsonl").find("note: knn: no outcomes of model 'new'"),
            std::string::npos);
  EXPECT_EQ(found("table: t.jsonl").find("model 'large': it"),
            std::string::npos);  // matched by upstream_model
}

TEST_F(Knn, MatchesNamesThatDiffer) {
  auto k = lab("table: t.jsonl, names: [new=small], neighbours: 2, shrink: 0");
  Prompt p("a cat on a mat");
  EXPECT_DOUBLE_EQ(k.believe(p.work)[2].quality, 1);
  EXPECT_NE(found("table: t.jsonl, names: [nw=small]").find("no model 'nw', did you mean new"),
            std::string::npos);
  EXPECT_NE(found("table: t.jsonl, names: [new=smal]").find("no model 'smal', did you mean small"),
            std::string::npos);
}

TEST_F(Knn, NeverLearnsFromTheExcludedRow) {
  auto k = lab("table: t.jsonl, neighbours: 1, shrink: 0");
  Prompt p("raise an index with the metric tensor");
  EXPECT_DOUBLE_EQ(k.believe(p.work)[1].quality, 0);  // its own outcome
  p.work.exclude_row = "t2";
  EXPECT_DOUBLE_EQ(k.believe(p.work)[1].quality, 1);  // t1's
  p.work.exclude_row = "no such row";
  EXPECT_DOUBLE_EQ(k.believe(p.work)[1].quality, 0);
  auto mean = lab("table: t.jsonl, min_similarity: 1, shrink: 1");
  p.work.exclude_row = "t2";
  EXPECT_DOUBLE_EQ(mean.believe(p.work)[1].quality, 1);  // the mean of the other three
}

TEST_F(Knn, LearnsFromOnePartOnly) {
  auto k = lab("table: t.jsonl, part: train, neighbours: 9, shrink: 0");
  Prompt p("raise an index with the metric tensor");
  EXPECT_DOUBLE_EQ(k.believe(p.work)[1].quality, 1);
  EXPECT_NE(found("table: t.jsonl, part: test").find("should be all, train or dev"),
            std::string::npos);
}

TEST_F(Knn, StaysUnknownUntilOutcomesExist) {
  for (const char* table : {"table: nowhere/", "table: empty", "table: [nowhere, empty]"}) {
    auto k = lab(table);
    ASSERT_TRUE(k.made());
    Prompt p("a cat on a mat");
    EXPECT_TRUE(std::isnan(k.believe(p.work)[0].quality));
    EXPECT_NE(found(table).find("note: "), std::string::npos);
    EXPECT_EQ(found(table).find("error: "), std::string::npos);
  }
}

TEST_F(Knn, RefusesAMissingFileABrokenOneAndWrongOptions) {
  EXPECT_NE(found("table: nowhere.jsonl").find("nowhere.jsonl does not exist"), std::string::npos);
  std::ofstream(folder_ / "bad.jsonl") << "{\"id\":\n";
  EXPECT_NE(found("table: bad.jsonl").find("bad.jsonl:1"), std::string::npos);
  EXPECT_NE(found("neighbours: 3").find("say which outcome table"), std::string::npos);
  EXPECT_NE(found("table: t.jsonl, weights: x").find("should be uniform or cosine"),
            std::string::npos);
}

TEST_F(Knn, NamesWhatItLearnedByContent) {
  const auto version = [&](const std::string& options) {
    return lab(options).rule().estimator->version();
  };
  EXPECT_EQ(version("table: t.jsonl"), version("table: t.jsonl"));
  EXPECT_NE(version("table: t.jsonl"), version("table: t.jsonl, part: train"));
}

}  // namespace
}  // namespace swy::route::testing
