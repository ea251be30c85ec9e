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

Fact after_answer(std::string_view yaml, std::string_view before, std::string_view last) {
  Asked a(before);
  a.say(chat::Role::kAssistant, "The capital is Sydney.").say(chat::Role::kUser, last);
  return ask(yaml, a);
}

TEST(FeedbackSignal, TellsPraiseBlameAndAskingAgain) {
  constexpr std::string_view kAsk = "What is the capital of Australia?";
  EXPECT_EQ(after_answer("{ type: feedback }", kAsk, "Perfect, thank you!").label.view(),
            "satisfied");
  EXPECT_EQ(after_answer("{ type: feedback }", kAsk, "No, that is wrong.").label.view(),
            "dissatisfied");
  EXPECT_EQ(after_answer("{ type: feedback }", kAsk, "I do not understand, please explain again.")
                .label.view(),
            "reask");
  EXPECT_EQ(after_answer("{ type: feedback }", kAsk, "And the population of Norway?").truth,
            Truth::kFalse);
}

TEST(FeedbackSignal, TheSameQuestionOnceMoreIsAReask) {
  const Fact f = after_answer("{ type: feedback, any: reask }", "What is the capital of Australia?",
                              "what is the capital of Australia");
  EXPECT_EQ(f.truth, Truth::kTrue);
  EXPECT_GT(f.value, 0.7);
}

TEST(FeedbackSignal, TheFirstMessageIsNoFeedback) {
  const Fact f = ask("{ type: feedback }", "That is wrong.");
  EXPECT_EQ(f.truth, Truth::kFalse);
  EXPECT_EQ(f.confidence, 1);
  EXPECT_EQ(ask("{ type: feedback }", "").truth, Truth::kUnknown);
  EXPECT_NE(error("{ type: feedback, any: [happy] }").find("any holds some of satisfied"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
