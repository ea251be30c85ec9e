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

TEST(NeedsFactsSignal, TellsFactsFromWriting) {
  EXPECT_EQ(ask("{ type: needs_facts }", "When was the Eiffel tower built?").label.view(), "facts");
  EXPECT_EQ(ask("{ type: needs_facts }", "Write a poem about autumn.").label.view(), "none");
  EXPECT_EQ(ask("{ type: needs_facts }", "").truth, Truth::kUnknown);
}

TEST(NeedsFactsSignal, TheExpectedShareMovesTheProbability) {
  const char* const text = "Tell me about tea";
  const Fact as_learned = ask("{ type: needs_facts }", text);
  const Fact rare = ask("{ type: needs_facts, prior: 0.01 }", text);
  const double odds = as_learned.value / (1 - as_learned.value);
  const double moved = odds * (0.01 / 0.99) * (0.64 / 0.36);
  EXPECT_NEAR(rare.value, moved / (1 + moved), 1e-6);
  EXPECT_EQ(ask("{ type: needs_facts, min_confidence: 0.99999 }", text).truth, Truth::kUnknown);
}

TEST(NeedsFactsSignal, TheThresholdIsTheProbability) {
  const Fact f = ask("{ type: needs_facts, threshold: 0.99 }", "Tell me about tea");
  EXPECT_EQ(f.truth == Truth::kTrue, f.value >= 0.99);
  EXPECT_FLOAT_EQ(f.confidence,
                  static_cast<float>(f.truth == Truth::kTrue ? f.value : 1 - f.value));
}

}  // namespace
}  // namespace swy::route::testing
