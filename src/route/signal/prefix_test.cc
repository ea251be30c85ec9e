#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Fact ask(std::string_view yaml, Asked& asked) {
  PluginLab lab;
  const auto signal = lab.make_signal(yaml);
  EXPECT_TRUE(signal) << lab.errors();
  return PluginLab::ask(*signal, asked);
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

TEST(PrefixSignal, CountsWhatComesBeforeTheLastUserMessage) {
  Asked a("First question, with some words in it.");
  a.say(chat::Role::kAssistant, "An answer.").say(chat::Role::kUser, "Next.");
  const Fact f = ask("{ type: prefix }", a);
  EXPECT_EQ(f.truth, Truth::kTrue);
  EXPECT_GT(f.value, 12);
  EXPECT_LT(f.value, 40);
  EXPECT_EQ(ask("{ type: prefix }", "Only one message.").truth, Truth::kFalse);
}

TEST(PrefixSignal, TheSystemPartEndsWithTheFirstOtherMessage) {
  Asked a;
  a.say(chat::Role::kSystem, "You are brief.").say(chat::Role::kUser, std::string(4000, 117));
  a.say(chat::Role::kAssistant, "Yes.").say(chat::Role::kUser, "Go on.");
  const double system = ask("{ type: prefix, part: system }", a).value;
  EXPECT_LT(system, 12);
  EXPECT_GT(ask("{ type: prefix }", a).value, system + 100);
}

TEST(PrefixSignal, ToolDeclarationsBelongToBothParts) {
  Asked a("Hello");
  a.request.tool_bytes = 4000;
  EXPECT_EQ(ask("{ type: prefix }", a).value, 1000);
  EXPECT_EQ(ask("{ type: prefix, part: system, above: 999, below: 1001 }", a).truth, Truth::kTrue);
}

TEST(PrefixSignal, NoMessagesAreUnknownAndWrongPartsAreErrors) {
  Asked a;
  EXPECT_EQ(ask("{ type: prefix }", a).truth, Truth::kUnknown);
  EXPECT_NE(error("{ type: prefix, part: tools }").find("part is one of"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
