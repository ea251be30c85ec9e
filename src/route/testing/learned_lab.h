// The fixture of estimators that fit a function of the prompt's features: sums, which the large
// model solves, and poems, which the small one writes. Header-only; a folder per fixture, gone with
// it.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "base/rng.h"
#include "route/estimator/weight_file.h"
#include "route/plan.h"
#include "route/testing/table_lab.h"

namespace swy::route::testing {

class LearnedLab : public TableLab {
 protected:
  explicit LearnedLab(const std::string& type) : TableLab(type) {
    std::ofstream out(folder_ / "two.jsonl");
    base::Rng rng(5, 0, 0);
    for (int i = 0; i < 240; ++i) {
      const bool sum = i % 2 == 0;
      const bool small = sum == (rng.below(10) == 0);
      out << R"({"id":"r)" << i << R"(","dataset":"d","domain":"x","prompt":")" << prompt(sum, rng)
          << R"(","models":{"small":{"correct":)" << small << R"(,"tokens_out":20})";
      if (i % 7 != 0) out << R"(,"large":{"correct":)" << !small << R"(,"cost":0.02,"latency":3})";
      out << "}}\n";
    }
  }
  static std::string prompt(bool sum, base::Rng& rng) {
    constexpr std::array kSums = {"What is the sum of the integers",
                                  "Solve the equation for x when",
                                  "Compute the product of the primes", "How many divisors has"};
    constexpr std::array kPoems = {"Write a poem about the autumn rain", "Tell a story of a lonely",
                                   "Describe in verse the garden of", "Compose a lullaby for"};
    constexpr std::array kWords = {"seven", "harbour", "nineteen", "willow", "forty", "lantern"};
    std::string text = sum ? kSums[rng.below(4)] : kPoems[rng.below(4)];
    for (int w = 0; w < 3; ++w) text += std::string(" ") + kWords[rng.below(6)];
    return text;
  }
  [[nodiscard]] std::string config(const std::string& options) const {
    return "models:\n"
           "  - { name: small, price: { input: 1, output: 2 } }\n"
           "  - { name: large }\n"
           "  - { name: new }\n"
           "routes: { auto: [{ models: [small, large, new], estimator: { type: " +
           type_ + ", " + options + " } }] }\n";
  }
  std::string found(const std::string& options) {
    return findings(config(options), beliefs_registry(), folder_.string());
  }
  void expect_knows_who_solves_what(EstimatorLab& k) {
    base::Rng rng(6, 0, 0);
    for (int i = 0; i < 20; ++i) {
      const bool sum = i % 2 == 0;
      Prompt p(prompt(sum, rng));
      const auto b = k.believe(p.work);
      EXPECT_GT(b[sum ? 1 : 0].quality, 0.6) << i;
      EXPECT_LT(b[sum ? 0 : 1].quality, 0.4) << i;
      EXPECT_TRUE(std::isnan(b[2].quality));
    }
  }
  void expect_learns() {
    auto k = lab("table: two.jsonl");
    ASSERT_TRUE(k.made());
    expect_knows_who_solves_what(k);
    Prompt p("Compose a lullaby for seven");
    const auto b = k.believe(p.work, {.tokens = 100});
    EXPECT_NEAR(b[0].cost_micro, 100 * 1 + 20 * 2, 1e-3);
    EXPECT_NEAR(b[1].cost_micro, 20'000, 1);
    EXPECT_NEAR(b[1].latency_ms, 3'000, 1e-2);
    EXPECT_GT(b[0].evidence, 0);
  }
  // A table on which no model ever differs says so of any prompt.
  void expect_equal_outcomes_stay_equal(double tolerance = 1e-6) {
    std::ofstream out(folder_ / "equal.jsonl");
    for (int i = 0; i < 40; ++i) {
      out << R"({"id":"e)" << i << R"(","prompt":"question number )" << i * i
          << R"(","models":{"small":{"correct":1},"large":{"correct":1}}})" << '\n';
    }
    out.close();
    auto k = lab("table: equal.jsonl");
    ASSERT_TRUE(k.made());
    for (const char* text : {"question number 9", "something else entirely", ""}) {
      Prompt p(text);
      const auto b = k.believe(p.work);
      EXPECT_NEAR(b[0].quality, b[1].quality, tolerance) << text;
      EXPECT_TRUE(b[0].quality >= 0 && b[0].quality <= 1) << b[0].quality;
    }
  }
  // Nothing to compare and nothing to hold out is no reason to stop.
  void expect_one_row_of_one_model_is_enough() {
    std::ofstream(folder_ / "one.jsonl")
        << R"({"id":"o","prompt":"alone","models":{"small":{"correct":1}}})" << '\n';
    auto k = lab("table: one.jsonl");
    ASSERT_TRUE(k.made());
    Prompt p("alone");
    const auto b = k.believe(p.work);
    EXPECT_TRUE(b[0].quality >= 0 && b[0].quality <= 1) << b[0].quality;
    EXPECT_TRUE(std::isnan(b[1].quality));
  }
  // Which of two models is better, not how good it is.
  void expect_ranks(const std::string& options) {
    auto k = lab(options);
    ASSERT_TRUE(k.made());
    base::Rng rng(6, 0, 0);
    for (int i = 0; i < 20; ++i) {
      const bool sum = i % 2 == 0;
      Prompt p(prompt(sum, rng));
      const auto b = k.believe(p.work);
      EXPECT_GT(b[sum ? 1 : 0].quality, b[sum ? 0 : 1].quality) << i;
      EXPECT_TRUE(std::isnan(b[2].quality));
    }
  }
  // No rows of the configured models is no reason to stop.
  void expect_unknown_from_a_table_of_other_models() {
    std::ofstream(folder_ / "others.jsonl")
        << R"({"id":"o","prompt":"alone","models":{"somebody":{"correct":1}}})" << '\n';
    auto k = lab("table: others.jsonl");
    ASSERT_TRUE(k.made());
    Prompt p("alone");
    EXPECT_TRUE(std::isnan(k.believe(p.work)[0].quality));
  }
  // Fits and saves to w.swy.
  void save_weights(const std::string& options) {
    const Registry registry = beliefs_registry();
    const auto plan = plan_from(config(options), registry, folder_.string());
    ASSERT_NE(plan, nullptr);
    const auto saved = plan->rule_sets[0].rules[0].estimator->export_weights(folder_ / "w.swy");
    ASSERT_TRUE(saved) << saved.error().message;
  }
  // The estimator with numbers of the test's own, of the models small and large.
  template <typename Edit>
  EstimatorLab with_weights(Edit&& edit) {
    save_weights("table: two.jsonl");
    auto file = WeightFile::load(folder_ / "w.swy");
    EXPECT_TRUE(file);
    edit(file->tensors);
    EXPECT_TRUE(file->save(folder_ / "w.swy"));
    return lab("weights: w.swy");
  }
  // Fits, saves, loads, and says the same to the bit.
  void expect_the_same_from_its_file() {
    save_weights("table: two.jsonl");
    auto fitted = lab("table: two.jsonl");
    auto loaded = lab("weights: w.swy");
    ASSERT_TRUE(loaded.made());
    base::Rng rng(8, 0, 0);
    for (int i = 0; i < 10; ++i) {
      Prompt p(prompt(i % 2 == 0, rng));
      const auto a = fitted.believe(p.work);
      const auto b = loaded.believe(p.work);
      for (std::size_t m = 0; m < 2; ++m) {
        EXPECT_EQ(a[m].quality, b[m].quality);
        EXPECT_EQ(a[m].evidence, b[m].evidence);
        EXPECT_EQ(a[m].cost_micro, b[m].cost_micro);
      }
    }
  }
};

}  // namespace swy::route::testing
