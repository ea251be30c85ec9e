// TCP: Listener accepts, connect() connects, both give Streams (stream.h) with TCP_NODELAY set.
//
// Threading: the loop's thread. Ownership: the caller owns what it gets. A Listener must outlive
// its pending accept().
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/task.h"
#include "net/loop.h"
#include "net/stream.h"
#include "switchyard/result.h"

namespace swy::net {

struct ListenOptions {
  std::string address = "127.0.0.1";  // numeric
  std::uint16_t port = 0;             // 0: any free one, see Listener::port()
  bool share_port = false;            // SO_REUSEPORT: several loops listen on the same port
  int backlog = 4096;                 // the kernel cuts it to net.core.somaxconn
};

class Listener {
 public:
  static Result<std::unique_ptr<Listener>> listen(Loop& loop, const ListenOptions& options);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  class Accept;
  // co_await -> Result<unique_ptr<Stream>>. Out of descriptors or memory: waits 100 ms, counts, and
  // tries again. kCancelled after close(). REQUIRES: one at a time.
  Accept accept();
  void close();
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::uint64_t starved()
      const;  // how often accepting had to pause for want of descriptors or memory

  struct Core;  // private to src/net

 private:
  explicit Listener(Core* core) : core_(core) {}
  Core* core_;
};

class Listener::Accept {
 public:
  explicit Accept(Core& core) : core_(core) {}
  ~Accept();
  Accept(const Accept&) = delete;
  Accept& operator=(const Accept&) = delete;
  [[nodiscard]] bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> h);
  Result<std::unique_ptr<Stream>> await_resume() { return std::move(result_); }

 private:
  friend struct Core;
  Core& core_;
  std::coroutine_handle<> handle_;
  Result<std::unique_ptr<Stream>> result_;
};

// A host name or numeric address. Names are resolved by the system's resolver on a helper thread
// and remembered for 30 s. kUnavailable: not resolved or refused (every address was tried);
// kTimeout: due_ns passed.
base::Task<Result<std::unique_ptr<Stream>>> connect_tcp(Loop& loop, std::string host,
                                                        std::uint16_t port, std::int64_t due_ns);

}  // namespace swy::net
