// RunElsewhere: awaits a function that runs on another thread (the control thread) and comes back
// to the worker's loop. For the few things that may block, such as searching record files. The
// awaiting coroutine may be destroyed meanwhile: then the result is dropped.
#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <utility>

#include "net/loop.h"

namespace swy::gateway {

template <typename T>
class RunElsewhere {
 public:
  using Post = std::function<void(std::function<void()>)>;  // posts to the other thread
  RunElsewhere(net::Loop& home, const Post& post, std::function<T()> work)
      : home_(home), post_(post), work_(std::move(work)) {}
  ~RunElsewhere() {
    if (state_) state_->waiting = nullptr;
  }
  RunElsewhere(const RunElsewhere&) = delete;
  RunElsewhere& operator=(const RunElsewhere&) = delete;

  [[nodiscard]] bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    state_ = std::make_shared<State>();
    state_->waiting = h;
    // home outlives the work: the gateway stops the control thread before it destroys workers.
    post_([state = state_, work = std::move(work_), home = &home_] {
      state->result = std::make_unique<T>(work());
      home->post([state] {
        if (state->waiting) state->waiting.resume();
      });
    });
  }
  T await_resume() { return std::move(*state_->result); }

 private:
  struct State {
    std::coroutine_handle<> waiting;  // touched on the home loop only
    std::unique_ptr<T> result;        // written elsewhere before the post back, which orders it
  };
  net::Loop& home_;
  const Post& post_;
  std::function<T()> work_;
  std::shared_ptr<State> state_;
};

}  // namespace swy::gateway
