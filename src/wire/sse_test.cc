#include "wire/sse.h"

#include <gtest/gtest.h>

#include <vector>

namespace swy::wire {
namespace {

std::string told(SseParser& parser, const std::vector<std::string_view>& pieces) {
  std::string out;
  SseEvent e;
  for (const std::string_view piece : pieces) {
    parser.feed(piece);
    for (;;) {
      const auto more = parser.next(e);
      if (!more) return out + "error";
      if (!*more) break;
      out += "<" + std::string(e.event) + "|" + (e.has_data ? std::string(e.data) : "-") + "|" +
             std::string(e.id) + "|" + std::string(e.comment) + ">";
    }
  }
  return out;
}

void expect_events(std::string_view bytes, std::string_view expected) {
  for (std::size_t a = 0; a <= bytes.size(); ++a) {
    for (std::size_t b = a; b <= bytes.size(); ++b) {
      SseParser parser;
      EXPECT_EQ(told(parser, {bytes.substr(0, a), bytes.substr(a, b - a), bytes.substr(b)}),
                expected)
          << "cut at " << a << " and " << b;
    }
  }
}

TEST(Sse, events_are_the_same_for_every_cut) {
  expect_events("data: {\"a\":1}\n\ndata:[DONE]\n\n", "<|{\"a\":1}||><|[DONE]||>");
  expect_events("event: x\r\ndata: 1\r\ndata: 2\r\nid: 7\r\n\r\n", "<x|1\n2|7|>");
  expect_events("data: 1\rdata\r\rdata: 2\r\r", "<|1\n||><|2||>");
  expect_events(": ping\n\ndata: x\n\n", "<|-||ping><|x||>");
  expect_events(
      "\xEF\xBB\xBF"
      "data: x\n\n",
      "<|x||>");
  expect_events("\n\n\r\n\rdata: x\r\n\nunfinished: 1", "<|x||>");
  expect_events("unknown: 1\ndata\n\n", "<|||>");
}

TEST(Sse, an_event_in_one_piece_is_not_copied) {
  SseParser parser;
  const std::string bytes = "data: hello\n\n";
  parser.feed(bytes);
  SseEvent e;
  ASSERT_TRUE(*parser.next(e));
  EXPECT_EQ(e.data.data(), bytes.data() + 6);
  EXPECT_FALSE(*parser.next(e));
  EXPECT_FALSE(parser.incomplete());
  parser.feed("data: cut");
  EXPECT_FALSE(*parser.next(e));
  EXPECT_TRUE(parser.incomplete());
}

TEST(Sse, an_endless_event_ends_in_an_error) {
  SseParser parser(100);
  SseEvent e;
  int fed = 0;
  for (;; ++fed) {
    parser.feed("data: 0123456789\n");
    const auto more = parser.next(e);
    if (!more) {
      EXPECT_EQ(more.error().code, ErrorCode::kTooLarge);
      break;
    }
    ASSERT_LT(fed, 10);
  }
  EXPECT_FALSE(parser.next(e)) << "it stays failed";
}

}  // namespace
}  // namespace swy::wire
