#include "gateway/relay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace swy::gateway {
namespace {

std::string chunk(std::string_view content, std::string_view finish = "null") {
  return R"({"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":")" +
         std::string(content) + R"("},"finish_reason":)" + std::string(finish) + "}]}";
}

std::string stream_of(const std::vector<std::string>& payloads, std::string_view eol) {
  std::string out;
  for (const std::string& p : payloads) out.append("data: ").append(p).append(eol).append(eol);
  return out;
}

std::string good_stream(std::string_view eol) {
  return ": comment" + std::string(eol) + std::string(eol) +
         stream_of({chunk("Hal"), chunk("lo w\\u00f6rld"), chunk("!", "\"stop\""), "[DONE]"}, eol);
}

struct Relayed {
  std::string out;
  bool over = false, ok = false;
  ErrorCode why = ErrorCode::kInternal;
};

// What passes when the bytes come in these pieces.
Relayed relay(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  base::JsonDoc parser;
  StreamRelay r(parser);
  Relayed result;
  std::size_t at = 0;
  const auto give = [&](std::size_t end) {
    if (!r.over()) result.out += r.take(bytes.substr(at, end - at));
    at = end;
  };
  for (const std::size_t cut : cuts) give(cut);
  give(bytes.size());
  result.over = r.over();
  result.ok = r.ok();
  if (!r.ok()) result.why = r.why().code;
  return result;
}

TEST(StreamRelay, EverySplitInTwoOrThreePassesTheSameBytes) {
  for (const std::string_view eol : {"\n", "\r\n", "\r"}) {
    const std::string s = good_stream(eol);
    for (std::size_t i = 0; i <= s.size(); ++i) {
      for (std::size_t j = i; j <= s.size(); j += 7) {
        const Relayed r = relay(s, {i, j});
        ASSERT_EQ(r.out, s) << "eol of " << eol.size() << ", cut at " << i << " and " << j;
        ASSERT_TRUE(r.over && r.ok);
      }
    }
  }
}

TEST(StreamRelay, ByteByBytePassesTheSameBytes) {
  for (const std::string_view eol : {"\n", "\r\n", "\r"}) {
    const std::string s = good_stream(eol);
    std::vector<std::size_t> all(s.size());
    for (std::size_t i = 0; i < s.size(); ++i) all[i] = i;
    const Relayed r = relay(s, all);
    EXPECT_EQ(r.out, s);
    EXPECT_TRUE(r.ok);
  }
}

TEST(StreamRelay, OnlyWholeEventsPass) {
  const std::string first = stream_of({chunk("a")}, "\n");
  const std::string s = first + "data: {\"choices\":[{\"ind";
  for (std::size_t i = 0; i <= s.size(); ++i) {
    const Relayed r = relay(s, {i});
    ASSERT_EQ(r.out, first) << i;
    ASSERT_FALSE(r.ok);
    ASSERT_EQ(r.why, ErrorCode::kClosed);
  }
}

TEST(StreamRelay, WhatCameBeforeABrokenEventPassesHoweverItIsSplit) {
  for (const std::string_view eol : {"\n", "\r\n"}) {
    const std::string good = stream_of({chunk("a"), chunk("b")}, eol);
    const std::string s = good + stream_of({"{\"choices\":[{]", chunk("c"), "[DONE]"}, eol);
    for (std::size_t i = 0; i <= s.size(); ++i) {
      const Relayed r = relay(s, {i});
      ASSERT_EQ(r.out, good) << i;
      ASSERT_TRUE(r.over);
      ASSERT_FALSE(r.ok);
      ASSERT_EQ(r.why, ErrorCode::kProtocol);
    }
  }
}

TEST(StreamRelay, AnErrorEventOfTheUpstreamPassesAndIsNoGoodEnd) {
  const std::string s =
      stream_of({chunk("a"), R"({"error":{"message":"no","type":"server_error"}})"}, "\n");
  const Relayed r = relay(s, {});
  EXPECT_EQ(r.out, s);
  EXPECT_TRUE(r.over);
  EXPECT_EQ(r.why, ErrorCode::kUnavailable);
}

TEST(StreamRelay, AnEndWithoutDoneIsGoodOnlyWhenEveryChoiceFinished) {
  EXPECT_TRUE(relay(stream_of({chunk("a"), chunk("", "\"stop\"")}, "\n"), {}).ok);
  EXPECT_FALSE(relay(stream_of({chunk("a")}, "\n"), {}).ok);
  EXPECT_FALSE(relay("", {}).ok);
}

