#include "http/server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "http/testing/echo.h"
#include "http/testing/run.h"
#include "net/testing/pipe.h"

namespace swy::http {
namespace {

using testing::Echo;
using testing::run;

struct Rig {
  net::Loop loop;
  Echo echo;
  Server server;
  explicit Rig(const ServerOptions& options = {}) : server(loop, echo, options) {}
  // What the server answers to exactly these bytes, until it closes.
  std::string answer(const std::string& bytes, const net::testing::PipeOptions& pipe = {}) {
    auto [here, there] = net::testing::make_pipe(loop, pipe);
    server.serve(std::move(there));
    const auto heard = run(loop, testing::say(*here, bytes));
    return heard ? *heard : "no end in time";
  }
};

const std::string kClose = "Connection: close\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n";

TEST(Server, answers_the_same_however_the_bytes_are_cut) {
  const std::string request = "POST / HTTP/1.1\r\nHost: a\r\n" + kClose +
                              "Transfer-Encoding: chunked\r\n\r\n" +
                              "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  for (std::size_t max_read = 1; max_read <= request.size(); ++max_read) {
    Rig rig;
    EXPECT_EQ(rig.answer(request, {.max_read = max_read}),
              kOk + "connection: close\r\ncontent-length: 5\r\n\r\nabcde");
  }
}

TEST(Server, pipelined_requests_are_answered_in_order) {
  Rig rig;
  const std::string one = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n";
  EXPECT_EQ(
      rig.answer(one + "1" + one + "2" + "GET /stream HTTP/1.1\r\nHost: a\r\n" + kClose + "\r\n"),
      kOk + "content-length: 1\r\n\r\n1" + kOk + "content-length: 1\r\n\r\n2" + kOk +
          "connection: close\r\ntransfer-encoding: chunked\r\n\r\n4\r\none \r\n4\r\ntwo "
          "\r\n5\r\nthree\r\n0\r\n\r\n");
}

TEST(Server, a_stream_to_an_old_client_ends_with_the_connection) {
  Rig rig;
  EXPECT_EQ(rig.answer("GET /stream HTTP/1.0\r\n\r\n"),
            kOk + "connection: close\r\n\r\none two three");
  EXPECT_EQ(rig.answer("HEAD / HTTP/1.0\r\n\r\n"),
            kOk + "connection: close\r\ncontent-length: 0\r\n\r\n");
}

TEST(Server, asks_for_the_body_when_the_client_waits_for_that) {
  Rig rig;
  EXPECT_EQ(
      rig.answer("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" + kClose +
                     "Content-Length: 2\r\n\r\nok",
                 {.max_read = 88}),
      "HTTP/1.1 100 Continue\r\n\r\n" + kOk + "connection: close\r\ncontent-length: 2\r\n\r\nok");
}

TEST(Server, bad_requests_get_their_status_and_the_end) {
  Rig rig({.limits = {.head_bytes = 200, .fields = 10, .body_bytes = 10}});
  EXPECT_TRUE(rig.answer("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_TRUE(rig.answer("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
                  .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(
      rig.answer("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890")
          .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(
      rig.answer("GET / HTTP/1.1\r\nX: " + std::string(300, 'x')).starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(rig.answer("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n")
                  .starts_with("HTTP/1.1 501 "));
  EXPECT_EQ(rig.server.counts().bad, 5u);
  EXPECT_EQ(rig.server.counts().requests, 0u);
}

TEST(Server, a_head_that_trickles_ends_at_its_deadline_and_silence_ends_without_a_word) {
  Rig rig({.head_timeout_ns = 100 * net::kMillisecond,
           .body_timeout_ns = 100 * net::kMillisecond,
           .idle_timeout_ns = 100 * net::kMillisecond});
  EXPECT_TRUE(rig.answer("GET / HT").starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(rig.answer("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
                  .starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(rig.answer(""), "");
  EXPECT_EQ(rig.answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), kOk + "content-length: 0\r\n\r\n");
}

TEST(Server, a_client_that_leaves_is_noticed_while_the_handler_works) {
  Rig rig;
  ASSERT_TRUE(rig.server.listen({}));
  {
    auto stream =
        run(rig.loop, net::connect_tcp(rig.loop, "127.0.0.1", rig.server.port(), net::kNever));
    ASSERT_TRUE(stream && *stream);
    net::TaskSet tasks(rig.loop);
    auto heard =
        run(rig.loop, testing::say(***stream, "GET /hang HTTP/1.1\r\nHost: a\r\n\r\n"), 50);
    EXPECT_FALSE(heard) << "the response hangs";
    EXPECT_EQ(rig.echo.gone, 0);
    EXPECT_EQ(rig.server.counts().busy, 1u);
  }
  for (int i = 0; i < 1000 && rig.echo.gone == 0; ++i) rig.loop.run_for(net::kMillisecond);
  EXPECT_EQ(rig.echo.gone, 1);
}

TEST(Server, a_client_that_does_not_read_stops_the_writer_and_then_loses_it) {
  Rig rig({.write_stall_ns = 100 * net::kMillisecond});
  auto [here, there] = net::testing::make_pipe(rig.loop, {.capacity = 10'000});
  rig.server.serve(std::move(there));
  const std::string request = "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n";
  net::WriteOp op;
  op.add(request);
  ASSERT_TRUE(here->start_write(op));
  for (int i = 0; i < 1000 && rig.server.counts().open > 0; ++i)
    rig.loop.run_for(net::kMillisecond);
  ASSERT_FALSE(rig.echo.flood_end);
  EXPECT_EQ(rig.echo.flood_end.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(rig.echo.flooded, 0u) << "the first block did not fit";
  EXPECT_EQ(rig.server.counts().open, 0u);
}

TEST(Server, draining_ends_the_idle_and_lets_the_busy_finish) {
  Rig rig;
  auto [idle, idle_there] = net::testing::make_pipe(rig.loop);
  rig.server.serve(std::move(idle_there));
  auto [busy, busy_there] = net::testing::make_pipe(rig.loop);
  rig.server.serve(std::move(busy_there));
  auto nothing = run(rig.loop, testing::say(*busy, "GET /hang HTTP/1.1\r\nHost: a\r\n\r\n"), 20);
  EXPECT_FALSE(nothing);
  rig.server.drain();
  rig.loop.run_for(20 * net::kMillisecond);
  EXPECT_EQ(rig.server.counts().open, 1u);
  busy->close();
  rig.loop.run_for(50 * net::kMillisecond);
  EXPECT_EQ(rig.server.counts().open, 0u);
}

TEST(Server, connections_over_the_limit_are_closed_and_counted) {
  Rig rig({.max_connections = 1});
  auto [one, one_there] = net::testing::make_pipe(rig.loop);
  rig.server.serve(std::move(one_there));
  EXPECT_EQ(rig.answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "");
  EXPECT_EQ(rig.server.counts().refused, 1u);
}

std::size_t resident_bytes() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

base::Task<void> connect_many(net::Loop& loop, std::uint16_t port, std::size_t count,
                              std::vector<std::unique_ptr<net::Stream>>& out) {
  while (out.size() < count) {
    auto stream = co_await net::connect_tcp(loop, "127.0.0.1", port, net::kNever);
    if (!stream) break;
    out.push_back(std::move(*stream));
  }
  loop.stop();
}

TEST(Server, ten_thousand_silent_connections_cost_little_and_starve_nobody) {
  constexpr std::size_t kCount = 10'000;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t needed = 2 * kCount + 100;
  std::size_t count = kCount;
  if (limit.rlim_max < needed) count = static_cast<std::size_t>(limit.rlim_max - 100) / 2;
  limit.rlim_cur = std::min(needed, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  Rig rig;
  ASSERT_TRUE(rig.server.listen({}));
  std::vector<std::unique_ptr<net::Stream>> clients;
  const std::size_t before = resident_bytes();
  net::TaskSet tasks(rig.loop);
  tasks.spawn(connect_many(rig.loop, rig.server.port(), count, clients));
  rig.loop.run_for(30'000 * net::kMillisecond);
  ASSERT_EQ(clients.size(), count);
  for (int i = 0; i < 1000 && rig.server.counts().open < count; ++i)
    rig.loop.run_for(net::kMillisecond);
  EXPECT_EQ(rig.server.counts().open, count);
  const std::size_t each = (resident_bytes() - before) / count;
  RecordProperty("connections", static_cast<int>(count));
  RecordProperty("bytes_per_pair", static_cast<int>(each));
  std::printf(
      "%zu silent connections (the hard limit of descriptors allows %zu): %zu bytes each, both "
      "ends\n",
      count, kCount, each);
  EXPECT_LT(each, 12'000u);
  const auto heard =
      run(rig.loop, testing::say_to(rig.loop, rig.server.port(),
                                    "GET / HTTP/1.1\r\nHost: a\r\n" + kClose + "\r\n"));
  EXPECT_EQ(heard, kOk + "connection: close\r\ncontent-length: 0\r\n\r\n");
}

}  // namespace
}  // namespace swy::http
