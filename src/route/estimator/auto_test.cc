#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>

#include "base/rng.h"
#include "route/estimator/weight_file.h"
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
    write("two.jsonl", 0);
    write("three.jsonl", 20);
  }
  // 200 rows, on `seen` of which the new model was tried too: it does what the small one does, at
  // half the length.
  void write(const char* name, int seen) {
    std::ofstream out(folder_ / name);
    base::Rng rng(5, 0, 0);
    for (int i = 0; i < 200; ++i) {
      const bool sum = i % 2 == 0;
      const bool small = sum == (rng.below(10) == 0);
      out << R"({"id":"r)" << i << R"(","dataset":"d","domain":")" << (sum ? "sums" : "poems")
          << R"(","prompt":")" << prompt(sum, rng) << R"(","models":{"small":{"correct":)" << small
          << R"(,"tokens_out":20},"large":{"correct":)" << !small << R"(,"cost":0.02,"latency":3})";
      if (i % 20 < 2 && i < 10 * seen)
        out << R"(,"new":{"correct":)" << small << R"(,"tokens_out":10})";
      out << "}}\n";
    }
  }
  std::string found(const std::string& options) {
    return findings(
        "models: [{ name: small }, { name: large }]\nroutes: { auto: [{ models: [small, large], "
        "estimator: { type: auto, " +
            options + " } }] }\n",
        beliefs_registry(), folder_.string());
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

TEST_F(Auto, KnowsANewModelByWhatItSharesWithTheOthers) {
  auto k = lab("table: three.jsonl");
  base::Rng rng(9, 0, 0);
  for (int i = 0; i < 20; ++i) {
    const bool sum = i % 2 == 0;
    Prompt p(prompt(sum, rng));
    const auto b = k.believe(p.work, {.tokens = 100});
    EXPECT_NEAR(b[2].quality, b[0].quality, 0.15) << i;
    EXPECT_NEAR(b[2].evidence / b[0].evidence, 0.1, 1e-6) << "20 of 200 rows";
    EXPECT_GT(b[2].quality_var, 2 * b[0].quality_var);
  }
}

TEST_F(Auto, DoesNotKnowAModelThatItsWeightFileDoesNotHave) {
  auto fitted = lab("table: two.jsonl");
  ASSERT_TRUE(fitted.rule().estimator->export_weights((folder_ / "two.swy").string()));
  auto loaded = lab("weights: two.swy");
  ASSERT_TRUE(loaded.made());
  base::Rng rng(8, 0, 0);
  for (int i = 0; i < 40; ++i) {
    Prompt p(i % 8 == 7 ? "SELECT 1 FROM strange" : prompt(i % 2 == 0, rng));
    const auto a = fitted.believe(p.work, {.tokens = 100});
    const auto b = loaded.believe(p.work, {.tokens = 100});
    EXPECT_TRUE(std::isnan(b[2].quality));
    for (std::size_t m = 0; m < 2; ++m) EXPECT_EQ(a[m].quality, b[m].quality) << i;
  }
}

TEST_F(Auto, SaysTheSameFromItsWeightFileToTheLastBit) {
  auto fitted = lab("table: three.jsonl");
  ASSERT_TRUE(fitted.made());
  const std::string path = (folder_ / "w.swy").string();
  ASSERT_TRUE(fitted.rule().estimator->export_weights(path));
  auto loaded = lab("weights: w.swy");
  ASSERT_TRUE(loaded.made());
  EXPECT_EQ(loaded.rule().estimator->version(), fitted.rule().estimator->version());
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  base::Rng rng(8, 0, 0);
  for (int i = 0; i < 40; ++i) {
    Prompt p(i % 8 == 7 ? "SELECT 1 FROM strange" : prompt(i % 2 == 0, rng));
    const auto a = fitted.believe(p.work, {.tokens = 100});
    const auto b = loaded.believe(p.work, {.tokens = 100});
    for (std::size_t m = 0; m < 3; ++m) {
      EXPECT_EQ(a[m].quality, b[m].quality) << i;
      EXPECT_EQ(a[m].evidence, b[m].evidence);
      EXPECT_EQ(a[m].quality_var, b[m].quality_var);
      EXPECT_TRUE(same(a[m].cost_micro, b[m].cost_micro));
      EXPECT_FALSE(m < 2 && std::isnan(b[m].cost_micro));
      EXPECT_TRUE(same(a[m].latency_ms, b[m].latency_ms));
    }
  }
  ASSERT_TRUE(loaded.rule().estimator->export_weights((folder_ / "again.swy").string()));
  const auto bytes = [&](const char* name) {
    std::ifstream in(folder_ / name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_EQ(bytes("w.swy"), bytes("again.swy"));
}

// Whoever writes a file can write its hash: parts that do not fit are refused, not read.
TEST_F(Auto, RefusesWeightsWhosePartsDoNotFit) {
  ASSERT_TRUE(
      lab("table: two.jsonl").rule().estimator->export_weights((folder_ / "w.swy").string()));
  const auto w = WeightFile::load((folder_ / "w.swy").string());
  ASSERT_TRUE(w);
  const auto refused = [&](const auto& damage) {
    WeightFile bad = *w;
    damage(bad);
    EXPECT_TRUE(bad.save((folder_ / "bad.swy").string()));
    return found("weights: bad.swy").find("error") != std::string::npos;
  };
  EXPECT_FALSE(refused([](WeightFile&) {}));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["index.posting_rows"][0] = 200; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["index.start"][7] = 0xFFFFFFFF; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["index.first_column"].back() += 1; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["index.rows"][0] = 0xFFFFFFFF; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["groups.of"][3] = 2; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["groups.of"].pop_back(); }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["wording.windows"][0] = 1U << 30U; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["words.rows"][1] = 2; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["form.rows"].pop_back(); }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["form.sizes"][0] = 0; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.tensors["groups.form_precision"][0] = 0; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["familiarity"].resize(10); }))
      << "of before there were eight signs";
  EXPECT_TRUE(refused([](WeightFile& b) { b.words["tuned"].back() = 0x7FF00000; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.words.erase("tuned"); }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.tensors["groups.log_size"].clear(); }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.tensors["mlp.in"].pop_back(); }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.features = "others"; }));
  EXPECT_TRUE(refused([](WeightFile& b) { b.type = "linear"; }));
}

TEST_F(Auto, RefusesADamagedWeightFile) {
  ASSERT_TRUE(
      lab("table: two.jsonl").rule().estimator->export_weights((folder_ / "w.swy").string()));
  std::fstream file(folder_ / "w.swy", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-100, std::ios::end);
  file.put('\x55');
  file.close();
  EXPECT_NE(found("weights: w.swy").find("damaged"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
