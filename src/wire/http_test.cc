#include "wire/http.h"

#include <gtest/gtest.h>

namespace swy::wire {
namespace {

// Feeds `bytes` cut at `cut` and tells what came out as one line.
template <typename Parser>
std::string story(Parser& parser, std::string_view bytes, std::size_t cut) {
  std::string told;
  std::string buffer;
  std::size_t consumed = 0;
  for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    buffer.append(piece);
    for (;;) {
      const auto step = parser.next(buffer);
      if (!step) return told + "error " + std::string(to_string(step.error().code));
      told.append(step->body);
      buffer.erase(0, step->consumed);
      if (step->event == Event::kHead) {
        told += "[" + std::to_string(parser.head().headers.size()) + "]";
      }
      consumed += step->consumed;
      if (step->event == Event::kEnd) return told + "$" + std::string(bytes.substr(consumed));
      if (step->event == Event::kNeedMore) break;
    }
  }
  return told + "...";
}

void expect_request(std::string_view bytes, std::string_view told) {
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    RequestParser parser({.head_bytes = 256, .fields = 8, .body_bytes = 64});
    EXPECT_EQ(story(parser, bytes, cut), told) << "cut at " << cut << " of\n" << bytes;
  }
}

TEST(HttpRequest, is_the_same_for_every_cut) {
  expect_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "[1]$");
  expect_request("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET",
                 "[2]hello$GET");
  expect_request(
      "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\nP",
      "[2]abcde$P");
}

}  // namespace
}  // namespace swy::wire
