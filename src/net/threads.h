// LoopThreads: N loops on N threads, for workers that share nothing.
//
// Use: make it, post() work to each loop (listeners, servers), stop() at the end. Threading: make
// and stop from one control thread. Ownership: owns loops and threads; the destructor stops and
// joins. What lives on a loop must be destroyed on its thread before stop(), or be owned by the
// loop's tasks.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "net/loop.h"

namespace swy::net {

class LoopThreads {
 public:
  explicit LoopThreads(std::size_t count);
  ~LoopThreads();
  LoopThreads(const LoopThreads&) = delete;
  LoopThreads& operator=(const LoopThreads&) = delete;

  [[nodiscard]] std::size_t size() const { return loops_.size(); }
  Loop& loop(std::size_t i) { return *loops_[i]; }
  // Runs fn on loop i's thread and waits for it. REQUIRES: not called from one of the loops.
  void call(std::size_t i, const std::function<void()>& fn);
  void stop();  // stops the loops and joins the threads; the loops live on until destruction

 private:
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::thread> threads_;
};

}  // namespace swy::net
