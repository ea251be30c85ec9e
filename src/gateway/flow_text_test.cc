#include "gateway/flow_text.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "chat/answer.h"
#include "wire/sse.h"

namespace swy::gateway {
namespace {

constexpr std::string_view kBody =
    R"({"model":"auto","stream":true,"stream_options":{"include_usage":true},"temperature":0.7,)"
    R"("messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function"}],"seed":7})";

TEST(FlowText, SendsTheClientsRequestUnstreamed) {
  EXPECT_EQ(inner_body(kBody, {"gpt", "", 0}).value(),
            R"({"model":"gpt","temperature":0.7,"messages":[{"role":"user","content":"hi"}],)"
            R"("tools":[{"type":"function"}],"seed":7})");
}

TEST(FlowText, GivesALaterSampleAnotherSeed) {
  const std::string body = inner_body(kBody, {"gpt", "", 2}).value();
  EXPECT_NE(body.find(R"("seed":9)"), std::string::npos);
  EXPECT_EQ(body.find(R"("seed":7)"), std::string::npos);
}

TEST(FlowText, SendsAPromptOfItsOwnWithoutTools) {
  EXPECT_EQ(inner_body(kBody, {"gpt", "is \"this\" right?", 0}).value(),
            R"({"model":"gpt","messages":[{"role":"user","content":"is \"this\" right?"}],)"
            R"("temperature":0.7,"seed":7})");
}

constexpr std::string_view kAnswer =
    R"({"id":"c1","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,)"
    R"("message":{"role":"assistant","content":"42"},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}})";

TEST(FlowText, ReadsWhatAnAnswerSays) {
  EXPECT_EQ(answer_said(kAnswer), "42");
  EXPECT_EQ(answer_said(R"({"choices":[{"message":{"content":null,"tool_calls":[{"id":"x1",)"
                        R"("function":{"name":"f","arguments":"{}"}}]}}]})"),
            R"({"name":"f","arguments":"{}"})");
  EXPECT_EQ(answer_said("{}"), "");
  EXPECT_EQ(answer_said("not json"), "");
}

TEST(FlowText, ReadsHowSureAModelWasOfItsTokens) {  // request-routing.md 5.12
  const auto p = answer_logprobs(
      R"({"choices":[{"message":{"content":"x"},"logprobs":{"content":[{"logprob":-0.1},)"
      R"({"logprob":-0.2},{"logprob":-0.05},{"logprob":-2.0}]}}]})");
  ASSERT_TRUE(p);
  EXPECT_NEAR(p->mean, -.5875, 1e-5);
  EXPECT_NEAR(p->min, -2.0, 1e-5);
  EXPECT_FALSE(answer_logprobs(kAnswer));
  EXPECT_NE(inner_body(kBody, {"gpt", "", 0, true}).value().find(R"("logprobs":true)"),
            std::string::npos);
}

TEST(FlowText, TurnsAnAnswerIntoAStreamThatEndsWell) {
  for (const bool usage : {false, true}) {
    const std::string events = answer_as_stream(kAnswer, usage).value();
    EXPECT_TRUE(events.ends_with("data: [DONE]\n\n"));
    wire::SseParser sse;
    base::JsonDoc parser;
    chat::StreamScan scan;
    sse.feed(events);
    wire::SseEvent event;
    while (sse.next(event).value()) (void)scan.feed(parser, event.event, event.data);
    EXPECT_TRUE(scan.finish().has_value());
    EXPECT_EQ(scan.finish_reason(), "stop");
    EXPECT_EQ(scan.content_bytes(), 2U);
    EXPECT_EQ(scan.usage().has_value(), usage);
  }
  EXPECT_FALSE(answer_as_stream("{}", false).has_value());
}

TEST(FlowText, NumbersToolCallsInAStream) {
  const std::string events =
      answer_as_stream(R"({"choices":[{"index":0,"message":{"role":"assistant","content":null,)"
                       R"("tool_calls":[{"id":"a","type":"function","function":{"name":"f",)"
                       R"("arguments":"{}"}}]},"finish_reason":"tool_calls"}]})",
                       false)
          .value();
  EXPECT_NE(events.find(R"("tool_calls":[{"index":0,"id":"a")"), std::string::npos);
}

}  // namespace
}  // namespace swy::gateway
