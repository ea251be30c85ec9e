// The fixture of estimators that rank models by comparisons: two prompts, each answered better by
// another model. Header-only; a folder per fixture, gone with it.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {

// The small model was better on "alpha beta", the large one on "gamma delta".
inline constexpr const char* kTwoBattles =
    R"({"id":"a","prompt":"alpha beta","models":{"small":{"correct":1,"tokens_out":10},"large":{"correct":0,"cost":0.01,"latency":2}}}
{"id":"g","prompt":"gamma delta","models":{"small":{"correct":0,"tokens_out":30},"large":{"correct":1,"cost":0.03,"latency":4}}}
)";

class TableLab : public ::testing::Test {
 protected:
  explicit TableLab(std::string type)
      : type_(std::move(type)),
        folder_(std::filesystem::path(::testing::TempDir()) / ("swy_" + type_ + "_test")) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "t.jsonl") << kTwoBattles;
  }
  ~TableLab() override { std::filesystem::remove_all(folder_); }

  // Candidates: small (priced), large, and new, which the table does not know.
  EstimatorLab lab(const std::string& options) {
    return EstimatorLab(
        "models:\n"
        "  - { name: small, price: { input: 1, output: 2 } }\n"
        "  - { name: large }\n"
        "  - { name: new }\n"
        "routes: { auto: [{ models: [small, large, new], estimator: { type: " +
            type_ + ", " + options + " } }] }\n",
        folder_.string());
  }

  void expect_means_of_past_calls() {
    auto k = lab("table: t.jsonl");
    Prompt p("alpha beta");
    const auto b = k.believe(p.work, {.tokens = 100});
    EXPECT_NEAR(b[0].cost_micro, 100 * 1 + 20 * 2, 1e-6);
    EXPECT_NEAR(b[1].cost_micro, 20'000, 1e-2);
    EXPECT_NEAR(b[1].latency_ms, 3'000, 1e-3);
    EXPECT_TRUE(std::isnan(b[2].quality));
  }
  void expect_unknown_without_outcomes() {
    auto k = lab("table: nowhere/");
    ASSERT_TRUE(k.made());
    Prompt p("alpha beta");
    EXPECT_TRUE(std::isnan(k.believe(p.work)[0].quality));
  }

  std::string type_;
  std::filesystem::path folder_;
};

}  // namespace swy::route::testing
