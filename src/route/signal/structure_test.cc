#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Fact ask(std::string_view yaml, std::string_view text) {
  PluginLab lab;
  const auto s = lab.make_signal(yaml);
  return PluginLab::ask(*s, text);
}

Fact feature(std::string_view name, std::string_view text) {
  return ask(std::string("{ type: structure, feature: ") + std::string(name) + " }", text);
}

constexpr std::string_view kCode = "Fix this:\n```python\ndef f(x):\n    return x + 1\n```\n";
constexpr std::string_view kMath = "Solve $x^2 + 3x = \\frac{1}{2}$ and then \\int_0^1 x dx = ?";
constexpr std::string_view kTable = "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n";
constexpr std::string_view kJson = R"({"name": "x", "items": [1, 2, {"deep": true}]})";
constexpr std::string_view kProse =
    "Tell me about the history of the little harbour town in the north.";

TEST(StructureSignal, JudgesCodeMathTablesAndJson) {
  EXPECT_EQ(feature("code", kCode).truth, Truth::kTrue);
  EXPECT_EQ(feature("math", kMath).truth, Truth::kTrue);
  EXPECT_EQ(feature("table", kTable).truth, Truth::kTrue);
  EXPECT_EQ(feature("json", kJson).truth, Truth::kTrue);
  for (const std::string_view name : {"code", "math", "table", "json"}) {
    const Fact f = feature(name, kProse);
    EXPECT_EQ(f.truth, Truth::kFalse) << name;
    // Sure of an answer means sure of "no" here: value is the probability of "yes".
    EXPECT_NEAR(f.confidence, 1 - f.value, 1e-6) << name;
    EXPECT_GT(f.confidence, 0.5F) << name;
  }
}

TEST(StructureSignal, CountsWhatIsNamed) {
  constexpr std::string_view kText =
      "# Title\n- one\n- two\nWhy? How? See https://example.org/a.\n";
  EXPECT_EQ(feature("questions", kText).value, 2);
  EXPECT_EQ(feature("list_items", kText).value, 2);
  EXPECT_EQ(feature("urls", kText).value, 1);
  EXPECT_EQ(feature("headings", kText).value, 1);
  EXPECT_EQ(feature("lines", kText).value, 4);
  EXPECT_EQ(feature("chars", "h\xC3\xA9").value, 2);
  EXPECT_EQ(feature("words", "one two three").value, 3);
  EXPECT_EQ(feature("questions", kProse).truth, Truth::kFalse);
  EXPECT_EQ(feature("sentences", kProse).truth, Truth::kTrue);
}

TEST(StructureSignal, SharesAreOfCharactersAndLetters) {
  EXPECT_NEAR(feature("digits_share", "ab12").value, 0.5, 1e-6);
  EXPECT_NEAR(feature("upper_case_share", "ABcd 12").value, 0.5, 1e-6);
}

TEST(StructureSignal, BoundsReplacePresence) {
  EXPECT_EQ(ask("{ type: structure, feature: words, above: 2, below: 4 }", "one two three").truth,
            Truth::kTrue);
  EXPECT_EQ(ask("{ type: structure, feature: words, above: 3 }", "one two three").truth,
            Truth::kFalse);
  EXPECT_EQ(ask("{ type: structure, feature: code, above: 0.999999 }", kProse).truth,
            Truth::kFalse);
  EXPECT_EQ(ask("{ type: structure, feature: code, below: 0.5 }", kProse).truth, Truth::kTrue);
}

TEST(StructureSignal, NoTextIsUnknown) {
  EXPECT_EQ(feature("code", "").truth, Truth::kUnknown);
  EXPECT_EQ(ask("{ type: structure, feature: words, scope: system }", "hi").truth, Truth::kUnknown);
}

TEST(StructureSignal, OtherScopesAreRead) {
  PluginLab lab;
  Asked a;
  a.say(chat::Role::kUser, kCode).say(chat::Role::kUser, kProse);
  EXPECT_EQ(PluginLab::ask(*lab.make_signal("{ type: structure, feature: code }"), a).truth,
            Truth::kFalse);
  EXPECT_EQ(
      PluginLab::ask(*lab.make_signal("{ type: structure, feature: code, scope: user }"), a).truth,
      Truth::kTrue);
}

TEST(StructureSignal, HostileTextIsTotal) {
  for (const std::string& text :
       {std::string(60000, '`'), std::string(60000, '{'), std::string(60000, '\xFF')}) {
    for (const std::string_view name : {"code", "math", "table", "json", "digits_share"}) {
      EXPECT_NE(feature(name, text).truth, Truth::kUnknown) << name;
    }
  }
}

TEST(StructureSignal, RejectsUnknownFeatures) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal("{ type: structure, feature: coed }"));
  EXPECT_NE(lab.errors().find("not 'coed', did you mean code"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: structure }"));
  EXPECT_NE(lab.errors().find("feature is one of code, math"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: structure, feature: words, above: 5, below: 2 }"));
  EXPECT_NE(lab.errors().find("no value is more than 5 and less than 2"), std::string::npos)
      << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: structure, feature: words, about: 5 }"));
  EXPECT_NE(lab.errors().find("did you mean above"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
