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

TEST(PiiSignal, CountsTheSpansAndNamesTheFirst) {
  const Fact f = ask("{ type: pii }", "Write to anna@example.org or call +49 30 1234567.");
  EXPECT_EQ(f.truth, Truth::kTrue);
  EXPECT_EQ(f.value, 2);
  EXPECT_EQ(f.label.view(), "EMAIL_ADDRESS");
  EXPECT_GT(f.confidence, 0.95F);
}

TEST(PiiSignal, OnlyTheTypesThatWereNamedCount) {
  constexpr std::string_view kText = "Write to anna@example.org.";
  EXPECT_EQ(ask("{ type: pii, types: [CREDIT_CARD, us_ssn] }", kText).truth, Truth::kFalse);
  EXPECT_EQ(ask("{ type: pii, types: email_address }", kText).truth, Truth::kTrue);
  EXPECT_NE(error("{ type: pii, types: [EMAIL] }").find("did you mean EMAIL_ADDRESS"),
            std::string::npos);
}

TEST(PiiSignal, NothingFoundInATextThatIsTooLongToReadIsUnknown) {
  const std::string_view mails = "{ type: pii, types: [EMAIL_ADDRESS] }";
  const std::string mail = " a@example.org ", calm(200'000, 'x');
  EXPECT_EQ(ask(mails, calm + mail + calm).truth, Truth::kUnknown);
  EXPECT_EQ(ask(mails, calm + mail + calm).label.view(), "not all read");
  EXPECT_EQ(ask(mails, calm + mail).truth, Truth::kTrue);
}

TEST(PiiSignal, NothingFoundIsFalseAndSoIsNoText) {
  const Fact f = ask("{ type: pii }", "How do I sort a list?");
  EXPECT_EQ(f.truth, Truth::kFalse);
  EXPECT_EQ(f.value, 0);
  EXPECT_EQ(ask("{ type: pii }", "").truth, Truth::kFalse);
}

TEST(PiiSignal, ToolResultsAreAScopeOfTheirOwn) {
  Asked a("Look him up.");
  a.say(chat::Role::kAssistant, "", 1).say(chat::Role::kTool, "{\"mail\": \"bob@example.org\"}");
  EXPECT_EQ(ask("{ type: pii, scope: tool_results, types: EMAIL_ADDRESS }", a).truth, Truth::kTrue);
  Asked b("Look him up.");
  EXPECT_EQ(ask("{ type: pii, scope: tool_results }", b).truth, Truth::kFalse);
}

}  // namespace
}  // namespace swy::route::testing
