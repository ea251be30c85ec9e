#include <gtest/gtest.h>

#include <string>

#include "net/loop.h"
#include "net/tcp.h"

namespace swy::net {
namespace {

base::Task<void> echo_once(Listener& listener) {
  auto accepted = co_await listener.accept();
  if (!accepted) co_return;
  auto& stream = **accepted;
  std::array<char, 64> buffer;
  for (;;) {
    const auto n = co_await stream.read_some(buffer);
    if (!n || *n == 0) co_return;
    if (!co_await stream.write_all("<", {buffer.data(), *n})) co_return;
  }
}

base::Task<void> say_and_hear(Loop& loop, std::uint16_t port, std::string& heard) {
  auto stream = co_await connect_tcp(loop, "127.0.0.1", port, loop.after(1000 * kMillisecond));
  if (!stream) {
    heard = stream.error().message;
    co_return;
  }
  if (!co_await (*stream)->write_all("hello")) co_return;
  (*stream)->shutdown_write();
  std::array<char, 64> buffer;
  for (;;) {
    const auto n = co_await (*stream)->read_some(buffer);
    if (!n || *n == 0) co_return;
    heard.append(buffer.data(), *n);
  }
}

TEST(Tcp, bytes_go_to_the_peer_and_back) {
  Loop loop;
  auto listener = Listener::listen(loop, {});
  ASSERT_TRUE(listener) << listener.error().message;
  std::string heard;
  loop.spawn(echo_once(**listener));
  loop.spawn(say_and_hear(loop, (*listener)->port(), heard));
  ASSERT_TRUE(loop.drain(5000 * kMillisecond));
  EXPECT_EQ(heard, "<hello");
}

}  // namespace
}  // namespace swy::net
