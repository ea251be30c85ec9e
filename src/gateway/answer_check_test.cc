#include "gateway/answer_check.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "route/testing/plugin_lab.h"

namespace swy::gateway {
namespace {

// A guard as an operator writes it, and a request whose tool result is the context.
class AnswerCheckTest : public testing::Test {
 protected:
  std::unique_ptr<route::GroundingGuard> guard(const std::string& options) {
    base::Diagnostics diag("x");
    const auto doc = base::parse_yaml("{ type: grounding" + options + " }", diag);
    auto made = route::make_grounding_guard("facts", *doc, lab_);
    EXPECT_NE(made, nullptr) << lab_.errors();
    return made;
  }
  void begin(std::string_view context) {
    request_.parts = {{chat::PartKind::kText, "How tall is the tower?"},
                      {chat::PartKind::kText, context}};
    request_.messages = {{chat::Role::kUser, 0, 1, 0}, {chat::Role::kTool, 1, 1, 0}};
    work_.request = &request_;
    scratch_.begin(work_, 0);
  }
  void judge(AnswerCheck& check, const std::string& answer) {
    const auto j = check.judging(nullptr, {{0, answer}}, false);
    const std::atomic<bool> go = false;
    j->run(go);
    check.conclude(j->result);
  }

  route::testing::PluginLab lab_;
  chat::Request request_;
  route::Work work_;
  route::Scratch scratch_;
};

constexpr std::string_view kTower =
    "The tower was opened in 1889. It is 330 metres tall and has three levels for visitors.";

TEST_F(AnswerCheckTest, SupportedAnswersPassAndWrongNumbersAreNamedWithWhatTheContextHas) {
  const auto g = guard(", action: block");
  begin(kTower);
  AnswerCheck good(*g, scratch_);
  ASSERT_TRUE(good.pending());
  EXPECT_TRUE(good.holds());
  judge(good, "The tower is 330 metres tall.");
  EXPECT_EQ(good.result().result, route::GroundingResult::kSupported) << good.header();
  EXPECT_FALSE(good.stopped());

  AnswerCheck bad(*g, scratch_);
  judge(bad, "The tower is 512 metres tall.");
  EXPECT_EQ(bad.result().result, route::GroundingResult::kUnsupported) << bad.header();
  EXPECT_TRUE(bad.stopped());
  ASSERT_FALSE(bad.result().parts.empty());
  EXPECT_EQ(bad.result().parts[0].said, "512");
  EXPECT_EQ(bad.result().parts[0].found, "330");
  EXPECT_NE(bad.reason().find("512"), std::string::npos);
}

TEST_F(AnswerCheckTest, WithoutContextNothingIsCheckedAndNothingIsHeld) {
  const auto g = guard(", action: block");
  begin(" \n");
  const AnswerCheck check(*g, scratch_);
  EXPECT_FALSE(check.pending());
  EXPECT_FALSE(check.holds());
  EXPECT_FALSE(check.stopped());
  EXPECT_EQ(check.header(), "unchecked; why=no context");
}

TEST_F(AnswerCheckTest, WhatCannotBeJudgedIsStoppedOnlyByAClosedBlock) {
  for (const auto& [options, stops] :
       {std::pair{", action: block", true}, std::pair{", action: block, unknown: open", false},
        std::pair{", action: annotate", false}}) {
    const auto g = guard(options);
    begin(kTower);
    AnswerCheck check(*g, scratch_);
    check.give_up("queue full");
    EXPECT_EQ(check.stopped(), stops) << options;
    EXPECT_EQ(check.header(), "unknown; why=queue full");
  }
}

TEST_F(AnswerCheckTest, TheTrailingFieldIsJsonInBodyAndStream) {
  const auto g = guard("");
  begin(kTower);
  AnswerCheck check(*g, scratch_);
  EXPECT_FALSE(check.holds());
  judge(check, "Ü: der Turm. The tower is 512 metres tall.");
  base::JsonDoc doc;
  const auto body = doc.parse(check.in_body(R"({"choices":[]} )"));
  ASSERT_TRUE(body);
  const auto grounding = body->find("switchyard")->find("grounding");
  EXPECT_EQ(grounding->string_or("result", ""), "unsupported");
  bool named = false;
  grounding->find("parts")->each([&](const base::Json& p) {
    named = named || (p.string_or("said", "") == "512" && p.integer_or("start", 0) > 0);
  });
  EXPECT_TRUE(named);
  const std::string event = check.as_event({"c1", "m", 7});
  ASSERT_TRUE(event.starts_with("data: ") && event.ends_with("\n\n"));
  const auto chunk = doc.parse(std::string_view(event).substr(6, event.size() - 8));
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->find("choices")->size(), 0U);
  EXPECT_TRUE(chunk->find("switchyard"));
}

TEST_F(AnswerCheckTest, RecordsGetCountsAndNoText) {
  const auto g = guard("");
  begin(kTower);
  AnswerCheck check(*g, scratch_);
  judge(check, "The tower is 512 metres tall.");
  std::string out;
  base::JsonWriter w(out);
  check.write(w, false);
  EXPECT_EQ(out.find("512"), std::string::npos) << out;
  EXPECT_NE(out.find("\"contradicted\":1"), std::string::npos) << out;
}

}  // namespace
}  // namespace swy::gateway
