#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Fact ask(std::string_view yaml, Asked& asked) {
  PluginLab lab;
  const auto signal = lab.make_signal(yaml);
  EXPECT_TRUE(signal) << lab.errors();
  return lab.ask_encoded(*signal, asked);
}

[[maybe_unused]] Fact ask(std::string_view yaml, std::string_view text) {
  Asked asked(text);
  return ask(yaml, asked);
}

[[maybe_unused]] std::string error(std::string_view yaml) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal(yaml)) << yaml;
  return lab.errors();
}

double value(std::string_view text) { return ask("{ type: complexity, by: counted }", text).value; }

TEST(ComplexitySignal, GrowsWithWhatCanBeCounted) {
  const double greeting = value("Hello, how are you?");
  const double question = value("What is the capital of Peru, and how many people live there?");
  const double hard = value(
      "Prove that the algorithm is optimal and derive its complexity. The proof must be rigorous "
      "and "
      "must not use the master theorem; make sure that you cover all edge cases.");
  EXPECT_LT(greeting, question + 1e-9);
  EXPECT_LT(question, hard);
  EXPECT_EQ(ask("{ type: complexity, by: counted }", "Hello, how are you?").label.view(), "easy");
  EXPECT_GT(hard, 0.65);
}

TEST(ComplexitySignal, WhatIsLearnedTellsWordProblemsFromCompetitions) {
  const Fact easy = ask("{ type: complexity }",
                        "Tom has 3 boxes with 12 apples each. He eats 4. How many are left?");
  const Fact hard = ask("{ type: complexity }",
                        "Let $f$ be holomorphic on the unit disc with $|f(z)|<1$. Compute the "
                        "supremum of $|f^{(3)}(0)|$ over all such $f$ with $f(0)=\\frac{1}{2}$.");
  EXPECT_EQ(easy.label.view(), "easy");
  EXPECT_LT(easy.value + 0.2, hard.value);
  EXPECT_FLOAT_EQ(easy.confidence, static_cast<float>(1 - easy.value));
  EXPECT_EQ(ask("{ type: complexity, min_confidence: 0.9999 }", "Sort it.").truth, Truth::kUnknown);
  EXPECT_NE(error("{ type: complexity, code: 1 }").find("by: counted"), std::string::npos);
}

TEST(ComplexitySignal, EveryWeightIsAnOption) {
  EXPECT_NEAR(
      ask("{ type: complexity, by: counted, offset: 0, length: 0, questions: 0 }", "Hello").value,
      0.5, 0.05);
  EXPECT_NE(error("{ type: complexity, easy: 0.9, hard: 0.1 }").find("must not be below easy"),
            std::string::npos);
  EXPECT_EQ(ask("{ type: complexity }", "").truth, Truth::kUnknown);
}

}  // namespace
}  // namespace swy::route::testing
