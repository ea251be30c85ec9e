#include <gtest/gtest.h>

#include <cmath>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Fact ask(std::string_view yaml, Asked& a) {
  PluginLab lab;
  const auto s = lab.make_signal(yaml);
  return PluginLab::ask(*s, a);
}

TEST(MetadataSignal, ComparesWithAListOfValues) {
  Asked a("hi");
  a.metadata("team", "red");
  EXPECT_EQ(ask("{ type: metadata, key: team, equals: red }", a).truth, Truth::kTrue);
  EXPECT_EQ(ask("{ type: metadata, key: team, equals: [blue, red] }", a).truth, Truth::kTrue);
  EXPECT_EQ(ask("{ type: metadata, key: team, equals: [Red] }", a).truth, Truth::kFalse);
  EXPECT_EQ(ask("{ type: metadata, key: team, equals: [Red] }", a).label.view(), "red");
}

TEST(MetadataSignal, AnAbsentKeyIsUnknownUnlessExistsAsksForIt) {
  Asked a("hi");
  for (const std::string_view test : {"", ", equals: red", ", regex: r"}) {
    const std::string open = "{ type: metadata, key: team" + std::string(test);
    EXPECT_EQ(ask(open + " }", a).truth, Truth::kUnknown) << test;
    EXPECT_EQ(ask(open + ", exists: true }", a).truth, Truth::kFalse) << test;
  }
  a.metadata("team", "");
  EXPECT_EQ(ask("{ type: metadata, key: team }", a).truth, Truth::kTrue);
}

TEST(MetadataSignal, RegexFindsAnywhereAndJoinsEquals) {
  Asked a("hi");
  a.metadata("ticket", "OPS-1234");
  EXPECT_EQ(ask("{ type: metadata, key: ticket, regex: '[0-9]{4}' }", a).truth, Truth::kTrue);
  EXPECT_EQ(ask("{ type: metadata, key: ticket, regex: '^[0-9]' }", a).truth, Truth::kFalse);
  EXPECT_EQ(ask("{ type: metadata, key: ticket, regex: OPS, equals: OPS-1 }", a).truth,
            Truth::kFalse);
}

TEST(MetadataSignal, HeaderNamesIgnoreCaseAndMetadataKeysDoNot) {
  Asked a("hi");
  a.header("x-team", "red").metadata("x-team", "blue").metadata("X-Team", "green");
  EXPECT_EQ(ask("{ type: metadata, key: X-Team, source: header }", a).label.view(), "red");
  EXPECT_EQ(ask("{ type: metadata, key: X-Team }", a).label.view(), "green");
}

TEST(MetadataSignal, TheFirstOfSeveralCounts) {
  Asked a("hi");
  a.metadata("team", "red").metadata("team", "blue");
  EXPECT_EQ(ask("{ type: metadata, key: team, equals: blue }", a).truth, Truth::kFalse);
}

TEST(MetadataSignal, ANumberIsAlsoAValue) {
  Asked a("hi");
  a.metadata("priority", "-2.5")
      .metadata("word", "3 apples")
      .metadata("big", "1e999")
      .metadata("not", "nan");
  EXPECT_EQ(ask("{ type: metadata, key: priority }", a).value, -2.5);
  EXPECT_TRUE(std::isnan(ask("{ type: metadata, key: word }", a).value));
  EXPECT_TRUE(std::isnan(ask("{ type: metadata, key: big }", a).value));
  EXPECT_TRUE(std::isnan(ask("{ type: metadata, key: not }", a).value));
}

TEST(MetadataSignal, HostileValuesAreCutNotTrusted) {
  Asked a("hi");
  a.metadata("k", std::string(100000, '\xFF')).metadata("z", std::string_view("\0a", 2));
  EXPECT_LE(ask("{ type: metadata, key: k }", a).label.view().size(), 30U);
  EXPECT_EQ(ask("{ type: metadata, key: z, regex: a }", a).truth, Truth::kTrue);
}

TEST(MetadataSignal, RejectsMissingKeysBadSourcesAndBadPatterns) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal("{ type: metadata }"));
  EXPECT_NE(lab.errors().find("metadata needs key"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: metadata, key: a, source: headers }"));
  EXPECT_NE(lab.errors().find("not 'headers', did you mean header?"), std::string::npos)
      << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: metadata, key: a, regex: '(' }"));
  EXPECT_NE(lab.errors().find("lab:1:34: error"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: metadata, key: a, equal: b }"));
  EXPECT_NE(lab.errors().find("did you mean equals"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
