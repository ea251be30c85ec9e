#include "base/doc.h"

#include <gtest/gtest.h>

namespace swy::base {
namespace {

TEST(ParseYaml, KeepsThePlaceOfEveryNode) {
  Diagnostics diag("f.yaml");
  const auto doc = parse_yaml("a: 1\nb:\n  - { c: \"x\" }\n", diag);
  ASSERT_TRUE(doc);
  EXPECT_EQ(doc->find("a")->as_integer(), 1);
  const Doc& c = *doc->find("b")->items()[0].find("c");
  EXPECT_TRUE(c.quoted());
  EXPECT_EQ(c.mark().line, 3);
  EXPECT_EQ(c.mark().column, 10);
}

TEST(ParseYaml, ReportsDuplicatesAndSyntaxWithLineAndColumn) {
  Diagnostics diag("f.yaml");
  EXPECT_FALSE(parse_yaml("a: 1\na: 2\n", diag));
  EXPECT_EQ(diag.to_text(), "f.yaml:2:1: error: key 'a' is given twice\n");
  Diagnostics bad("g.yaml");
  EXPECT_FALSE(parse_yaml("a: [1, 2\nb: }\n", bad));
  ASSERT_EQ(bad.errors(), 1U);
  EXPECT_GT(bad.all()[0].mark.line, 0);
}

TEST(ParseYaml, StopsAtDepthAndAtAliasBombs) {
  Diagnostics diag;
  EXPECT_FALSE(parse_yaml(std::string(200, '[') + std::string(200, ']'), diag));
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k != 0 ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  Diagnostics diag2;
  EXPECT_FALSE(parse_yaml(bomb, diag2));
}

TEST(ParseYaml, RefusesSeveralDocumentsAndTokensThatBelongNowhere) {
  for (const std::string_view text :
       {"a: 1\n---\nb: 2\n", ",", ",,,,a: 1\n", "a: 1\n...\nb: 2\n"}) {
    Diagnostics diag("x.yaml");
    EXPECT_FALSE(parse_yaml(text, diag)) << text;
    EXPECT_FALSE(diag.ok()) << text;
  }
  Diagnostics diag("x.yaml");
  EXPECT_TRUE(parse_yaml("---\na: 1\n...\n", diag)) << diag.to_text();
}

TEST(NearestNames, PutsTheClosestFirst) {
  const std::vector<std::string> known = {"utility", "threshold", "first", "weighted"};
  EXPECT_EQ(nearest_names("utilty", known, 2).front(), "utility");
  EXPECT_EQ(nearest_names("frist", known, 1).front(), "first");
  EXPECT_TRUE(nearest_names("zzzzzzzzzzz", known, 3).empty());
  EXPECT_EQ(did_you_mean("treshold", known), ", did you mean threshold?");
}

}  // namespace
}  // namespace swy::base
