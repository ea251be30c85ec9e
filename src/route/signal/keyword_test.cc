#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Fact ask(std::string_view yaml, std::string_view text) {
  PluginLab lab;
  const auto s = lab.make_signal(yaml);
  return s == nullptr ? Fact{Truth::kUnknown, 0, -1, {"not made"}} : PluginLab::ask(*s, text);
}

bool holds(std::string_view yaml, std::string_view text) {
  return ask(yaml, text).truth == Truth::kTrue;
}

TEST(KeywordSignal, FindsAnyOfItsPhrasesAtWordEdges) {
  constexpr std::string_view kYaml = "{ type: keyword, any: [cat, 'hot dog'] }";
  EXPECT_TRUE(holds(kYaml, "A Cat, please"));
  EXPECT_TRUE(holds(kYaml, "one HOT dog!"));
  EXPECT_EQ(ask(kYaml, "concatenate").truth, Truth::kFalse);
  EXPECT_TRUE(holds("{ type: keyword, any: [cat], word_boundaries: false }", "concatenate"));
}

TEST(KeywordSignal, APhraseEdgeThatIsNoWordCharacterNeedsNoBoundary) {
  constexpr std::string_view kYaml = "{ type: keyword, any: ['```', '#include', 'def '] }";
  EXPECT_TRUE(holds(kYaml, "x```py"));
  EXPECT_TRUE(holds(kYaml, "a#include <x>"));
  EXPECT_TRUE(holds(kYaml, "def f():"));
  EXPECT_FALSE(holds(kYaml, "undef x"));
  EXPECT_FALSE(holds(kYaml, "#included"));
}

TEST(KeywordSignal, CaseMattersOnlyWhenAsked) {
  EXPECT_TRUE(holds("{ type: keyword, any: [SQL], regex: [] }", "sql"));
  EXPECT_FALSE(holds("{ type: keyword, any: [SQL], case_sensitive: true }", "sql"));
  EXPECT_TRUE(holds("{ type: keyword, regex: ['sel.ct'] }", "SELECT"));
  EXPECT_FALSE(holds("{ type: keyword, regex: ['sel.ct'], case_sensitive: true }", "SELECT"));
}

TEST(KeywordSignal, CombinesAnyAllNoneAndRegex) {
  constexpr std::string_view kYaml =
      "{ type: keyword, any: [red, green], regex: ['blu+e'], all: [paint, wall], none: [car], "
      "min_matches: 2 }";
  EXPECT_TRUE(holds(kYaml, "paint the wall red and green"));
  EXPECT_TRUE(holds(kYaml, "paint the wall red and bluuue"));
  EXPECT_FALSE(holds(kYaml, "paint the wall red red red"));
  EXPECT_FALSE(holds(kYaml, "paint it red and green"));
  EXPECT_FALSE(holds(kYaml, "paint the wall red and green like the car"));
}

TEST(KeywordSignal, NoneAloneIsTrueWhenNothingIsFound) {
  EXPECT_TRUE(holds("{ type: keyword, none: [secret] }", "hello"));
  EXPECT_FALSE(holds("{ type: keyword, none: [secret] }", "a secret"));
  EXPECT_EQ(ask("{ type: keyword, none: [secret] }", "a secret").value, 0);
}

TEST(KeywordSignal, ValueCountsDifferentMatchesAndLabelIsTheFirstAsConfigured) {
  const Fact f = ask("{ type: keyword, any: [Alpha, beta], all: [gamma], regex: ['d.lta'] }",
                     "beta ALPHA beta gamma delta");
  EXPECT_EQ(f.value, 4);
  EXPECT_EQ(f.label.view(), "beta");
  EXPECT_EQ(ask("{ type: keyword, any: [Alpha, beta] }", "alpha").label.view(), "Alpha");
  EXPECT_EQ(ask("{ type: keyword, regex: ['[a-z]+@[a-z]+'] }", "mail me@home").label.view(),
            "[a-z]+@[a-z]+");
  EXPECT_TRUE(ask("{ type: keyword, any: [Alpha] }", "omega").label.empty());
}

TEST(KeywordSignal, NoTextIsUnknown) {
  EXPECT_EQ(ask("{ type: keyword, any: [a] }", "").truth, Truth::kUnknown);
  EXPECT_EQ(ask("{ type: keyword, none: [a], scope: system }", "only the user speaks").truth,
            Truth::kUnknown);
}

TEST(KeywordSignal, ReadsTheScopeThatIsConfigured) {
  PluginLab lab;
  Asked a;
  a.say(chat::Role::kSystem, "alpha")
      .say(chat::Role::kUser, "beta")
      .say(chat::Role::kAssistant, "gamma");
  a.say(chat::Role::kUser, "delta");
  const auto value = [&](std::string_view scope) {
    const auto s = lab.make_signal(
        "{ type: keyword, any: [alpha, beta, gamma, delta], scope: " + std::string(scope) + " }");
    return PluginLab::ask(*s, a).value;
  };
  EXPECT_EQ(value("last_user"), 1);
  EXPECT_EQ(value("user"), 2);
  EXPECT_EQ(value("system"), 1);
  EXPECT_EQ(value("all"), 4);
}

TEST(KeywordSignal, HostileTextIsReadToItsEnd) {
  constexpr std::string_view kYaml = "{ type: keyword, any: [needle, '(((('], regex: ['(a+)+$'] }";
  EXPECT_EQ(ask(kYaml, std::string(60000, '(')).value, 1);
  EXPECT_EQ(ask(kYaml, std::string(60000, 'a') + "!").truth, Truth::kFalse);
  EXPECT_TRUE(holds(kYaml, std::string(1000, '\xFF') + " needle"));
  EXPECT_TRUE(holds(kYaml, std::string_view("\0\0 needle \0", 11)));
}

TEST(KeywordSignal, RejectsWhatCannotWork) {
  PluginLab lab;
  const auto error = [&](std::string_view yaml) {
    EXPECT_FALSE(lab.make_signal(yaml)) << yaml;
    return lab.errors();
  };
  EXPECT_EQ(error("{ type: keyword }"),
            "lab:1:1: error: keyword needs phrases: give any, all, none or regex\n");
  EXPECT_NE(error("{ type: keyword, any: [] }").find("needs phrases"), std::string::npos);
  EXPECT_NE(error("{ type: keyword, any: [''] }").find("any holds an empty text"),
            std::string::npos);
  EXPECT_NE(error("{ type: keyword, any: [a, a] }").find("any holds 'a' twice"), std::string::npos);
  EXPECT_NE(
      error("{ type: keyword, any: [a], min_matches: 2 }").find("any and regex hold 1 together"),
      std::string::npos);
  EXPECT_NE(error("{ type: keyword, all: [a], none: [a] }").find("never true"), std::string::npos);
  EXPECT_NE(error("{ type: keyword, regex: ['('] }").find("lab:1:25: error"), std::string::npos);
  EXPECT_NE(error("{ type: keyword, any: [a], scope: users }").find("did you mean user"),
            std::string::npos);
  EXPECT_NE(error("{ type: keyword, anny: [a] }").find("unknown key 'anny', did you mean any"),
            std::string::npos);
  EXPECT_NE(error("{ type: keyword, any: { a: 1 } }").find("any must be a list of texts"),
            std::string::npos);
  EXPECT_NE(
      error("{ type: keyword, any: [a], case_sensitive: perhaps }").find("must be true or false"),
      std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
