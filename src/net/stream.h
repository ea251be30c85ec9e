// Stream: an ordered byte stream (TCP, TLS, in-memory). Co_await read_some() and write_all(); one
// of each may be outstanding at a time.
//
// Threading: the thread of its loop. Ownership: the owner of a Stream keeps it alive while an
// operation is outstanding; destroying an awaiter (or its coroutine) withdraws the operation, after
// which its buffers are not touched any more. Bytes that a withdrawn operation had already moved
// are lost, so withdraw only on the way to closing. Errors: kTimeout (the direction's deadline),
// kCancelled (cancel()), kClosed (reset by the peer), kIo, kProtocol (TLS).
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "switchyard/result.h"

namespace swy::net {

// An operation in flight. Lives in the awaiter, or in an object that prefers a callback to a
// coroutine.
struct ReadOp {
  std::span<char> buffer;         // not empty
  Result<std::size_t> result{0};  // 0 = end of stream
  void (*done)(void* context) = nullptr;
  void* context = nullptr;
};

struct WriteOp {
  static constexpr std::size_t kPieces = 8;
  std::array<std::string_view, kPieces> pieces;  // consumed in place as bytes leave
  std::size_t count = 0;
  Status result;
  void (*done)(void* context) = nullptr;
  void* context = nullptr;

  void add(std::string_view piece) {
    if (!piece.empty()) pieces[count++] = piece;
  }
  void consume(std::size_t n);  // drops n bytes from the front
  [[nodiscard]] bool empty() const { return count == 0; }
};

class Stream {
 public:
  virtual ~Stream() = default;

  class Read;
  class Write;
  Read read_some(std::span<char> buffer);   // -> Result<size_t>, 0 = end of stream
  Write write_all(std::string_view piece);  // -> Status, when every byte was handed on
  Write write_all(std::string_view head, std::string_view body);
  Write write_all(std::span<const std::string_view> pieces);  // REQUIRES: at most WriteOp::kPieces

  // The operations below the awaiters. start_*: true = op.result is set and done is not called;
  // false = done is called later, once, from the loop (never from inside a call to this Stream),
  // unless withdrawn. Writes may leave at the end of the loop's turn (loop.h).
  virtual bool start_read(ReadOp& op) = 0;
  virtual bool start_write(WriteOp& op) = 0;
  virtual void withdraw_read() noexcept = 0;
  virtual void withdraw_write() noexcept = 0;

  // Coarse (loop.h). The outstanding and later reads give up at due_ns; kNever = never.
  virtual void set_read_deadline(std::int64_t due_ns) = 0;
  // Later writes give up when the peer has taken nothing for so long; 0 = never. Costs nothing
  // while the peer keeps up.
  virtual void set_write_stall(std::int64_t ns) = 0;

  virtual void cancel() = 0;          // outstanding operations finish with kCancelled
  virtual void shutdown_write() = 0;  // the peer sees the end of stream; reading goes on
  virtual void
  close() = 0;  // outstanding operations finish with kCancelled; later ones with kClosed
  // close(), and the peer sees a reset where the transport has one (TCP), instead of an end.
  virtual void reset() { close(); }
  [[nodiscard]] virtual std::string peer() const = 0;  // "203.0.113.7:4242"; "" when not known
  [[nodiscard]] virtual std::string local() const = 0;
};

class Stream::Read {
 public:
  Read(Stream& stream, std::span<char> buffer) : stream_(stream) { op_.buffer = buffer; }
  ~Read() {
    if (pending_) stream_.withdraw_read();
  }
  Read(const Read&) = delete;
  Read& operator=(const Read&) = delete;
  [[nodiscard]] bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> h) {
    op_.done = [](void* self) { static_cast<Read*>(self)->finish(); };
    op_.context = this;
    handle_ = h;
    pending_ = true;
    if (!stream_.start_read(op_)) return true;
    pending_ = false;
    return false;
  }
  Result<std::size_t> await_resume() { return std::move(op_.result); }

 private:
  void finish() {
    pending_ = false;
    handle_.resume();
  }
  Stream& stream_;
  ReadOp op_;
  std::coroutine_handle<> handle_;
  bool pending_ = false;
};

class Stream::Write {
 public:
  Write(Stream& stream, std::span<const std::string_view> pieces) : stream_(stream) {
    for (const std::string_view piece : pieces) op_.add(piece);
  }
  ~Write() {
    if (pending_) stream_.withdraw_write();
  }
  Write(const Write&) = delete;
  Write& operator=(const Write&) = delete;
  [[nodiscard]] bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> h) {
    op_.done = [](void* self) { static_cast<Write*>(self)->finish(); };
    op_.context = this;
    handle_ = h;
    pending_ = true;
    if (!stream_.start_write(op_)) return true;
    pending_ = false;
    return false;
  }
  Status await_resume() { return std::move(op_.result); }

 private:
  void finish() {
    pending_ = false;
    handle_.resume();
  }
  Stream& stream_;
  WriteOp op_;
  std::coroutine_handle<> handle_;
  bool pending_ = false;
};

inline Stream::Read Stream::read_some(std::span<char> buffer) { return {*this, buffer}; }
inline Stream::Write Stream::write_all(std::string_view piece) { return {*this, {&piece, 1}}; }
inline Stream::Write Stream::write_all(std::string_view head, std::string_view body) {
  const std::array<std::string_view, 2> pieces{head, body};
  return {*this, pieces};
}
inline Stream::Write Stream::write_all(std::span<const std::string_view> pieces) {
  return {*this, pieces};
}

inline void WriteOp::consume(std::size_t n) {
  std::size_t first = 0;
  while (first < count && n >= pieces[first].size()) n -= pieces[first++].size();
  if (first < count) pieces[first].remove_prefix(n);
  for (std::size_t i = first; i < count; ++i) pieces[i - first] = pieces[i];
  count -= first;
}

}  // namespace swy::net
