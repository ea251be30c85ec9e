#include <gtest/gtest.h>

#include "http/client.h"
#include "http/server.h"
#include "http/testing/run.h"

namespace swy::http {
namespace {

class Echo final : public Handler {
 public:
  base::Task<void> handle(Request request, ServerConnection& connection) override {
    wire::Headers headers;
    headers.add("content-type", "text/plain");
    if (request.head.target == "/stream") {
      connection.begin(200, headers);
      for (const char* piece : {"one ", "two ", "three"}) {
        if (!co_await connection.write(piece)) co_return;
      }
      (void)co_await connection.finish();
      co_return;
    }
    (void)co_await connection.respond(200, headers, request.body);
  }
  std::string error_body(int status, const Error& error) override {
    return std::to_string(status) + " " + error.message;
  }
};

base::Task<Result<std::string>> fetch(ClientPool& pool, Origin origin, OutRequest request) {
  Call call(pool);
  SWY_CO_TRY(const wire::ResponseHead* head, co_await call.start(origin, request));
  std::string all = std::to_string(head->status) + " ";
  for (;;) {
    SWY_CO_TRY(const std::string_view piece, co_await call.read_body());
    if (piece.empty()) co_return all;
    all.append(piece);
  }
}

struct Rig {
  net::Loop loop;
  Echo echo;
  Server server{loop, echo, {}};
  ClientPool pool{loop, {}};
  Origin origin;
  Rig() {
    EXPECT_TRUE(server.listen({}));
    origin = {"127.0.0.1", server.port(), false};
  }
  std::string get(OutRequest request) {
    auto r = testing::run(loop, fetch(pool, origin, request));
    if (!r) return "no answer in time";
    return *r ? **r : "error: " + r->error().message;
  }
};

TEST(Http, a_body_comes_back_and_the_connection_is_used_again) {
  Rig rig;
  const std::string big(100'000, 'x');
  EXPECT_EQ(rig.get({.method = "POST", .body = "hello"}), "200 hello");
  EXPECT_EQ(rig.get({.method = "POST", .body = big}), "200 " + big);
  EXPECT_EQ(rig.get({.target = "/stream"}), "200 one two three");
  EXPECT_EQ(rig.get({.method = "POST", .body = "bye"}), "200 bye");
  EXPECT_EQ(rig.pool.counts().opened, 1u);
  EXPECT_EQ(rig.pool.counts().reused, 3u);
}

}  // namespace
}  // namespace swy::http
