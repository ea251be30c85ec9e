#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

constexpr const char* kSticky = "{ type: sticky, margin: 0.1, inner: { type: utility, cost: 0 } }";

TEST(Sticky, DecidesLikeTheInnerPolicyWithoutASession) {
  PolicyLab lab(kSticky);
  EXPECT_EQ(lab.weigh({belief(0.5), belief(0.55)}).only(), 1);
}

TEST(Sticky, StaysUntilAnotherLeadsByMoreThanTheMargin) {
  PolicyLab lab(kSticky);
  const Weighed stays = lab.weigh({belief(0.5), belief(0.59)}, {}, {0, 1}, 0);
  EXPECT_EQ(stays.only(), 0);
  EXPECT_EQ(stays.why, "m0 keeps the session: m1 leads by 0.090, margin 0.100");
  const Weighed moves = lab.weigh({belief(0.5), belief(0.61)}, {}, {0, 1}, 0);
  EXPECT_EQ(moves.only(), 1);
  EXPECT_NE(moves.why.find("; the session moves"), std::string::npos);
}

TEST(Sticky, MovesWhenThePreviousModelIsForbiddenAbsentOrUnknown) {
  PolicyLab lab(kSticky);
  EXPECT_EQ(lab.weigh({belief(0.5), belief(0.5)}, {true, false}, {0, 1}, 0).only(), 1);
  EXPECT_EQ(lab.weigh({belief(0.5), belief(0.4)}, {}, {0, 1}, 7).only(), 0);
  EXPECT_EQ(lab.weigh({belief(0.1), Belief{}}, {}, {0, 1}, 1).only(), 0);
}

TEST(Sticky, StaysWhenNothingIsKnownOfAny) {
  PolicyLab lab(kSticky);
  EXPECT_EQ(lab.weigh({Belief{}, Belief{}}, {}, {0, 1}, 1).only(), 1);
}

TEST(Sticky, StaysForEverWithAnInfiniteMargin) {
  PolicyLab lab("{ type: sticky, margin: inf, inner: first }");
  EXPECT_EQ(lab.weigh({belief(1), belief(0)}, {}, {0, 1}, 1).only(), 1);
  EXPECT_EQ(lab.weigh({belief(1), belief(0)}, {}, {0, 1}).only(), 0);
}

// A conversation of 400 bytes, 300 of them before and in the last answer.
void converse(chat::Request& r, std::string& text, chat::Role last) {
  text.assign(400, 'x');
  const std::string_view all(text);
  r.parts = {{chat::PartKind::kText, all.substr(0, 200)},
             {chat::PartKind::kText, all.substr(200, 100)},
             {chat::PartKind::kText, all.substr(300, 100)}};
  r.messages = {{chat::Role::kUser, 0, 1, 0}, {chat::Role::kAssistant, 1, 1, 0}, {last, 2, 1, 0}};
}

TEST(Sticky, AddsThePriceOfTheLostPrefixToTheMargin) {
  const Registry registry = beliefs_registry();
  const auto plan = plan_from(
      "models:\n"
      "  - { name: a, price: { input: 10, cached_input: 2, output: 10 } }\n"
      "  - { name: b, price: { input: 10, output: 10 } }\n"
      "routes: { auto: [{ models: [a, b], policy: { type: sticky, margin: 0.01, cache: 0.5, cost: "
      "1, "
      "cost_unit: 0.01, inner: { type: utility, cost: 0 } } }] }\n",
      registry);
  Prompt p("x");
  std::string text;
  converse(p.request, text, chat::Role::kUser);
  const auto chosen = [&](ExpertId previous, double lead) {
    Scratch s;
    p.work.previous = previous;
    s.begin(p.work, 0);
    s.reading.preset_tokens(4'000);
    const std::vector<ExpertId> both{0, 1};
    std::vector<Belief> beliefs{belief(0.5), belief(0.5)};
    beliefs[previous == 0 ? 1 : 0].quality += lead;
    return weigh_first_rule(*plan, s, beliefs, {}, both).only();
  };
  // 3,000 of 4,000 tokens stand before; half of them cached saves 1,500 x 8 micro-USD = 1.2 cents.
  EXPECT_EQ(chosen(0, 1.0), 0);   // margin 0.01 + 1.2
  EXPECT_EQ(chosen(1, 0.02), 0);  // b has no cached price: nothing is lost
}

TEST(Sticky, LetsTheModelThatCalledAToolReadItsResult) {
  PolicyLab lab("{ type: sticky, margin: 0, inner: { type: utility, cost: 0 } }");
  std::string text;
  converse(lab.request(), text, chat::Role::kTool);
  const Weighed w = lab.weigh({belief(0.1), belief(0.9)}, {}, {0, 1}, 0);
  EXPECT_EQ(w.only(), 0);
  EXPECT_EQ(w.why, "m0 keeps the session: it reads the result of its tool");
  EXPECT_EQ(lab.weigh({belief(0.1), belief(0.9)}, {true, false}, {0, 1}, 0).only(), 1);
  PolicyLab off("{ type: sticky, margin: 0, tool_loop: false, inner: { type: utility, cost: 0 } }");
  converse(off.request(), text, chat::Role::kTool);
  EXPECT_EQ(off.weigh({belief(0.1), belief(0.9)}, {}, {0, 1}, 0).only(), 1);
}

TEST(Sticky, NeedsAnInnerPolicy) {
  EXPECT_NE(PolicyLab::findings("sticky").find("inner: utility"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
