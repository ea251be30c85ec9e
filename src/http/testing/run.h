// Runs one task on a loop to its end, for tests that want to read like a script.
//
// Threading: the calling thread runs the loop. Ownership: references passed into the task must live
// until this returns.
#pragma once

#include <optional>

#include "base/task.h"
#include "net/loop.h"

namespace swy::http::testing {

namespace detail {
template <typename T>
base::Task<void> keep(net::Loop& loop, base::Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
  loop.stop();
}
}  // namespace detail

// nullopt: not done after `ms`; the task is destroyed.
template <typename T>
std::optional<T> run(net::Loop& loop, base::Task<T> task, std::int64_t ms = 10'000) {
  std::optional<T> out;
  net::TaskSet tasks(loop);
  tasks.spawn(detail::keep(loop, std::move(task), out));
  loop.run_for(ms * net::kMillisecond);  // returns at once when the task has already ended
  return out;
}

}  // namespace swy::http::testing
