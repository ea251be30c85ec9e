// A scripted upstream and a client pool on one loop, for tests that ask and look at what came back.
// Threading: the calling thread runs the loop. Ownership: the rig owns everything in it.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "chat/build.h"
#include "http/client.h"
#include "http/testing/run.h"
#include "upstream/upstream.h"
#include "wire/sse.h"

namespace swy::upstream::testing {

struct Got {
  int status = 0;  // 0: no response head
  std::string content_type;
  std::string retry_after;
  std::string body;
  std::optional<Error> error;  // how the response ended, when not well
};

struct Ask {
  std::string method = "POST";
  std::string target = "/v1/chat/completions";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

inline base::Task<Got> fetch(http::ClientPool& pool, http::Origin origin, Ask ask) {
  http::Call call(pool);
  wire::Headers headers;
  for (const auto& [name, value] : ask.headers) headers.add(name, value);
  Got got;
  const http::OutRequest request{ask.method, ask.target, &headers, ask.body};
  const auto head = co_await call.start(origin, request);
  if (!head) {
    got.error = head.error();
    co_return got;
  }
  got.status = (*head)->status;
  got.content_type = (*head)->headers.find("content-type").value_or("");
  got.retry_after = (*head)->headers.find("retry-after").value_or("");
  for (;;) {
    const auto piece = co_await call.read_body();
    if (!piece) got.error = piece.error();
    if (!piece || piece->empty()) co_return got;
    got.body.append(*piece);
  }
}

struct Rig {
  explicit Rig(ScriptOptions options, AnswerBook book = {})
      : script(std::move(options), std::move(book)), upstream(loop, script) {
    EXPECT_TRUE(upstream.listen({}));
    origin.port = upstream.port();
  }
  Got ask(Ask ask) {
    auto got = http::testing::run(loop, fetch(pool, origin, std::move(ask)), 60'000);
    if (!got) ADD_FAILURE() << "no answer in time";
    return got.value_or(Got{});
  }
  Got chat(std::string_view model, std::string_view prompt, bool stream,
           std::string_view fault = "") {
    Ask a;
    chat::append_request(a.body, model, prompt, stream, 0);
    if (!fault.empty()) a.headers.emplace_back("x-script-fault", fault);
    return ask(std::move(a));
  }

  net::Loop loop;
  Script script;
  ScriptedUpstream upstream;
  http::ClientPool pool{loop, {}};
  http::Origin origin{"127.0.0.1", 0, false};
};

// The data of every event of a stream.
inline std::vector<std::string> events(const std::string& body) {
  std::vector<std::string> out;
  wire::SseParser parser;
  parser.feed(body);
  wire::SseEvent event;
  for (;;) {
    const auto more = parser.next(event);
    if (!more || !*more) return out;
    out.emplace_back(event.data);
  }
}

// The text that the deltas of a stream, or the message of a plain answer, carry.
inline std::string content_of(const Got& got) {
  base::JsonDoc doc;
  std::string out;
  std::vector<std::string> parts{got.body};
  if (got.content_type.find("event-stream") != std::string::npos) parts = events(got.body);
  for (const std::string& part : parts) {
    const auto json = doc.parse(part);
    if (!json) continue;
    const auto choices = json->find("choices");
    if (!choices) continue;
    choices->each([&](const base::Json& choice) {
      for (const char* key : {"delta", "message"}) {
        if (const auto m = choice.find(key)) out += m->string_or("content", "");
      }
    });
  }
  return out;
}

}  // namespace swy::upstream::testing
