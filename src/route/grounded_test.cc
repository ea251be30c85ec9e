#include "route/grounded.h"

#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

const std::atomic<bool> kGo = false;

std::string errors_of(std::string_view yaml) {
  PluginLab lab;
  base::Diagnostics diag("x");
  const auto doc = base::parse_yaml(yaml, diag);
  EXPECT_TRUE(doc) << diag.to_text();
  EXPECT_EQ(make_grounding_guard("facts", *doc, lab), nullptr);
  return lab.errors();
}

TEST(GroundingGuard, NamesWhatIsWrongInItsOptions) {
  EXPECT_NE(errors_of("{ type: grounding, action: mask }").find("annotate, block"),
            std::string::npos);
  EXPECT_NE(errors_of("{ type: grounding, when: nothing }").find("unknown signal 'nothing'"),
            std::string::npos);
  EXPECT_NE(errors_of("{ type: grounding, context: [toolresults] }").find("tool_results"),
            std::string::npos);
  EXPECT_NE(errors_of("{ type: grounding, model: no/such.json }").find("no/such.json"),
            std::string::npos);
  EXPECT_NE(errors_of("{ type: grounding, entailment: no/such/folder }").find("no/such/folder"),
            std::string::npos);
}

TEST(GroundingGuard, TakesAtMostItsBoundOfContextAndSaysSo) {
  PluginLab lab;
  base::Diagnostics diag("x");
  const auto doc = base::parse_yaml("{ type: grounding, context: [system, user] }", diag);
  const auto guard = make_grounding_guard("facts", *doc, lab);
  ASSERT_NE(guard, nullptr) << lab.errors();
  const std::string many(GroundingGuard::kMaxContext, 'a');
  chat::Request request;
  request.parts = {{chat::PartKind::kText, many}, {chat::PartKind::kText, "and more"}};
  request.messages = {{chat::Role::kSystem, 0, 1, 0}, {chat::Role::kUser, 1, 1, 0}};
  Work work;
  work.request = &request;
  Scratch scratch;
  scratch.begin(work, 0);
  std::string_view why;
  const auto c = guard->case_of(scratch, why);
  ASSERT_TRUE(c);
  EXPECT_TRUE(c->cut);
  EXPECT_LE(c->context.size(), GroundingGuard::kMaxContext);
  EXPECT_EQ(c->question, "and more");
}

TEST(GroundingGuard, TheWorstChoiceDecides) {
  PluginLab lab;
  base::Diagnostics diag("x");
  const auto doc = base::parse_yaml("{ type: grounding }", diag);
  const auto guard = make_grounding_guard("facts", *doc, lab);
  ASSERT_NE(guard, nullptr) << lab.errors();
  const GroundingCase c{"The shop opens at 9:00 and closes at 18:00.", "When does it open?"};
  EXPECT_EQ(guard->judge(c, {{0, "The shop opens at 9:00."}}, kGo).result,
            GroundingResult::kSupported);
  const Grounded two =
      guard->judge(c, {{0, "The shop opens at 9:00."}, {1, "The shop opens at 11:30."}}, kGo);
  EXPECT_EQ(two.result, GroundingResult::kUnsupported);
  ASSERT_FALSE(two.parts.empty());
  EXPECT_EQ(two.parts[0].choice, 1U);
  EXPECT_EQ(guard->judge(c, {{0, " "}}, kGo).why, "no text");
  EXPECT_EQ(guard->judge(c, {{0, "It opens at 9:00."}}, true).why, "late");
}

}  // namespace
}  // namespace swy::route::testing
