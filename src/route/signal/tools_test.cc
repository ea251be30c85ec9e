#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

using chat::ToolChoice;

Fact ask(std::string_view yaml, Asked& a) {
  PluginLab lab;
  const auto s = lab.make_signal(yaml);
  return PluginLab::ask(*s, a);
}

TEST(ToolsSignal, BareAsksWhetherThereAreAny) {
  Asked without("hi");
  const Fact none = ask("{ type: tools }", without);
  EXPECT_EQ(none.truth, Truth::kFalse);
  EXPECT_EQ(none.value, 0);
  EXPECT_EQ(none.label.view(), "none");
  Asked with("hi");
  with.tool("search").tool("weather");
  const Fact two = ask("{ type: tools }", with);
  EXPECT_EQ(two.truth, Truth::kTrue);
  EXPECT_EQ(two.value, 2);
  EXPECT_EQ(two.label.view(), "auto");
}

TEST(ToolsSignal, AnyDeclaredNameSuffices) {
  Asked a("hi");
  a.tool("search");
  EXPECT_EQ(ask("{ type: tools, declared: [browse, search] }", a).truth, Truth::kTrue);
  EXPECT_EQ(ask("{ type: tools, declared: [browse, Search] }", a).truth, Truth::kFalse);
}

TEST(ToolsSignal, EverythingConfiguredMustHold) {
  Asked a("hi");
  a.tool("search").tool("weather");
  a.request.tool_choice = ToolChoice::kRequired;
  EXPECT_EQ(ask("{ type: tools, declared: search, min: 2, choice: [required, named] }", a).truth,
            Truth::kTrue);
  EXPECT_EQ(ask("{ type: tools, declared: search, min: 3, choice: [required, named] }", a).truth,
            Truth::kFalse);
  EXPECT_EQ(ask("{ type: tools, min: 2, choice: named }", a).truth, Truth::kFalse);
  EXPECT_EQ(ask("{ type: tools, choice: required }", a).label.view(), "required");
}

TEST(ToolsSignal, AnUnsetChoiceIsTheOneTheApiTakes) {
  Asked a("hi");
  EXPECT_EQ(ask("{ type: tools, choice: none }", a).truth, Truth::kTrue);
  a.tool("search");
  EXPECT_EQ(ask("{ type: tools, choice: none }", a).truth, Truth::kFalse);
  EXPECT_EQ(ask("{ type: tools, choice: auto }", a).truth, Truth::kTrue);
}

TEST(ToolsSignal, RejectsUnknownChoicesAndKeys) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal("{ type: tools, choice: [requird] }"));
  EXPECT_NE(lab.errors().find("not 'requird', did you mean required"), std::string::npos)
      << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: tools, min: -1 }"));
  EXPECT_NE(lab.errors().find("min must be"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: tools, declare: [a] }"));
  EXPECT_NE(lab.errors().find("did you mean declared"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: tools, declared: [''] }"));
  EXPECT_NE(lab.errors().find("declared holds an empty text"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
