#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "net/loop.h"
#include "net/tcp.h"
#include "net/threads.h"

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

base::Task<void> sleep_and_note(Loop& loop, std::int64_t ns, char name, std::string& order) {
  co_await loop.sleep_for(ns);
  order += name;
}

base::Task<void> cancel_later(Loop& loop, Stream& stream) {
  co_await loop.sleep_for(5 * kMillisecond);
  stream.cancel();
}

base::Task<void> read_and_cancel(Loop& loop, std::uint16_t port, Result<std::size_t>& timed,
                                 Result<std::size_t>& cancelled) {
  auto stream = co_await connect_tcp(loop, "127.0.0.1", port, kNever);
  if (!stream) co_return;
  std::array<char, 8> buffer;
  (*stream)->set_read_deadline(loop.after(20 * kMillisecond));
  timed = co_await (*stream)->read_some(buffer);
  (*stream)->set_read_deadline(kNever);
  loop.spawn(cancel_later(loop, **stream));
  cancelled = co_await (*stream)->read_some(buffer);
}

base::Task<void> pour(Stream& stream, const std::string& bytes) {
  EXPECT_TRUE(co_await stream.write_all(bytes));
  stream.shutdown_write();
}

base::Task<void> pour_and_hear(Loop& loop, std::uint16_t port, const std::string& bytes,
                               std::string& heard) {
  auto stream = co_await connect_tcp(loop, "127.0.0.1", port, kNever);
  if (!stream) co_return;
  TaskSet tasks(loop);
  tasks.spawn(pour(**stream, bytes));
  std::vector<char> buffer(100'000);
  for (;;) {
    const auto n = co_await (*stream)->read_some(buffer);
    if (!n || *n == 0) co_return;
    heard.append(buffer.data(), *n);
  }
}

std::int64_t cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
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

TEST(Loop, sleeps_end_in_the_order_of_their_times_and_a_destroyed_one_never_does) {
  Loop loop;
  std::string order;
  loop.spawn(sleep_and_note(loop, 20 * kMillisecond, 'c', order));
  loop.spawn(sleep_and_note(loop, 2 * kMillisecond, 'a', order));
  loop.spawn(sleep_and_note(loop, 10 * kMillisecond, 'b', order));
  {
    TaskSet tasks(loop);
    tasks.spawn(sleep_and_note(loop, 5 * kMillisecond, 'x', order));
  }
  EXPECT_EQ(loop.tasks(), 3u);
  const std::int64_t start = loop.now_ns();
  EXPECT_TRUE(loop.drain(5000 * kMillisecond));
  EXPECT_EQ(order, "abc");
  EXPECT_GE(loop.now_ns() - start, 20 * kMillisecond);
}

TEST(Loop, draining_gives_up_at_its_deadline_and_the_rest_dies_with_the_loop) {
  std::string order;
  Loop loop;
  loop.spawn(sleep_and_note(loop, 100'000 * kMillisecond, 'x', order));
  EXPECT_FALSE(loop.drain(5 * kMillisecond));
  EXPECT_EQ(loop.tasks(), 1u);
}

TEST(Loop, a_stop_before_run_is_not_lost) {
  Loop loop;
  loop.stop();
  loop.run();
  SUCCEED() << "run() came back";
}

struct Fired {
  Fired(Loop& l, std::int64_t ms)
      : loop(l), deadline([](void* self) { static_cast<Fired*>(self)->note(); }, this) {
    deadline.arm(loop, loop.now_ns() + ms * kMillisecond);
  }
  void note() {
    at_ns = loop.now_ns();
    ++count;
  }
  Loop& loop;
  std::int64_t at_ns = 0;
  int count = 0;
  Deadline deadline;
};

TEST(Deadline, fires_once_not_early_and_at_most_a_tick_and_a_bit_late) {
  Loop loop;
  const std::int64_t start = loop.now_ns();
  Fired soon(loop, 1);
  Fired later(loop, 200);
  Fired moved(loop, 50);
  moved.deadline.arm(loop, start + 300 * kMillisecond);
  Fired sooner(loop, 10'000);
  sooner.deadline.arm(loop, start + 100 * kMillisecond);
  Fired off(loop, 50);
  off.deadline.disarm();
  auto gone = std::make_unique<Fired>(loop, 50);
  gone.reset();
  loop.run_for(500 * kMillisecond);
  for (const auto& [f, ms] : {std::pair{&soon, 1}, {&later, 200}, {&moved, 300}, {&sooner, 100}}) {
    EXPECT_EQ(f->count, 1) << ms;
    EXPECT_GE(f->at_ns - start, ms * kMillisecond);
    EXPECT_LE(f->at_ns - start, (ms + 64 + 100) * kMillisecond) << "100 ms for a busy machine";
  }
  EXPECT_EQ(off.count, 0);
}

TEST(Deadline, beyond_one_turn_of_the_wheel_is_kept) {
  Loop loop;
  Fired far(loop,
            100'000);  // the wheel turns once in 16 s: the same slot comes up six times before
  loop.run_for(100 * kMillisecond);
  EXPECT_EQ(far.count, 0);
  EXPECT_NE(far.deadline.due_ns(), kNever);
}

TEST(Loop, a_signal_becomes_a_call) {
  Loop loop;
  int heard = 0;
  loop.on_signal(SIGHUP, [&] {
    if (++heard == 2) return loop.stop();
    raise(SIGHUP);
  });
  raise(SIGHUP);
  EXPECT_TRUE(loop.run_for(5000 * kMillisecond));
  EXPECT_EQ(heard, 2);
}

TEST(LoopThreads, each_loop_runs_on_its_own_thread_and_takes_posts_from_others) {
  LoopThreads threads(3);
  std::set<std::thread::id> ids;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads.call(i, [&] { ids.insert(std::this_thread::get_id()); });
  }
  EXPECT_EQ(ids.size(), 3u);
  EXPECT_FALSE(ids.contains(std::this_thread::get_id()));
  threads.stop();
}

TEST(Tcp, a_read_gives_up_at_its_deadline_and_a_cancelled_one_says_so) {
  Loop loop;
  auto listener = Listener::listen(loop, {});
  ASSERT_TRUE(listener);
  Result<std::size_t> timed{0};
  Result<std::size_t> cancelled{0};
  loop.spawn(read_and_cancel(loop, (*listener)->port(), timed, cancelled));
  ASSERT_TRUE(loop.drain(5000 * kMillisecond));
  ASSERT_FALSE(timed);
  EXPECT_EQ(timed.error().code, ErrorCode::kTimeout);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
}

TEST(Tcp, bytes_larger_than_the_kernel_takes_arrive_whole_while_reading_at_the_same_time) {
  Loop loop;
  auto listener = Listener::listen(loop, {});
  ASSERT_TRUE(listener);
  loop.spawn(echo_once(**listener));
  std::string heard;
  const std::string big(8 * 1024 * 1024, 'y');
  loop.spawn(pour_and_hear(loop, (*listener)->port(), big, heard));
  ASSERT_TRUE(loop.drain(20'000 * kMillisecond));
  EXPECT_EQ(std::count(heard.begin(), heard.end(), 'y'), static_cast<std::ptrdiff_t>(big.size()));
}

// A raw peer: what the other end does with its socket is the test's to say.
class Peer {
 public:
  explicit Peer(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  ~Peer() { close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  void say(std::string_view text, int flags = 0) {
    EXPECT_EQ(send(fd_, text.data(), text.size(), flags), static_cast<ssize_t>(text.size()));
  }
  void end() { shutdown(fd_, SHUT_WR); }
  // What has arrived by now.
  std::string heard() {
    std::array<char, 256> buffer;
    const ssize_t n = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : "";
  }

 private:
  int fd_;
};

base::Task<void> collect(Listener& listener, std::size_t size, std::string& heard, bool& ended) {
  auto accepted = co_await listener.accept();
  if (!accepted) co_return;
  std::vector<char> buffer(size);
  for (;;) {
    const auto n = co_await (*accepted)->read_some(buffer);
    if (!n) co_return;
    if (*n == 0) break;
    heard.append(buffer.data(), *n);
  }
  ended = true;
}

TEST(Tcp, bytes_and_the_end_behind_them_arrive_with_every_size_of_buffer) {
  for (const std::size_t size : {1U, 3U, 4U, 5U, 64U}) {
    Loop loop;
    auto listener = Listener::listen(loop, {});
    ASSERT_TRUE(listener);
    std::string heard;
    bool ended = false;
    loop.spawn(collect(**listener, size, heard, ended));
    Peer peer((*listener)->port());
    peer.say("abcd");
    peer.end();
    ASSERT_TRUE(loop.drain(2000 * kMillisecond)) << size;
    EXPECT_EQ(heard, "abcd");
    EXPECT_TRUE(ended);
  }
}

TEST(Tcp, urgent_data_does_not_hide_the_bytes_behind_it) {
  Loop loop;
  auto listener = Listener::listen(loop, {});
  ASSERT_TRUE(listener);
  std::string heard;
  bool ended = false;
  loop.spawn(collect(**listener, 64, heard, ended));
  Peer peer((*listener)->port());
  peer.say("ab");
  peer.say("!", MSG_OOB);
  peer.say("cd");
  loop.run_for(100 * kMillisecond);
  EXPECT_EQ(heard, "abcd");
  peer.end();
  EXPECT_TRUE(loop.drain(2000 * kMillisecond));
}

base::Task<void> accept_into(Listener& listener, std::unique_ptr<Stream>& stream) {
  auto accepted = co_await listener.accept();
  if (accepted) stream = std::move(*accepted);
}

base::Task<void> say(Stream& stream, std::string_view text, std::string& order) {
  EXPECT_TRUE(co_await stream.write_all(text));
  order += 'w';
}

TEST(Loop, what_must_be_safe_before_a_turns_writes_leave_comes_first) {
  Loop loop;
  auto listener = Listener::listen(loop, {});
  ASSERT_TRUE(listener);
  std::unique_ptr<Stream> stream;
  loop.spawn(accept_into(**listener, stream));
  Peer peer((*listener)->port());
  ASSERT_TRUE(loop.drain(2000 * kMillisecond));
  ASSERT_TRUE(stream);
  std::string order;
  loop.before_writes([&] {
    if (!order.empty()) return;
    EXPECT_EQ(peer.heard(), "") << "a write left before";
    order += 'b';
  });
  loop.post([&] { loop.spawn(say(*stream, "x", order)); });
  loop.run_for(20 * kMillisecond);
  EXPECT_EQ(order, "bw");
  loop.before_writes({});
  EXPECT_EQ(peer.heard(), "x");
}

TEST(Tcp, a_stream_closed_in_the_turn_of_its_write_still_says_it) {
  Loop loop;
  auto listener = Listener::listen(loop, {});
  ASSERT_TRUE(listener);
  std::unique_ptr<Stream> stream;
  loop.spawn(accept_into(**listener, stream));
  Peer peer((*listener)->port());
  ASSERT_TRUE(loop.drain(2000 * kMillisecond));
  std::string order;
  loop.spawn(say(*stream, "farewell", order));
  stream->close();
  EXPECT_TRUE(loop.drain(2000 * kMillisecond));
  EXPECT_EQ(peer.heard(), "farewell");
  EXPECT_EQ(order, "w");
}

base::Task<void> connect_by_name(Loop& loop, std::string name, std::uint16_t port, Error& error) {
  auto stream = co_await connect_tcp(loop, name, port, loop.after(20'000 * kMillisecond));
  if (!stream) error = stream.error();
}

TEST(Tcp, names_are_resolved_and_an_unknown_one_is_unavailable) {
  Loop loop;
  auto listener = Listener::listen(loop, {});
  ASSERT_TRUE(listener);
  Error known;
  Error unknown;
  loop.spawn(connect_by_name(loop, "localhost", (*listener)->port(), known));
  loop.spawn(connect_by_name(loop, "no such name", 80, unknown));
  ASSERT_TRUE(loop.drain(30'000 * kMillisecond));
  EXPECT_EQ(known.message, "");
  EXPECT_EQ(unknown.code, ErrorCode::kUnavailable);
  EXPECT_NE(unknown.message.find("no such name"), std::string::npos);
}

base::Task<void> sleep_often(Loop& loop, int times) {
  for (int i = 0; i < times; ++i) co_await loop.sleep_for(20'000);
}

TEST(Loop, is_awake_between_short_waits_and_asleep_when_nothing_comes) {
  Loop loop;
  loop.spawn(sleep_often(loop, 100));
  ASSERT_TRUE(loop.drain(5000 * kMillisecond));
  loop.run_for(5 * kMillisecond);
  const std::int64_t cpu = cpu_ns();
  loop.run_for(200 * kMillisecond);
  EXPECT_LT(cpu_ns() - cpu, 20 * kMillisecond) << "it spins";
}

TEST(Tcp, a_closed_listener_ends_its_accept) {
  Loop loop;
  auto listener = Listener::listen(loop, {});
  ASSERT_TRUE(listener);
  loop.spawn(echo_once(**listener));
  (*listener)->close();
  EXPECT_TRUE(loop.drain(5000 * kMillisecond));
}

TEST(Tcp, running_out_of_descriptors_pauses_accepting_and_is_counted) {
  Loop loop;
  auto listener = Listener::listen(loop, {});
  ASSERT_TRUE(listener);
  std::string heard;
  loop.spawn(say_and_hear(loop, (*listener)->port(), heard));
  std::vector<int> hoard;
  for (int fd = dup(0); fd >= 0; fd = dup(0)) hoard.push_back(fd);
  ASSERT_FALSE(hoard.empty());
  loop.spawn(echo_once(**listener));
  const std::int64_t cpu = cpu_ns();
  loop.run_for(300 * kMillisecond);
  EXPECT_EQ(heard, "");
  EXPECT_GE((*listener)->starved(), 1u);
  EXPECT_LE((*listener)->starved(), 5u) << "it spins";
  EXPECT_LT(cpu_ns() - cpu, 100 * kMillisecond) << "it spins";
  for (const int fd : hoard) close(fd);
  EXPECT_TRUE(loop.drain(5000 * kMillisecond));
  EXPECT_EQ(heard, "<hello");
}

TEST(Loop, AnIdleLoopSleepsEvenWhenItPolls) {
  Loop loop;
  loop.busy_poll(50'000);
  const std::clock_t before = std::clock();
  EXPECT_FALSE(loop.run_for(300 * kMillisecond));
  EXPECT_LT(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC, 0.1);
}

TEST(Loop, ABusyLoopThatPollsHandlesEverythingAndKeepsItsTimers) {
  Loop loop;
  loop.busy_poll(200'000);
  int posted = 0;
  std::int64_t woke = 0;
  const std::int64_t start = loop.now_ns();
  std::function<void()> again = [&] {
    if (++posted < 1000) loop.post(again);
  };
  loop.post(again);
  loop.spawn([](Loop& l, std::int64_t& at) -> base::Task<void> {
    co_await l.sleep_for(20 * kMillisecond);
    at = l.now_ns();
    l.stop();
  }(loop, woke));
  EXPECT_TRUE(loop.run_for(5000 * kMillisecond));
  EXPECT_EQ(posted, 1000);
  EXPECT_GE(woke - start, 20 * kMillisecond);
}

}  // namespace
}  // namespace swy::net
