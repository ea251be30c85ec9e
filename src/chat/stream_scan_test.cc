#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "chat/answer.h"

namespace swy::chat {
namespace {

std::string delta(std::string_view members, std::string_view finish = "null", int index = 0) {
  return R"({"id":"c","object":"chat.completion.chunk","choices":[{"index":)" +
         std::to_string(index) + R"(,"delta":{)" + std::string(members) + R"(},"finish_reason":)" +
         std::string(finish) + "}]}";
}

struct Scanned {
  StreamScan scan;
  std::vector<StreamStep> steps;
};

Scanned scan_all(const std::vector<std::string>& events) {
  base::JsonDoc parser;
  Scanned s;
  for (const std::string& e : events) s.steps.push_back(s.scan.feed(parser, "", e));
  return s;
}

ErrorCode ending(const std::vector<std::string>& events) {
  const auto status = scan_all(events).scan.finish();
  return status ? ErrorCode::kInternal : status.error().code;  // kInternal: it ended well
}
constexpr ErrorCode kWell = ErrorCode::kInternal;

TEST(StreamScan, CountsAStreamThatEndsWell) {
  const auto s =
      scan_all({delta(R"("role":"assistant","content":"")"), delta(R"("content":"caf\u00e9")"),
                delta(R"("content":"!")"), delta("", R"("stop")"),
                R"({"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}})", "[DONE]"});
  using enum StreamStep;
  EXPECT_EQ(s.steps, (std::vector<StreamStep>{kChunk, kChunk, kChunk, kChunk, kUsage, kDone}));
  EXPECT_EQ(s.scan.content_bytes(), 6U);
  EXPECT_EQ(s.scan.deltas(), 2U);
  EXPECT_EQ(s.scan.chunks(), 5U);
  EXPECT_EQ(s.scan.finish_reason(), "stop");
  EXPECT_EQ(s.scan.usage_or_estimate(99), (Usage{3, 2, 0, 0, false}));
  EXPECT_TRUE(s.scan.done());
  EXPECT_TRUE(s.scan.finish());
}

TEST(StreamScan, SeesFirstContentOnlyWhenOutputArrives) {
  base::JsonDoc parser;
  StreamScan scan;
  scan.feed(parser, "", delta(R"("role":"assistant","content":"","refusal":null)"));
  EXPECT_FALSE(scan.first_content());
  scan.feed(parser, "", delta(R"("content":"a")"));
  EXPECT_TRUE(scan.first_content());
}

TEST(StreamScan, CountsEveryKindOfOutputAsADelta) {
  const auto s = scan_all(
      {delta(R"("reasoning_content":"hm")"),
       delta(R"("tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}])"),
       delta(R"("tool_calls":[{"index":0,"function":{"arguments":"{}"}}])"),
       delta(R"("refusal":"no")"), delta(R"("content":null)")});
  EXPECT_EQ(s.scan.deltas(), 4U);
  EXPECT_EQ(s.scan.tool_calls(), 1U);
  EXPECT_TRUE(s.scan.refusal());
  EXPECT_EQ(s.scan.content_bytes(), 0U);
}

TEST(StreamScan, EstimatesTokensWhenUsageIsMissing) {
  const auto s = scan_all({delta(R"("content":"a")"), delta(R"("content":"b")"), "[DONE]"});
  EXPECT_FALSE(s.scan.usage());
  EXPECT_EQ(s.scan.usage_or_estimate(40), (Usage{40, 2, 0, 0, true}));
}

TEST(StreamScan, TellsAGoodEndFromACut) {
  const std::string hello = delta(R"("content":"a")");
  const std::string stop = delta("", R"("stop")");
  EXPECT_EQ(ending({hello, stop, "[DONE]"}), kWell);
  EXPECT_EQ(ending({hello, stop}), kWell);
  EXPECT_EQ(ending({hello, "[DONE]"}), kWell);
  EXPECT_EQ(ending({hello}), ErrorCode::kClosed);
  EXPECT_EQ(ending({}), ErrorCode::kClosed);
  EXPECT_EQ(ending({hello, delta(R"("content":"b")", "null", 1), stop}), ErrorCode::kClosed);
  EXPECT_EQ(ending({hello, delta("", R"("length")", 1), stop}), kWell);
  EXPECT_EQ(ending({R"({"choices":[],"usage":null})"}), ErrorCode::kClosed);
}

