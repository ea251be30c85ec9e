#include "http/client.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "http/server.h"
#include "http/testing/echo.h"
#include "http/testing/run.h"
#include "net/testing/certificate.h"

namespace swy::http {
namespace {

using testing::run;

struct Rig {
  net::Loop loop;
  testing::Echo echo;
  Server server{loop, echo, {}};
  ClientPool pool;
  Origin origin;
  explicit Rig(const ClientOptions& options = {}) : pool(loop, options) {
    EXPECT_TRUE(server.listen({}));
    origin = {"127.0.0.1", server.port(), false};
  }
  std::string get(OutRequest request) {
    auto r = run(loop, testing::fetch(pool, origin, request));
    if (!r) return "no answer in time";
    return *r ? **r : "error " + std::string(to_string(r->error().code));
  }
};

TEST(Client, bodies_come_back_and_the_connection_is_used_again) {
  Rig rig;
  const std::string big(1'000'000, 'x');
  EXPECT_EQ(rig.get({.method = "POST", .body = "hello"}), "200 hello");
  EXPECT_EQ(rig.get({.method = "POST", .body = big}), "200 " + big);
  EXPECT_EQ(rig.get({.target = "/stream"}), "200 one two three");
  EXPECT_EQ(rig.get({.method = "HEAD"}), "200 ");
  EXPECT_EQ(rig.pool.counts().opened, 1u);
  EXPECT_EQ(rig.pool.counts().reused, 3u);
  EXPECT_EQ(rig.pool.counts().idle, 1u);
  EXPECT_EQ(rig.server.counts().open, 1u);
}

// A server that answers every connection with these bytes and closes it.
struct Script {
  net::Loop loop;
  std::unique_ptr<net::Listener> listener = std::move(*net::Listener::listen(loop, {}));
  int accepted = 0;
  ClientPool pool;
  net::TaskSet tasks{loop};
  explicit Script(std::string bytes, const ClientOptions& options = {}) : pool(loop, options) {
    tasks.spawn(testing::answer_all(*listener, std::move(bytes), accepted));
  }
  std::string get(OutRequest request = {}) {
    auto r = run(loop, testing::fetch(pool, {"127.0.0.1", listener->port(), false}, request));
    if (!r) return "no answer in time";
    return *r ? **r : "error " + std::string(to_string(r->error().code));
  }
};

TEST(Client, a_body_cut_short_is_an_error_and_one_that_ends_with_the_connection_is_not) {
  EXPECT_EQ(Script("HTTP/1.1 200 OK\r\n\r\nall").get(), "200 all");
  EXPECT_EQ(Script("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nall").get(), "error closed");
  EXPECT_EQ(Script("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nall\r\n").get(),
            "error closed");
  EXPECT_EQ(Script("HTTP/1.1 200 OK\r\nContent-Le").get(), "error closed");
  EXPECT_EQ(Script("").get(), "error closed");
  EXPECT_EQ(Script("what?\r\n\r\n").get(), "error protocol_error");
  EXPECT_EQ(Script("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").get(),
            "error protocol_error");
}

TEST(Client, interim_responses_are_passed_over) {
  EXPECT_EQ(Script("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
                   "2\r\n\r\nok")
                .get(),
            "200 ok");
}

TEST(Client, a_pooled_connection_that_the_server_closed_is_not_used_again) {
  Script script("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(script.get(), "200 ok");
  EXPECT_EQ(script.get({.method = "POST", .body = "x"}), "200 ok");
  EXPECT_EQ(script.get(), "200 ok");
  EXPECT_EQ(script.accepted, 3);
}

TEST(Client, a_response_with_more_behind_it_is_not_pooled) {
  Script script("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
  EXPECT_EQ(script.get(), "200 ok");
  EXPECT_EQ(script.pool.counts().idle, 0u);
}

TEST(Client, nobody_listening_is_unavailable) {
  Rig rig;
  rig.server.drain();
  EXPECT_EQ(rig.get({}), "error unavailable");
}

TEST(Client, names_are_resolved) {
  Rig rig;
  rig.origin.host = "localhost";
  EXPECT_EQ(rig.get({.method = "POST", .body = "x"}), "200 x");
}

TEST(Client, a_server_that_says_nothing_times_out) {
  net::Loop loop;
  auto listener = net::Listener::listen(loop, {});
  ClientPool pool(loop, {.first_byte_timeout_ns = 100 * net::kMillisecond});
  const auto r = run(loop, testing::fetch(pool, {"127.0.0.1", (*listener)->port(), false}, {}));
  ASSERT_TRUE(r);
  ASSERT_FALSE(*r);
  EXPECT_EQ(r->error().code, ErrorCode::kTimeout);
}

TEST(Client, a_stream_that_stalls_times_out) {
  Rig rig({.body_timeout_ns = 100 * net::kMillisecond});
  EXPECT_EQ(rig.get({.target = "/hang"}), "error timeout");
}

base::Task<void> start_and_read(Call& call, Origin origin, Result<std::string>& out) {
  const auto head = co_await call.start(origin, {.target = "/hang"});
  if (!head) {
    out = tl::unexpected<Error>(head.error());
    co_return;
  }
  for (;;) {
    const auto piece = co_await call.read_body();
    if (!piece) {
      out = tl::unexpected<Error>(piece.error());
      co_return;
    }
    out->append(*piece);
  }
}

TEST(Client, cancel_ends_the_waiting_reader_and_the_server_hears_of_it) {
  Rig rig;
  Call call(rig.pool);
  Result<std::string> out{std::string()};
  net::TaskSet tasks(rig.loop);
  tasks.spawn(start_and_read(call, rig.origin, out));
  for (int i = 0; i < 1000 && out->empty(); ++i) rig.loop.run_for(net::kMillisecond);
  EXPECT_EQ(*out, "hello");
  call.cancel();
  for (int i = 0; i < 1000 && (out || rig.echo.gone == 0); ++i) rig.loop.run_for(net::kMillisecond);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(rig.echo.gone, 1);
  EXPECT_EQ(rig.pool.counts().idle, 0u);
}

TEST(Client, a_task_destroyed_in_the_middle_withdraws_its_call) {
  Rig rig;
  Call call(rig.pool);
  Result<std::string> out{std::string()};
  {
    net::TaskSet tasks(rig.loop);
    tasks.spawn(start_and_read(call, rig.origin, out));
    for (int i = 0; i < 1000 && out->empty(); ++i) rig.loop.run_for(net::kMillisecond);
  }
  call.cancel();
  for (int i = 0; i < 1000 && rig.echo.gone == 0; ++i) rig.loop.run_for(net::kMillisecond);
  EXPECT_EQ(rig.echo.gone, 1);
}

TEST(Client, speaks_tls_to_a_verified_server) {
  const auto certificate = net::testing::make_certificate("gate.test");
  const std::string ca_file = ::testing::TempDir() + "swy_client_test_ca.pem";
  std::ofstream(ca_file) << certificate.certificate_pem;
  net::Loop loop;
  auto context = net::TlsContext::server({certificate.certificate_pem, certificate.key_pem});
  ASSERT_TRUE(context);
  testing::Echo echo;
  Server server(loop, echo, {});
  ASSERT_TRUE(server.listen({}, context->get()));
  const Origin origin{"127.0.0.1", server.port(), true};
  ClientPool trusting(loop, {.tls = {.ca_file = ca_file}});
  const std::string big(300'000, 'x');
  for (int i = 0; i < 3; ++i) {
    const auto r = run(loop, testing::fetch(trusting, origin, {.method = "POST", .body = big}));
    ASSERT_TRUE(r && *r) << (r ? r->error().message : "late");
    EXPECT_EQ(**r, "200 " + big);
  }
  EXPECT_EQ(trusting.counts().opened, 1u);
  ClientPool doubting(loop, {});
  const auto r = run(loop, testing::fetch(doubting, origin, {}));
  ASSERT_TRUE(r);
  ASSERT_FALSE(*r);
  EXPECT_EQ(r->error().code, ErrorCode::kProtocol);
  std::remove(ca_file.c_str());
}

}  // namespace
}  // namespace swy::http
