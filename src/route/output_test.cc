#include "route/output.h"

#include <gtest/gtest.h>

namespace swy::route {
namespace {

std::string error(const std::string& yaml) {
  base::Diagnostics diag("lab");
  const auto doc = base::parse_yaml(yaml, diag);
  EXPECT_FALSE(make_output_guard("g", *doc, diag)) << yaml;
  return diag.to_text();
}

TEST(OutputGuard, FindsPhrasesAndPatternsWithoutOverlap) {
  base::Diagnostics diag("lab");
  const auto doc = base::parse_yaml(
      "{ type: phrases, any: [red, red wine], regex: ['wine [0-9]+'], action: mask, replace: X }",
      diag);
  const auto g = make_output_guard("g", *doc, diag);
  ASSERT_TRUE(g) << diag.to_text();
  std::vector<OutputHit> hits;
  g->find("Red wine 12, wine 7, reddish", hits);
  ASSERT_EQ(hits.size(), 2U);
  EXPECT_EQ(hits[0].begin, 0U);
  EXPECT_EQ(hits[0].end, 8U);
  EXPECT_EQ(hits[1].begin, 13U);
  EXPECT_EQ(hits[0].replacement, "X");
}

TEST(OutputGuard, RejectsWhatCannotWork) {
  EXPECT_NE(error("{ any: [a] }").find("needs a `type`"), std::string::npos);
  EXPECT_NE(error("{ type: phrase, any: [a] }").find("did you mean phrases"), std::string::npos);
  EXPECT_NE(error("{ type: phrases }").find("needs any or regex"), std::string::npos);
  EXPECT_NE(error("{ type: phrases, regex: ['('] }").find("lab:1:25: error"), std::string::npos)
      << error("{ type: phrases, regex: ['('] }");
  EXPECT_NE(error("{ type: pii, types: [EMAIL] }").find("not 'EMAIL'"), std::string::npos);
  EXPECT_NE(error("{ type: pii, any: [a] }").find("unknown key 'any'"), std::string::npos);
  EXPECT_NE(error("{ type: pii, action: drop }").find("action is one of"), std::string::npos);
  EXPECT_NE(error("{ type: pii, window: 1 }").find("window"), std::string::npos);
}

}  // namespace
}  // namespace swy::route
