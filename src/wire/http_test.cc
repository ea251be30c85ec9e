#include "wire/http.h"

#include <gtest/gtest.h>

namespace swy::wire {
namespace {

// Feeds `bytes` in two pieces cut at `cut` and tells in one line what came out.
template <typename Parser>
std::string story(Parser& parser, std::string_view bytes, std::size_t cut) {
  std::string told;
  std::string buffer;
  std::size_t consumed = 0;
  for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    buffer.append(piece);
    for (;;) {
      const auto step = parser.next(buffer);
      if (!step) return "error " + std::string(to_string(step.error().code));
      told.append(step->body);
      buffer.erase(0, step->consumed);
      consumed += step->consumed;
      if (step->event == Event::kHead)
        told += "[" + std::to_string(parser.head().headers.size()) + "]";
      if (step->event == Event::kEnd) return told + "$" + std::string(bytes.substr(consumed));
      if (step->event == Event::kNeedMore) break;
    }
  }
  return told + "...";
}

constexpr Limits kSmall{.head_bytes = 256, .fields = 8, .body_bytes = 64};

void expect_request(std::string_view bytes, std::string_view told) {
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    RequestParser parser(kSmall);
    EXPECT_EQ(story(parser, bytes, cut), told) << "cut at " << cut << " of\n" << bytes;
  }
}

void expect_response(std::string_view bytes, std::string_view told) {
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    ResponseParser parser(kSmall);
    EXPECT_EQ(story(parser, bytes, cut), told) << "cut at " << cut << " of\n" << bytes;
  }
}

