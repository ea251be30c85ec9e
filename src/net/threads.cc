#include "net/threads.h"

#include <future>

namespace swy::net {

LoopThreads::LoopThreads(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>());
  for (auto& loop : loops_) threads_.emplace_back([&l = *loop] { l.run(); });
}

LoopThreads::~LoopThreads() { stop(); }

void LoopThreads::call(std::size_t i, const std::function<void()>& fn) {
  std::promise<void> done;
  loops_[i]->post([&] {
    fn();
    done.set_value();
  });
  done.get_future().wait();
}

void LoopThreads::stop() {
  for (auto& loop : loops_) loop->stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace swy::net
