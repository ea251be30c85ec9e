// Signals on labelled real prompts: the data set a prompt comes from says what it must contain.
#include <gtest/gtest.h>

#include "record/outcome.h"
#include "record/testing/shared_data.h"
#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

struct Tally {
  double true_share = 0;
  double known_share = 0;
};

Tally tally(std::string_view yaml, const record::OutcomeTable& table) {
  PluginLab lab;
  const auto signal = lab.make_signal(yaml);
  Tally t;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const Fact f = PluginLab::ask(*signal, table.row(i).prompt);
    t.true_share += f.truth == Truth::kTrue ? 1 : 0;
    t.known_share += f.truth != Truth::kUnknown ? 1 : 0;
  }
  t.true_share /= static_cast<double>(table.rows());
  t.known_share /= static_cast<double>(table.rows());
  return t;
}

class SignalsOnRealPrompts : public ::testing::Test {
 protected:
  void SetUp() override {
    data_ = record::shared_data();
    if (!data_) GTEST_SKIP() << "no real data: set SWY_DATA or put it in ../shared/data";
  }
  record::OutcomeTable load(const std::string& file) {
    auto table = record::load_outcomes(*data_ + "/" + file);
    EXPECT_TRUE(table) << table.error().message;
    return std::move(*table);
  }
  std::optional<std::string> data_;
};

// School word problems are mathematics to src/text/structure.h when they speak of it, so they are
// negatives for code only.
TEST_F(SignalsOnRealPrompts, StructureTellsCodeAndMathematicsFromOtherPrompts) {
  constexpr std::string_view kCode = "{ type: structure, feature: code }";
  constexpr std::string_view kMath = "{ type: structure, feature: math }";
  const auto functions = load("zeroeval/zeroeval-crux.jsonl.gz");
  const auto formulas = load("zeroeval/zeroeval-math-l5.jsonl.gz");
  const auto words = load("zeroeval/zeroeval-gsm.jsonl.gz");
  const auto instructions = load("alpaca_eval");
  EXPECT_GT(tally(kCode, functions).true_share, 0.98);
  EXPECT_LT(tally(kCode, words).true_share, 0.01);
  EXPECT_LT(tally(kCode, instructions).true_share, 0.02);
  EXPECT_GT(tally(kMath, formulas).true_share, 0.8);
  EXPECT_LT(tally(kMath, functions).true_share, 0.1);
  EXPECT_LT(tally(kMath, instructions).true_share, 0.05);
}

TEST_F(SignalsOnRealPrompts, LanguageFindsEnglish) {
  const auto words = load("zeroeval/zeroeval-gsm.jsonl.gz");
  const Tally english = tally("{ type: language, any: en }", words);
  EXPECT_GT(english.true_share, 0.99);
  EXPECT_LT(tally("{ type: language, any: [de, fr, es, nl] }", words).true_share, 0.01);
}

TEST_F(SignalsOnRealPrompts, KeywordFindsWhatEveryPromptOfASetSays) {
  const auto functions = load("zeroeval/zeroeval-crux.jsonl.gz");
  EXPECT_EQ(tally("{ type: keyword, any: ['def '] }", functions).true_share, 1);
  EXPECT_EQ(tally("{ type: keyword, regex: ['assert \\w+\\('] }", functions).true_share, 1);
  EXPECT_LT(tally("{ type: keyword, any: ['def ', '#include', '```'] }",
                  load("zeroeval/zeroeval-gsm.jsonl.gz"))
                .true_share,
            0.001);
}

}  // namespace
}  // namespace swy::route::testing