TEST(HttpRequest, is_the_same_for_every_cut) {
  expect_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "[1]$");
  expect_request("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "[1]$");
  expect_request("GET / HTTP/1.0\r\n\r\nrest", "[0]$rest");
  expect_request("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET",
                 "[2]hello$GET");
  expect_request("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel", "[2]hel...");
  expect_request(
      "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\nPOST",
      "[2]abcde$POST");
  expect_request("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                 "[2]$");
}

TEST(HttpRequest, what_can_be_read_in_two_ways_is_refused) {
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  for (const char* fields : {
           "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
           "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
           "Content-Length: 5, 5\r\n\r\nhello",
           "Content-Length: +5\r\n\r\nhello",
           "Content-Length: -5\r\n\r\nhello",
           "Content-Length: 0x5\r\n\r\nhello",
           "Content-Length: 99999999999999999999\r\n\r\nhello",
           "Content-Length : 5\r\n\r\nhello",
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "X: a\r\n b\r\n\r\n",
           "X: a\r\n\tb\r\n\r\n",
           "X: a\nY: b\r\n\r\n",
           " X: a\r\n\r\n",
           ": a\r\n\r\n",
           "Host: b\r\n\r\n",
           "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
           "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
           "Transfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\n\r\n",
           "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
           "Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n\r\n",
       }) {
    expect_request(post + fields, "error parse_error");
  }
  expect_request("GET / HTTP/1.1\r\n\r\n", "error parse_error");
  expect_request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                 "error parse_error");
  expect_request(std::string("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 36),
                 "error parse_error");
  expect_request(post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "error unsupported");
  expect_request(post + "Transfer-Encoding: identity\r\n\r\n", "error unsupported");
  expect_request("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "error parse_error");
}

TEST(HttpRequest, an_empty_chunked_body_may_come_byte_by_byte) {
  const std::string_view bytes =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  RequestParser parser;
  std::string buffer;
  Event last = Event::kNeedMore;
  for (const char c : bytes) {
    buffer += c;
    for (;;) {
      const auto step = parser.next(buffer);
      ASSERT_TRUE(step) << step.error().message;
      buffer.erase(0, step->consumed);
      last = step->event;
      if (last != Event::kHead) break;
    }
  }
  EXPECT_EQ(last, Event::kEnd);
}

TEST(HttpRequest, limits_hold) {
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  expect_request(post + "X: " + std::string(300, 'x') + "\r\n\r\n", "error too_large");
  expect_request(post + std::string(300, 'x'), "error too_large");
  expect_request(post + "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\n\r\n", "error too_large");
  expect_request(post + "Content-Length: 65\r\n\r\n" + std::string(65, 'x'), "error too_large");
  expect_request(post + "Content-Length: 64\r\n\r\n" + std::string(64, 'x'),
                 "[2]" + std::string(64, 'x') + "$");
  expect_request(post + "Transfer-Encoding: chunked\r\n\r\n20\r\n" + std::string(32, 'x') +
                     "\r\n21\r\n" + std::string(33, 'x') + "\r\n0\r\n\r\n",
                 "error too_large");
  expect_request(post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(300, 'x'),
                 "error too_large");
}

TEST(HttpRequest, the_head_is_told) {
  RequestParser parser;
  const auto step = parser.next(
      "POST /v1/x?y=z HTTP/1.1\r\nhOsT:  a \r\nConnection: Close\r\nExpect: "
      "100-continue\r\nContent-Length: 7\r\n\r\n");
  ASSERT_TRUE(step);
  const RequestHead& head = parser.head();
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/x?y=z");
  EXPECT_EQ(head.headers.find("HOST"), "a");
  EXPECT_EQ(head.headers.find("content-type"), std::nullopt);
  EXPECT_EQ(head.content_length, 7u);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_TRUE(head.expect_continue);
  parser.reset();
  ASSERT_TRUE(parser.next("GET / HTTP/1.0\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(parser.head().keep_alive);
  EXPECT_EQ(parser.head().content_length, std::nullopt);
  EXPECT_EQ(parser.head().headers.size(), 1u);
}

TEST(HttpResponse, is_the_same_for_every_cut) {
  expect_response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP", "[1]ok$HTTP");
  expect_response("HTTP/1.1 204 No Content\r\n\r\n", "[0]$");
  expect_response("HTTP/1.1 200 OK\r\n\r\nuntil close", "[0]until close...");
  expect_response("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                  "[1]ok$");
  expect_response("HTTP/1.1 20 OK\r\n\r\n", "error parse_error");
  expect_response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
                  "error parse_error");
  expect_response("nonsense\r\n\r\n", "error parse_error");
}

TEST(HttpResponse, a_body_cut_short_is_told_from_one_that_ends_with_the_connection) {
  ResponseParser until_close;
  EXPECT_EQ(story(until_close, "HTTP/1.1 200 OK\r\n\r\nabc", 0), "[0]abc...");
  EXPECT_TRUE(until_close.finish_at_close());
  for (const char* cut : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    ResponseParser parser;
    (void)story(parser, cut, 0);
    const Status end = parser.finish_at_close();
    ASSERT_FALSE(end) << cut;
    EXPECT_EQ(end.error().code, ErrorCode::kClosed);
  }
}

TEST(HttpResponse, the_answer_to_head_has_no_body) {
  ResponseParser parser;
  parser.reset(true);
  EXPECT_EQ(story(parser, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nHTTP", 0), "[1]$HTTP");
}

TEST(Headers, a_value_cannot_start_a_new_line) {
  Headers headers;
  headers.add("x", "a\r\nSet-Cookie: b");
  std::string out;
  append_fields(out, headers);
  EXPECT_EQ(out, "x: a  Set-Cookie: b\r\n");
}

TEST(Headers, fields_are_found_removed_and_counted_without_case) {
  Headers headers;
  headers.add("Accept", "text/plain, Foo");
  headers.add("X", "1");
  headers.add("accept", "bar ,baz");
  EXPECT_EQ(headers.count("ACCEPT"), 2u);
  EXPECT_TRUE(headers.has_token("accept", "foo"));
  EXPECT_TRUE(headers.has_token("accept", "BAR"));
  EXPECT_FALSE(headers.has_token("accept", "text"));
  headers.remove("ACCEPT");
  EXPECT_EQ(headers.find("accept"), std::nullopt);
  EXPECT_EQ(headers.find("x"), "1");
  headers.set("x", "2");
  EXPECT_EQ(headers.count("x"), 1u);
  EXPECT_EQ(headers.find("X"), "2");
}

TEST(HttpWriting, what_is_written_is_read_back) {
  Headers headers;
  headers.add("host", "a");
  std::string out;
  append_request_line(out, "PUT", "/p");
  append_fields(out, headers);
  append_field(out, "transfer-encoding", "chunked");
  out.append(kHeadEnd);
  out.append(ChunkLine(11).view()).append("hello world").append(kChunkEnd).append(kLastChunk);
  RequestParser parser;
  EXPECT_EQ(story(parser, out, 0), "[2]hello world$");
  std::string answer;
  append_status_line(answer, 429);
  append_field(answer, "content-length", std::uint64_t{0});
  EXPECT_EQ(answer, "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n");
  EXPECT_EQ(ChunkLine(SIZE_MAX).view(), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace swy::wire