TEST(StreamScan, ReportsErrorsOfTheUpstream) {
  const auto s =
      scan_all({delta(R"("content":"a")"), R"({"error":{"message":"overloaded","code":"busy"}})"});
  EXPECT_EQ(s.steps.back(), StreamStep::kError);
  EXPECT_EQ(s.scan.error()->message, "overloaded");
  EXPECT_EQ(s.scan.error()->code, "busy");
  EXPECT_EQ(s.scan.finish().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(scan_all({R"({"object":"error","message":"old"})"}).scan.error()->message, "old");
  base::JsonDoc parser;
  for (const std::string_view data : {R"({"message":"m"})", R"({"error":{"message":"m"}})", "m"}) {
    StreamScan named;
    EXPECT_EQ(named.feed(parser, "error", data), StreamStep::kError) << data;
    EXPECT_EQ(named.error()->message, "m") << data;
  }
  StreamScan empty;
  EXPECT_EQ(empty.feed(parser, "error", ""), StreamStep::kError);
  EXPECT_EQ(empty.finish().error().code, ErrorCode::kUnavailable);
}

TEST(StreamScan, DoesNotTakeContentForAnError) {
  const auto s =
      scan_all({delta(R"("content":"{\"error\":{\"message\":\"x\"}} [DONE] \"usage\":1")"),
                R"({"error":null,"choices":[{"delta":{},"finish_reason":"stop"}]})"});
  EXPECT_FALSE(s.scan.error() || s.scan.done() || s.scan.usage());
  EXPECT_TRUE(s.scan.finish());
}

TEST(StreamScan, RefusesWhatBreaksTheProtocol) {
  const std::string hello = delta(R"("content":"a")");
  EXPECT_EQ(ending({"{\"choices\":[{\"delta\":{\"cont"}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({hello, "not json"}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({hello, "[1]"}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({hello, R"({"choices":5})"}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({hello, R"({"choices":[5]})"}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({hello, R"({"choices":[{"delta":"x"}]})"}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({hello, R"({"choices":[{"index":128,"delta":{}}]})"}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({hello, R"({"choices":[{"index":-1,"delta":{}}]})"}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({hello, "[DONE]", hello}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({hello, "[DONE]", "[DONE]"}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({"[DONE]"}), ErrorCode::kProtocol);
  EXPECT_EQ(ending({R"({"error":{}})", hello}), ErrorCode::kProtocol);
  EXPECT_EQ(scan_all({"not json", hello}).steps.back(), StreamStep::kBroken);
}

TEST(StreamScan, LetsUnknownEventsPass) {
  const auto s = scan_all({R"({"type":"ping"})", "", delta("", R"("stop")")});
  EXPECT_EQ(s.steps.front(), StreamStep::kChunk);
  EXPECT_EQ(s.scan.chunks(), 1U);
  EXPECT_TRUE(s.scan.finish());
}

TEST(StreamScan, BoundsWhatItKeeps) {
  const std::string huge(10'000, 'r');
  const auto s = scan_all({delta("", "\"" + huge + "\""), R"({"error":")" + huge + "\"}"});
  EXPECT_LE(s.scan.finish_reason().size(), 64U);
  EXPECT_LE(s.scan.error()->message.size(), 2'048U);
  EXPECT_LE(sizeof(StreamScan), 512U);  // thousands of them on a worker
}

TEST(StreamScan, NeverCallsACutEventWell) {
  base::JsonDoc parser;
  const std::string chunk = delta(R"("content":"caf\u00e9 \ud83d\ude00")", R"("stop")");
  for (std::size_t n = 1; n < chunk.size(); ++n) {
    StreamScan scan;
    ASSERT_EQ(scan.feed(parser, "", std::string_view(chunk).substr(0, n)), StreamStep::kBroken)
        << n;
  }
}

TEST(StreamScan, SurvivesRandomMutations) {
  constexpr std::string_view kBytes = "{}[]\",:\\u0e-.1tfn\xFF";
  base::JsonDoc parser;
  const std::string good = delta(R"("content":"abc","tool_calls":[{"id":"x"}])", R"("stop")");
  std::size_t broken = 0;
  for (std::uint64_t round = 0; round < 20'000; ++round) {
    base::Rng rng(11, round, 0);
    StreamScan scan;
    for (int k = 0; k < 2; ++k) {
      std::string event = good;
      event[rng.below(event.size())] = kBytes[rng.below(kBytes.size())];
      event.erase(rng.below(event.size()), rng.below(2));
      broken += scan.feed(parser, "", event) == StreamStep::kBroken ? 1U : 0U;
    }
    ASSERT_LE(scan.chunks(), 2U);
  }
  EXPECT_GT(broken, 1'000U);
}

}  // namespace
}  // namespace swy::chat
