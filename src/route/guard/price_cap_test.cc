#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Card card(double input, double output) {
  Card c;
  c.name = "m";
  c.price.input = input;
  c.price.output = output;
  return c;
}

Verdict check(std::string_view yaml, const Card& c, Asked& a) {
  PluginLab lab({c});
  const auto g = lab.make_guard(yaml);
  return lab.check(*g, a);
}

TEST(PriceCapGuard, BoundsTheCostOfARequest) {
  // 1000 x 2 + 500 x 8 micro-USD = 0.006 USD.
  Asked a("x");
  a.tokens(1000).max_tokens(500);
  EXPECT_TRUE(check("{ type: price_cap, request: 0.006 }", card(2, 8), a).allow);
  const Verdict v = check("{ type: price_cap, request: 0.005999 }", card(2, 8), a);
  EXPECT_FALSE(v.allow);
  EXPECT_EQ(v.why.view(), "would cost up to 0.006000 USD for 1000 + 500 tokens, cap is 0.005999");
}

TEST(PriceCapGuard, ExpectedOutputStandsInForMaxTokens) {
  Asked a("x");
  a.tokens(0);
  EXPECT_TRUE(check("{ type: price_cap, request: 0.001024 }", card(1, 1), a).allow);
  EXPECT_FALSE(check("{ type: price_cap, request: 0.001023 }", card(1, 1), a).allow);
  EXPECT_TRUE(
      check("{ type: price_cap, request: 0.0001, expected_output: 100 }", card(1, 1), a).allow);
}

TEST(PriceCapGuard, EveryCompletionIsPaidAndThePromptOnce) {
  Asked a("x");
  a.tokens(1000).max_tokens(100);
  a.request.n = 3;
  EXPECT_TRUE(check("{ type: price_cap, request: 0.0013 }", card(1, 1), a).allow);
  EXPECT_FALSE(check("{ type: price_cap, request: 0.001299 }", card(1, 1), a).allow);
}

TEST(PriceCapGuard, BoundsThePricePerMillionTokens) {
  Asked a("x");
  EXPECT_TRUE(check("{ type: price_cap, input: 2, output: 8 }", card(2, 8), a).allow);
  EXPECT_EQ(check("{ type: price_cap, input: 1 }", card(2, 8), a).why.view(),
            "input costs 2.000 USD per million tokens, cap is 1.000");
  EXPECT_EQ(check("{ type: price_cap, output: 7.5 }", card(2, 8), a).why.view(),
            "output costs 8.000 USD per million tokens, cap is 7.500");
}

TEST(PriceCapGuard, AModelWithoutThePriceThatIsCappedIsDenied) {
  Asked a("x");
  const double none = Price{}.input;
  EXPECT_EQ(check("{ type: price_cap, request: 100 }", card(none, none), a).why.view(),
            "the model's price is not stated");
  EXPECT_FALSE(check("{ type: price_cap, request: 100 }", card(1, none), a).allow);
  EXPECT_EQ(check("{ type: price_cap, output: 9 }", card(1, none), a).why.view(),
            "output price is not stated");
  EXPECT_TRUE(check("{ type: price_cap, input: 9 }", card(1, none), a).allow);
}

TEST(PriceCapGuard, AbsurdNumbersAreDeniedNotWrapped) {
  Asked a("x");
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  a.tokens(kMost).max_tokens(kMost);
  a.request.n = kMost;
  EXPECT_FALSE(check("{ type: price_cap, request: 100 }", card(1, 1), a).allow);
  EXPECT_FALSE(check("{ type: price_cap, request: 100 }", card(1000, 1000), a).allow);
  EXPECT_TRUE(check("{ type: price_cap, request: 0 }", card(0, 0), a).allow);
  a.tokens(0).max_tokens(-1);
  a.request.n = -1;
  EXPECT_TRUE(check("{ type: price_cap, request: 0 }", card(1, 1), a).allow);
}

TEST(PriceCapGuard, SaysOfACardOnlyWhatHoldsForEveryRequest) {
  PluginLab lab;
  const auto fixed = lab.make_guard("{ type: price_cap, input: 1 }");
  EXPECT_TRUE(fixed->check_card(card(1, 1))->allow);
  EXPECT_FALSE(fixed->check_card(card(2, 1))->allow);
  const auto asked = lab.make_guard("{ type: price_cap, request: 1 }");
  EXPECT_FALSE(asked->check_card(card(1, 1)).has_value());
  EXPECT_FALSE(asked->check_card(Card{})->allow);
}

TEST(PriceCapGuard, RejectsAGuardWithoutACap) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_guard("{ type: price_cap }"));
  EXPECT_EQ(lab.errors(), "lab:1:1: error: price_cap needs a cap: give request, input or output\n");
  EXPECT_FALSE(lab.make_guard("{ type: price_cap, expected_output: 5 }"));
  EXPECT_FALSE(lab.make_guard("{ type: price_cap, request: -1 }"));
  EXPECT_NE(lab.errors().find("request must be 0 to"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_guard("{ type: price_cap, request: cheap }"));
  EXPECT_NE(lab.errors().find("request must be a number"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_guard("{ type: price_cap, inputs: 5 }"));
  EXPECT_NE(lab.errors().find("did you mean input"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
