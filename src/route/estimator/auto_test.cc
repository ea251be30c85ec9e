#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>

#include "base/rng.h"
#include "route/testing/table_lab.h"

namespace swy::route::testing {
namespace {

constexpr std::array kSums = {"What is the sum of the integers", "Solve the equation for x when",
                              "Compute the product of the primes",
                              "How many divisors are there of"};
constexpr std::array kPoems = {"Write a poem about the autumn rain and", "Tell a story of a lonely",
                               "Describe in verse the garden of", "Compose a lullaby for"};
constexpr std::array kWords = {"seven",   "harbour", "nineteen", "willow", "forty",
                               "lantern", "eighty",  "meadow",   "three",  "sparrow"};

// Sums, which the large model answers and the small one does not, and poems, where it is the other
// way round; one in ten the wrong way.
class Auto : public TableLab {
 protected:
  Auto() : TableLab("auto") {
    std::ofstream out(folder_ / "two.jsonl");
    base::Rng rng(5, 0, 0);
    for (int i = 0; i < 200; ++i) {
      const bool sum = i % 2 == 0;
      const bool small = sum == (rng.below(10) == 0);
      out << R"({"id":"r)" << i << R"(","dataset":"d","domain":")" << (sum ? "sums" : "poems")
          << R"(","prompt":")" << prompt(sum, rng) << R"(","models":{"small":{"correct":)" << small
          << R"(,"tokens_out":20},"large":{"correct":)" << !small
          << R"(,"cost":0.02,"latency":3}}})" << "\n";
    }
  }
  static std::string prompt(bool sum, base::Rng& rng) {
    std::string text = sum ? kSums[rng.below(kSums.size())] : kPoems[rng.below(kPoems.size())];
    for (int w = 0; w < 4; ++w) text += std::string(" ") + kWords[rng.below(kWords.size())];
    return text;
  }
};

TEST_F(Auto, KnowsWhichModelAnswersWhichKindOfPrompt) {
  auto k = lab("table: two.jsonl");
  base::Rng rng(6, 0, 0);
  for (int i = 0; i < 20; ++i) {
    const bool sum = i % 2 == 0;
    Prompt p(prompt(sum, rng));
    const auto b = k.believe(p.work);
    EXPECT_GT(b[sum ? 1 : 0].quality, 0.6) << i;
    EXPECT_LT(b[sum ? 0 : 1].quality, 0.4) << i;
  }
}

TEST_F(Auto, SaysLittleOfAPromptUnlikeTheTableAndSaysSo) {
  auto k = lab("table: two.jsonl");
  Prompt known("What is the sum of the integers seven forty three eighty");
  Prompt strange("SELECT u.id, COUNT(*) FROM users u LEFT JOIN orders o ON o.uid=u.id GROUP BY 1;");
  const auto a = k.believe(known.work);
  const auto b = k.believe(strange.work);
  EXPECT_GT(a[0].evidence, 20 * b[0].evidence);
  EXPECT_GT(a[1].quality - a[0].quality, 0.4);
  EXPECT_LT(std::fabs(b[1].quality - b[0].quality), 0.1) << "drawn to the means";
}

TEST_F(Auto, DoesNotLearnFromTheExcludedRow) {
  {
    std::ofstream out(folder_ / "odd.jsonl");
    out << std::ifstream(folder_ / "two.jsonl").rdbuf();
    out << R"({"id":"odd","dataset":"d","domain":"sums","prompt":"Solve the equation for x when odd","models":{"small":{"correct":1},"large":{"correct":0}}})";
  }
  auto k = lab("table: odd.jsonl");
  Prompt p("Solve the equation for x when odd");
  const double with = k.believe(p.work)[0].quality;
  p.work.exclude_row = "odd";
  EXPECT_LT(k.believe(p.work)[0].quality, with);
}

TEST_F(Auto, BelievesTheMeansWhereNothingDistinguishesTheModels) {
  {
    std::ofstream out(folder_ / "equal.jsonl");
    base::Rng rng(7, 0, 0);
    for (int i = 0; i < 60; ++i)
      out << R"({"id":"e)" << i << R"(","dataset":"d","domain":"x","prompt":")"
          << prompt(i % 2 == 0, rng)
          << R"(","models":{"small":{"correct":1},"large":{"correct":1}}})"
          << "\n";
  }
  auto k = lab("table: equal.jsonl");
  Prompt p("Compose a lullaby for seven");
  EXPECT_NEAR(k.believe(p.work)[0].quality, 1, 1e-6);
  EXPECT_NEAR(k.believe(p.work)[1].quality, 1, 1e-6);
}

TEST_F(Auto, BelievesTheMeansOfAnswerLengthCostAndLatency) { expect_means_of_past_calls(); }

TEST_F(Auto, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(Auto, NamesAnEncoderThatIsNotThere) {
  const std::string yaml =
      "models: [{ name: small }]\nroutes: { auto: [{ models: [small], estimator: { type: auto, "
      "table: two.jsonl, encoder: static_embeding } }] }\n";
  const std::string found = findings(yaml, beliefs_registry(), folder_.string());
  EXPECT_NE(found.find("static_embedding"), std::string::npos) << found;
}

}  // namespace
}  // namespace swy::route::testing
