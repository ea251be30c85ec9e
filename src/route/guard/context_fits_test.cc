#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Verdict check(std::string_view yaml, const Card& card, Asked& a) {
  PluginLab lab({card});
  const auto g = lab.make_guard(yaml);
  return lab.check(*g, a);
}

Card card(std::int64_t context, std::int64_t max_output = 0) {
  Card c;
  c.name = "m";
  c.context = context;
  c.max_output = max_output;
  return c;
}

TEST(ContextFitsGuard, PromptWithMarginAndAnswerMustFit) {
  Asked a("x");
  a.tokens(1000).max_tokens(500);
  EXPECT_TRUE(check("{ type: context_fits }", card(1600), a).allow);
  const Verdict v = check("{ type: context_fits }", card(1599), a);
  EXPECT_FALSE(v.allow);
  EXPECT_EQ(v.why.view(), "needs 1600 tokens, context is 1599");
  EXPECT_TRUE(check("{ type: context_fits, margin: 0 }", card(1500), a).allow);
}

TEST(ContextFitsGuard, TheReserveStandsInForMaxTokens) {
  Asked a("x");
  a.tokens(1000);
  EXPECT_TRUE(check("{ type: context_fits, margin: 0 }", card(2024), a).allow);
  EXPECT_FALSE(check("{ type: context_fits, margin: 0 }", card(2023), a).allow);
  EXPECT_TRUE(check("{ type: context_fits, margin: 0, reserve: 0 }", card(1000), a).allow);
  // A model that writes at most 100 tokens needs no room for more.
  EXPECT_TRUE(check("{ type: context_fits, margin: 0 }", card(1100, 100), a).allow);
}

TEST(ContextFitsGuard, MaxTokensMayNotExceedAStatedMaxOutput) {
  Asked a("x");
  a.tokens(10).max_tokens(5000);
  EXPECT_EQ(check("{ type: context_fits }", card(100000, 4096), a).why.view(),
            "max_tokens is 5000, the model writes at most 4096");
  EXPECT_TRUE(check("{ type: context_fits }", card(100000, 5000), a).allow);
  EXPECT_TRUE(check("{ type: context_fits }", card(100000), a).allow);
}

TEST(ContextFitsGuard, AnUnstatedContextIsTakenAsSmall) {
  Asked small("x");
  small.tokens(100);
  EXPECT_TRUE(check("{ type: context_fits }", card(0), small).allow);
  EXPECT_EQ(check("{ type: context_fits, unstated_context: 0 }", card(0), small).why.view(),
            "the model's context is not stated");
  Asked large("x");
  large.tokens(10000);
  EXPECT_EQ(check("{ type: context_fits }", card(0), large).why.view(),
            "needs 12024 tokens, context is not stated and taken as 4096");
  EXPECT_TRUE(check("{ type: context_fits, unstated_context: 20000 }", card(0), large).allow);
}

TEST(ContextFitsGuard, SaysOfACardOnlyWhatHoldsForEveryRequest) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_guard("{ type: context_fits }")->check_card(card(0)));
  const auto strict = lab.make_guard("{ type: context_fits, unstated_context: 0 }");
  EXPECT_FALSE(strict->check_card(card(0))->allow);
  EXPECT_FALSE(strict->check_card(card(8192)));
}

TEST(ContextFitsGuard, AbsurdNumbersAreDeniedNotWrapped) {
  Asked a("x");
  a.tokens(std::numeric_limits<std::int64_t>::max())
      .max_tokens(std::numeric_limits<std::int64_t>::max());
  EXPECT_FALSE(check("{ type: context_fits }", card(1000000), a).allow);
  a.max_tokens(-5).tokens(10);
  EXPECT_TRUE(check("{ type: context_fits }", card(100), a).allow);
}

TEST(ContextFitsGuard, RejectsWrongOptions) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_guard("{ type: context_fits, margin: -1 }"));
  EXPECT_NE(lab.errors().find("margin must be 0 to 10"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_guard("{ type: context_fits, reserved: 5 }"));
  EXPECT_NE(lab.errors().find("did you mean reserve"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_guard("{ type: context_fits, reserve: 1.5 }"));
  EXPECT_NE(lab.errors().find("reserve must be a whole number"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
