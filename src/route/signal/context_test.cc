#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Fact ask(std::string_view yaml, std::int64_t tokens) {
  PluginLab lab;
  const auto s = lab.make_signal(yaml);
  Asked a("x");
  a.tokens(tokens);
  return PluginLab::ask(*s, a);
}

TEST(ContextSignal, BoundsAreExclusive) {
  constexpr std::string_view kYaml = "{ type: context, above: 100, below: 200 }";
  EXPECT_EQ(ask(kYaml, 100).truth, Truth::kFalse);
  EXPECT_EQ(ask(kYaml, 101).truth, Truth::kTrue);
  EXPECT_EQ(ask(kYaml, 199).truth, Truth::kTrue);
  EXPECT_EQ(ask(kYaml, 200).truth, Truth::kFalse);
  EXPECT_EQ(ask(kYaml, 150).value, 150);
}

TEST(ContextSignal, OneBoundIsEnoughAndNoneAsksForAnyToken) {
  EXPECT_EQ(ask("{ type: context, above: 24000 }", 24001).truth, Truth::kTrue);
  EXPECT_EQ(ask("{ type: context, below: 50 }", 24001).truth, Truth::kFalse);
  EXPECT_EQ(ask("{ type: context }", 1).truth, Truth::kTrue);
  EXPECT_EQ(ask("{ type: context }", 0).truth, Truth::kFalse);
}

TEST(ContextSignal, ConfidenceIsEvenAtABoundAndGrowsAwayFromIt) {
  constexpr std::string_view kYaml = "{ type: context, above: 1000 }";
  EXPECT_NEAR(ask(kYaml, 1000).confidence, 0.5, 1e-6);
  // One standard deviation (10 %) above: Phi(1 / 1.1).
  EXPECT_NEAR(ask(kYaml, 1100).confidence, 0.8183, 1e-3);
  EXPECT_GT(ask(kYaml, 2000).confidence, 0.999F);
  EXPECT_GT(ask(kYaml, 500).confidence, 0.999F);
  EXPECT_EQ(ask("{ type: context }", 7).confidence, 1);
}

TEST(ContextSignal, ARequestWithoutMessagesIsUnknown) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: context, above: 1 }");
  Asked nothing;
  EXPECT_EQ(PluginLab::ask(*s, nothing).truth, Truth::kUnknown);
}

TEST(ContextSignal, CountsTheWholeRequest) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: context, above: 500 }");
  Asked a("short question");
  EXPECT_EQ(PluginLab::ask(*s, a).truth, Truth::kFalse);
  a.say(chat::Role::kTool, std::string(10000, 'x') + " " + std::string(10000, 'y'));
  EXPECT_EQ(PluginLab::ask(*s, a).truth, Truth::kTrue);
}

TEST(ContextSignal, RejectsWhatCanNeverHold) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal("{ type: context, above: 10, below: 10 }"));
  EXPECT_EQ(lab.errors(), "lab:1:36: error: no value is more than 10 and less than 10\n");
  EXPECT_FALSE(lab.make_signal("{ type: context, above: 32K }"));
  EXPECT_EQ(lab.errors(), "lab:1:25: error: above must be a number\n");
  EXPECT_FALSE(lab.make_signal("{ type: context, over: 3, below: -1 }"));
  EXPECT_NE(lab.errors().find("unknown key 'over'"), std::string::npos) << lab.errors();
  EXPECT_NE(lab.errors().find("below must be 0 to"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
