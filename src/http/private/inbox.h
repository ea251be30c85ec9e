// Inbox: the receiving half of a connection. Bytes collect in one buffer by a read that stays
// posted while nobody waits, so that an idle or busy connection hears of its peer's end at once,
// and the same read serves the next message.
//
// Threading: the loop's thread. Ownership: borrows the Stream, which must outlive it.
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "net/stream.h"

namespace swy::http {

class Inbox {
 public:
  // idle_size: the buffer while nothing is in it. max_size: where it stops growing (and reading).
  Inbox(net::Stream& stream, std::size_t idle_size, std::size_t max_size)
      : stream_(stream), idle_size_(idle_size), max_size_(max_size) {}
  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  [[nodiscard]] std::string_view data() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void drop(std::size_t n) { begin_ += n; }
  // Bytes that were dropped stay the caller's to change until the next wait. REQUIRES: dropped is a
  // view of former data().
  char* writable(std::string_view dropped) {
    return buffer_.get() + (dropped.data() - buffer_.get());
  }

  // Keeps one read posted while nobody waits. Bytes of data() may move.
  void listen();
  // The peer has ended (kClosed) or the reading failed; no more bytes will come.
  [[nodiscard]] bool ended() const { return error_.has_value(); }
  [[nodiscard]] const Error& error() const { return *error_; }
  // It ended by the peer's end of stream, not by a reset or an error.
  [[nodiscard]] bool ended_cleanly() const { return ended_cleanly_; }
  // Called when the reading has ended, or bytes have come (ended() tells which), while nobody
  // waits. After bytes the read is not posted again: that takes listen().
  void on_news(void (*fn)(void* context), void* context) {
    news_ = fn;
    news_context_ = context;
  }

  class More;
  // co_await: until bytes were added to data() or ended(). REQUIRES: one at a time. Views of data()
  // become stale.
  More more();

 private:
  enum class Post : std::uint8_t { kPosted, kArrived, kFull };
  enum class Why : std::uint8_t { kIdle, kWanted };
  Post post(Why why);
  void make_room(Why why);
  void arrived();  // takes the finished operation's result
  void on_done();
  net::Stream& stream_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t idle_size_;
  std::size_t max_size_;
  net::ReadOp op_;
  bool posted_ = false;
  bool filled_ = false;  // the last read filled the whole buffer: use a larger one
  std::optional<Error> error_;
  bool ended_cleanly_ = false;
  std::coroutine_handle<> waiter_;
  void (*news_)(void*) = nullptr;
  void* news_context_ = nullptr;
};

class Inbox::More {
 public:
  explicit More(Inbox& inbox) : inbox_(inbox) {}
  ~More() { inbox_.waiter_ = {}; }
  More(const More&) = delete;
  More& operator=(const More&) = delete;
  [[nodiscard]] bool await_ready() const { return inbox_.ended(); }
  bool await_suspend(std::coroutine_handle<> h) {
    switch (inbox_.post(Why::kWanted)) {
      case Post::kPosted:
        inbox_.waiter_ = h;
        return true;
      case Post::kFull:
        inbox_.error_ = Error{ErrorCode::kTooLarge, "more bytes than the buffer may hold"};
        return false;
      case Post::kArrived:
        break;
    }
    return false;
  }
  void await_resume() const {}

 private:
  Inbox& inbox_;
};

inline Inbox::More Inbox::more() { return More(*this); }

}  // namespace swy::http