TEST(StreamRelay, AnEventOverOneMebibyteEndsTheStream) {
  const std::string good = stream_of({chunk("a")}, "\n");
  const std::string huge = good + "data: " + std::string(2U << 20U, 'x');
  for (const std::size_t step : {std::size_t{4096}, huge.size()}) {
    std::vector<std::size_t> cuts;
    for (std::size_t i = step; i < huge.size(); i += step) cuts.push_back(i);
    const Relayed r = relay(huge, cuts);
    EXPECT_TRUE(r.over);
    EXPECT_EQ(r.why, ErrorCode::kTooLarge);
    EXPECT_TRUE(r.out == good || r.out.empty());
  }
}

TEST(LastEventEnd, IsBehindTheLastBlankLineOfAnyKind) {
  EXPECT_EQ(last_event_end(""), 0U);
  EXPECT_EQ(last_event_end("data: x\n"), 0U);
  EXPECT_EQ(last_event_end("data: x\n\nda"), 9U);
  EXPECT_EQ(last_event_end("data: x\r\n\r\n"), 11U);
  EXPECT_EQ(last_event_end("data: x\r\n\r"), 0U);
  EXPECT_EQ(last_event_end("data: x\r\rdata"), 9U);
}

wire::Headers headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  wire::Headers h;
  for (const auto& [name, value] : fields) h.add(name, value);
  return h;
}

TEST(RequestHeaders, HopAndCredentialsStayAndTheRestPasses) {
  const wire::Headers in = headers({{"Host", "g"},
                                    {"X-Custom", "1"},
                                    {"Authorization", "Bearer x"},
                                    {"Cookie", "c"},
                                    {"X-Api-Key", "k"},
                                    {"Connection", "keep-alive, X-Private"},
                                    {"X-Private", "p"},
                                    {"Transfer-Encoding", "chunked"},
                                    {"Accept-Encoding", "gzip"},
                                    {"Content-Length", "3"},
                                    {"Expect", "100-continue"}});
  wire::Headers out;
  forward_request_headers(in, false, out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out.find("x-custom"), "1");
  wire::Headers with;
  forward_request_headers(in, true, with);
  EXPECT_EQ(with.find("authorization"), "Bearer x");
  EXPECT_FALSE(with.find("cookie"));
}

TEST(ResponseHeaders, AnUpstreamCannotSetTheGatewaysHeadersOrCookies) {
  const wire::Headers in = headers({{"X-Switchyard-Model", "forged"},
                                    {"Set-Cookie", "a=b"},
                                    {"Retry-After", "7"},
                                    {"Content-Type", "x"},
                                    {"X-Request-Id", "r"},
                                    {"Keep-Alive", "timeout=5"}});
  wire::Headers out;
  forward_response_headers(in, out);
  EXPECT_EQ(out.size(), 2U);
  EXPECT_EQ(out.find("retry-after"), "7");
  EXPECT_EQ(out.find("x-request-id"), "r");
}

TEST(RuleHeaders, AreLowerCasedBoundedAndWithoutSecrets) {
  wire::Headers in = headers({{"X-Team", "Blue"},
                              {"Authorization", "secret"},
                              {"Cookie", "secret"},
                              {"Accept", "*/*"},
                              {"X-Stainless-Os", "x"}});
  in.add("X-Long", std::string(513, 'x'));
  for (int i = 0; i < 40; ++i) in.add("X-" + std::to_string(i), std::string(400, 'v'));
  std::string text;
  std::vector<route::Header> out;
  collect_rule_headers(in, text, out);
  ASSERT_FALSE(out.empty());
  EXPECT_EQ(out[0].name, "x-team");
  EXPECT_EQ(out[0].value, "Blue");
  EXPECT_LE(out.size(), 32U);
  EXPECT_LE(text.size(), 4096U);
  for (const route::Header& h : out) {
    EXPECT_NE(h.name, "authorization");
    EXPECT_NE(h.name, "x-long");
    EXPECT_TRUE(h.name.data() >= text.data() && h.name.data() < text.data() + text.size())
        << "a view into text";
  }
}

TEST(HeaderSafe, KeepsPrintableAsciiAndCuts) {
  EXPECT_EQ(header_safe("a\r\nb\tc\x7f"), "a??b?c?");
  EXPECT_EQ(header_safe("\xc3\xa4"), "??");
  EXPECT_EQ(header_safe(std::string(1000, 'a')).size(), 512U);
}

}  // namespace
}  // namespace swy::gateway
