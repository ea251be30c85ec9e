#include "net/tls.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "net/loop.h"
#include "net/testing/certificate.h"
#include "net/testing/pipe.h"

namespace swy::net {
namespace {

base::Task<void> echo_tls(TlsContext& context, std::unique_ptr<Stream> inner, std::int64_t due_ns,
                          Status& status) {
  auto stream = co_await tls_accept(context, std::move(inner), due_ns);
  if (!stream) {
    status = tl::unexpected<Error>(stream.error());
    co_return;
  }
  std::array<char, 1000> buffer;
  for (;;) {
    const auto n = co_await (*stream)->read_some(buffer);
    if (!n) status = tl::unexpected<Error>(n.error());
    if (!n || *n == 0) co_return;
    if (!co_await (*stream)->write_all({buffer.data(), *n})) co_return;
  }
}

base::Task<void> pour(Stream& stream, std::string bytes) {
  (void)co_await stream.write_all(bytes);
  stream.shutdown_write();
}

base::Task<void> talk(Loop& loop, TlsContext& context, std::unique_ptr<Stream> inner,
                      std::string host, std::string say, Result<std::string>& heard) {
  auto stream =
      co_await tls_connect(context, std::move(inner), host, loop.after(5000 * kMillisecond));
  if (!stream) {
    heard = tl::unexpected<Error>(stream.error());
    co_return;
  }
  TaskSet tasks(loop);
  tasks.spawn(pour(**stream, say));
  std::array<char, 777> buffer;
  while (heard->size() < say.size()) {
    const auto n = co_await (*stream)->read_some(buffer);
    if (!n || *n == 0) {
      if (!n) heard = tl::unexpected<Error>(n.error());
      co_return;
    }
    heard->append(buffer.data(), *n);
  }
}

struct TlsRig {
  testing::Certificate certificate = testing::make_certificate("gate.test");
  std::string ca_file = ::testing::TempDir() + "swy_tls_test_ca.pem";
  Loop loop;
  std::unique_ptr<TlsContext> server;
  std::unique_ptr<TlsContext> client;

  explicit TlsRig(bool trust_it = true) {
    std::ofstream(ca_file)
        << (trust_it ? certificate : testing::make_certificate("other.test")).certificate_pem;
    server = std::move(*TlsContext::server({certificate.certificate_pem, certificate.key_pem}));
    client = std::move(*TlsContext::client({.ca_file = ca_file}));
  }
  ~TlsRig() { std::remove(ca_file.c_str()); }

  Result<std::string> exchange(const std::string& host, const std::string& say,
                               const testing::PipeOptions& pipe = {}) {
    auto [here, there] = testing::make_pipe(loop, pipe);
    Result<std::string> heard{std::string()};
    Status served;
    TaskSet tasks(loop);
    tasks.spawn(echo_tls(*server, std::move(there), loop.after(5000 * kMillisecond), served));
    tasks.spawn(talk(loop, *client, std::move(here), host, say, heard));
    EXPECT_TRUE(loop.drain(10'000 * kMillisecond));
    return heard;
  }
};

TEST(Tls, carries_bytes_over_a_slow_and_cutting_pipe) {
  TlsRig rig;
  std::string say;
  for (int i = 0; i < 20'000; ++i) say += std::to_string(i);
  for (const std::size_t max_read : {std::size_t{1}, std::size_t{100}, std::size_t{100'000}}) {
    const auto heard = rig.exchange("gate.test", say, {.capacity = 5000, .max_read = max_read});
    ASSERT_TRUE(heard) << heard.error().message;
    EXPECT_EQ(*heard, say);
  }
}

TEST(Tls, takes_up_an_earlier_session) {
  TlsRig rig;
  ASSERT_TRUE(rig.exchange("gate.test", "one"));
  ASSERT_TRUE(rig.exchange("gate.test", "two"));
  EXPECT_EQ(rig.client->resumed(), 1u);
}

TEST(Tls, accepts_the_address_in_the_certificate_and_refuses_another_name) {
  TlsRig rig;
  EXPECT_TRUE(rig.exchange("127.0.0.1", "x"));
  const auto wrong = rig.exchange("evil.test", "x");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kProtocol);
  EXPECT_NE(wrong.error().message.find("certificate verify failed"), std::string::npos)
      << wrong.error().message;
}

TEST(Tls, refuses_a_certificate_that_nobody_vouches_for) {
  TlsRig rig(false);
  const auto heard = rig.exchange("gate.test", "x");
  ASSERT_FALSE(heard);
  EXPECT_EQ(heard.error().code, ErrorCode::kProtocol);
}

base::Task<void> talk_and_leave(TlsContext& context, std::unique_ptr<Stream> inner, bool cut) {
  Stream& line = *inner;
  auto stream = co_await tls_connect(context, std::move(inner), "gate.test", kNever);
  std::array<char, 8> buffer;
  if (!stream || !co_await (*stream)->write_all("x")) co_return;
  (void)co_await (*stream)->read_some(buffer);
  if (cut) line.close();
}

TEST(Tls, an_end_without_goodbye_is_not_the_end_of_the_stream) {
  TlsRig rig;
  for (const bool cut : {false, true}) {
    auto [here, there] = testing::make_pipe(rig.loop);
    Status served;
    TaskSet tasks(rig.loop);
    tasks.spawn(echo_tls(*rig.server, std::move(there), kNever, served));
    tasks.spawn(talk_and_leave(*rig.client, std::move(here), cut));
    EXPECT_TRUE(rig.loop.drain(5000 * kMillisecond));
    EXPECT_EQ(served.has_value(), !cut);
    if (cut && !served) {
      EXPECT_EQ(served.error().code, ErrorCode::kClosed);
    }
  }
}

TEST(Tls, a_silent_peer_ends_the_handshake_at_its_deadline) {
  TlsRig rig;
  auto [here, there] = testing::make_pipe(rig.loop);
  Result<std::string> heard{std::string()};
  Status served;
  TaskSet tasks(rig.loop);
  tasks.spawn(echo_tls(*rig.server, std::move(there), rig.loop.after(100 * kMillisecond), served));
  EXPECT_TRUE(rig.loop.drain(5000 * kMillisecond));
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, ErrorCode::kTimeout);
}

}  // namespace
}  // namespace swy::net
