// Nap: co_await it for an exact pause that ends early when the client goes away; true: it has gone.
// For the .cc files of upstream. Threading: the loop's thread. Ownership: borrows the connection.
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>

#include "http/server.h"
#include "net/loop.h"

namespace swy::upstream {

class Nap {
 public:
  Nap(http::ServerConnection& connection, std::int64_t ns) : connection_(connection), ns_(ns) {}
  ~Nap() {
    if (sleep_) connection_.on_gone({});
  }
  Nap(const Nap&) = delete;
  Nap& operator=(const Nap&) = delete;
  [[nodiscard]] bool await_ready() const { return ns_ <= 0 || connection_.gone(); }
  void await_suspend(std::coroutine_handle<> h) {
    handle_ = h;
    sleep(ns_);
    // The waiter may end the connection, which must not happen inside its own callback: so it is
    // woken by the loop.
    connection_.on_gone([this] { sleep(1); });
  }
  [[nodiscard]] bool await_resume() const { return connection_.gone(); }

 private:
  void sleep(std::int64_t ns) {
    sleep_.emplace(connection_.loop(), ns);
    sleep_->await_suspend(handle_);
  }
  http::ServerConnection& connection_;
  std::int64_t ns_;
  std::coroutine_handle<> handle_;
  std::optional<net::Loop::Sleep> sleep_;
};

}  // namespace swy::upstream
