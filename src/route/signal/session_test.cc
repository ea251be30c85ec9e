#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

std::vector<Card> models() {
  std::vector<Card> cards(2);
  cards[0].name = "small";
  cards[1].name = "large";
  return cards;
}

TEST(SessionSignal, NamesThePreviousModel) {
  PluginLab lab(models());
  const auto s = lab.make_signal("{ type: session, previous: [large] }");
  Asked large("hi");
  large.session("s1", 1);
  EXPECT_EQ(PluginLab::ask(*s, large).truth, Truth::kTrue);
  EXPECT_EQ(PluginLab::ask(*s, large).label.view(), "large");
  Asked small("hi");
  small.session("s1", 0);
  EXPECT_EQ(PluginLab::ask(*s, small).truth, Truth::kFalse);
  EXPECT_EQ(PluginLab::ask(*s, small).label.view(), "small");
}

TEST(SessionSignal, AFirstTurnIsFalseAndNoSessionIsUnknown) {
  PluginLab lab(models());
  for (const std::string_view yaml : {"{ type: session }", "{ type: session, previous: small }"}) {
    const auto s = lab.make_signal(yaml);
    Asked first("hi");
    first.session("s1");
    EXPECT_EQ(PluginLab::ask(*s, first).truth, Truth::kFalse) << yaml;
    EXPECT_TRUE(PluginLab::ask(*s, first).label.empty());
    EXPECT_EQ(PluginLab::ask(*s, "hi").truth, Truth::kUnknown) << yaml;
  }
}

TEST(SessionSignal, WithoutAListAnyPreviousModelPasses) {
  PluginLab lab(models());
  const auto s = lab.make_signal("{ type: session }");
  Asked a("hi");
  a.session("s1", 0);
  EXPECT_EQ(PluginLab::ask(*s, a).truth, Truth::kTrue);
}

TEST(SessionSignal, AnIdThatTheCatalogueLacksIsUnknown) {
  PluginLab lab(models());
  const auto s = lab.make_signal("{ type: session }");
  Asked a("hi");
  a.session("s1", 7);
  EXPECT_EQ(PluginLab::ask(*s, a).truth, Truth::kUnknown);
}

TEST(SessionSignal, RejectsUnknownModelsWithTheNearestNames) {
  PluginLab lab(models());
  EXPECT_FALSE(lab.make_signal("{ type: session, previous: [larg, small] }"));
  EXPECT_EQ(lab.errors(),
            "lab:1:28: error: previous: no model is called 'larg', did you mean large?\n");
}

}  // namespace
}  // namespace swy::route::testing
