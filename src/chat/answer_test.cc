#include "chat/answer.h"

#include <gtest/gtest.h>

#include <string>

namespace swy::chat {
namespace {

constexpr std::string_view kCompletion =
    R"({"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m-2025",
 "choices":[{"index":0,"message":{"role":"assistant","content":"caf\u00e9","refusal":null},"finish_reason":"stop"},
            {"index":1,"message":{"role":"assistant","content":null,"refusal":"I cannot",
             "tool_calls":[{"id":"a"},{"id":"b"}]},"finish_reason":"tool_calls"}],
 "usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30,
   "prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":6}}})";

TEST(AnswerDoc, ReadsACompletion) {
  AnswerDoc doc;
  const auto a = doc.read(kCompletion);
  ASSERT_TRUE(a) << a.error().message;
  EXPECT_EQ(a->id, "chatcmpl-1");
  EXPECT_EQ(a->model, "m-2025");
  EXPECT_EQ(a->finish_reason, "stop");
  EXPECT_EQ(a->choices, 2U);
  EXPECT_EQ(a->content_bytes, 5U);
  EXPECT_EQ(a->tool_calls, 2U);
  EXPECT_TRUE(a->refusal);
  EXPECT_EQ(a->usage, (Usage{10, 20, 4, 6, false}));
  EXPECT_FALSE(a->error);
}

TEST(AnswerDoc, TakesUsageOnlyWhenItsCountsMakeSense) {
  AnswerDoc doc;
  const auto usage = [&](const std::string& value) {
    const auto a =
        doc.read(R"({"choices":[{"message":{"content":[{"type":"text","text":"ab"}]}}],"usage":)" +
                 value + "}");
    EXPECT_TRUE(a);
    EXPECT_EQ(a->content_bytes, 2U);
    return a->usage;
  };
  EXPECT_FALSE(usage("null"));
  EXPECT_FALSE(usage("{}"));
  EXPECT_FALSE(usage(R"({"prompt_tokens":-5,"completion_tokens":1})"));
  EXPECT_FALSE(usage(R"({"prompt_tokens":"5","completion_tokens":1})"));
  EXPECT_EQ(usage(R"({"prompt_tokens":5,"completion_tokens":1})"), (Usage{5, 1, 0, 0, false}));
  EXPECT_EQ(
      usage(R"({"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9},
    "completion_tokens_details":{"reasoning_tokens":-3}})"),
      (Usage{5, 1, 5, 0, false}));
}

TEST(AnswerDoc, ReadsErrorEnvelopes) {
  AnswerDoc doc;
  auto a = doc.read(
      R"({"error":{"message":"no","type":"invalid_request_error","param":null,"code":"model_not_found"}})");
  ASSERT_TRUE(a && a->error);
  EXPECT_EQ(a->error->message, "no");
  EXPECT_EQ(a->error->type, "invalid_request_error");
  EXPECT_EQ(a->error->param, "");
  EXPECT_EQ(a->error->code, "model_not_found");
  a = doc.read(R"({"error":"just text"})");
  ASSERT_TRUE(a && a->error);
  EXPECT_EQ(a->error->message, "just text");
  a = doc.read(R"({"object":"error","message":"old way","type":"BadRequestError","code":400})");
  ASSERT_TRUE(a && a->error);
  EXPECT_EQ(a->error->message, "old way");
  EXPECT_EQ(a->error->code, "400");
  a = doc.read(R"({"error":{"message":")" + std::string(100'000, 'x') + "\"}}");
  ASSERT_TRUE(a && a->error);
  EXPECT_LT(a->error->message.size(), 5'000U);
}

TEST(AnswerDoc, RefusesWhatIsNoChatCompletion) {
  AnswerDoc doc;
  for (const std::string_view body :
       {"", "<html>", "[]", "null", "{}", R"({"choices":{}})", R"({"choices":[]})",
        R"({"choices":[1]})", R"({"choices":[{"text":"a legacy completion"}]})",
        R"({"choices":[{"message":"x"}]})", R"({"error":null})", R"({"choices":[{"message":{}})"}) {
    const auto a = doc.read(body);
    ASSERT_FALSE(a) << body;
    EXPECT_EQ(a.error().code, ErrorCode::kProtocol) << body;
  }
}

}  // namespace
}  // namespace swy::chat
