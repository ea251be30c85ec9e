// Loop: one thread's event loop: tasks, posted functions, exact sleeps and cheap coarse deadlines.
//
// It goes in turns: everything that is ready is handled, then the writes of all of it leave.
//
// Use one Loop per worker thread. Threading: everything belongs to the thread that runs the loop,
// except post() and stop(), which any thread may call. Before run() the building thread counts as
// the loop's thread. Ownership: the loop owns spawned tasks; destroying it destroys the unfinished
// ones (= cancels them). Every Stream, Listener and awaiter made on a loop must be gone before the
// loop is, except those owned by its spawned tasks.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>

#include "base/task.h"

namespace swy::net {

class Loop;

inline constexpr std::int64_t kNever = INT64_MAX;
inline constexpr std::int64_t kMillisecond = 1'000'000;  // in nanoseconds

// A coarse deadline: fires up to one tick (64 ms) late, costs no system call. Moving it later or
// disarming it is two stores, so an I/O path may re-arm it for every operation. Destroying it
// disarms it.
class Deadline {
 public:
  using Fire = void (*)(void* context);
  Deadline(Fire fire, void* context) : fire_(fire), context_(context) {}
  ~Deadline() { unlink(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  // due_ns on Loop::now_ns()'s clock; kNever disarms.
  void arm(Loop& loop, std::int64_t due_ns);
  void disarm() { due_ns_ = kNever; }
  [[nodiscard]] std::int64_t due_ns() const { return due_ns_; }

 private:
  friend class Loop;
  void unlink();
  Deadline* prev_ = nullptr;  // not null: linked into a slot of the loop's wheel
  Deadline* next_ = nullptr;
  std::int64_t due_ns_ = kNever;
  std::int64_t slot_tick_ =
      0;  // the tick whose slot holds this node; due_ns_ may be later (moved lazily) or kNever
  Fire fire_;
  void* context_;
};

// Tasks that end with their owner: destroying the set destroys the unfinished ones (= cancels
// them). Use it for tasks that borrow an object, as a member of that object declared last.
// REQUIRES: not destroyed by one of its own tasks.
class TaskSet {
 public:
  explicit TaskSet(Loop& loop) : loop_(loop) {}
  ~TaskSet() { cancel(); }
  TaskSet(const TaskSet&) = delete;
  TaskSet& operator=(const TaskSet&) = delete;
  // Starts the task at once, inside this call.
  void spawn(base::Task<void> task);
  void cancel();  // destroys the unfinished ones now
  [[nodiscard]] std::size_t size() const { return tasks_.size(); }

 private:
  struct Root;
  Root run(base::Task<void> task);
  Loop& loop_;
  std::list<std::coroutine_handle<>> tasks_;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();                     // until stop()
  bool run_for(std::int64_t ns);  // until stop() (true) or the time is over (false)
  void stop();                    // thread-safe
  // Runs until no task is left (true) or the time is over (false; the rest dies with the
  // loop).
  bool drain(std::int64_t ns);

  void post(std::function<void()> fn);  // thread-safe
  // Starts the task at once, inside this call. The loop owns it.
  void spawn(base::Task<void> task);
  [[nodiscard]] std::size_t tasks() const;  // running, of this loop and of every TaskSet on it

  [[nodiscard]] std::int64_t now_ns() const;  // monotonic
  // Deadlines are in absolute nanoseconds; kNever when `ns` is not positive.
  // Counted from the beginning of the present turn, which costs no look at the clock.
  [[nodiscard]] std::int64_t after(std::int64_t ns) const;

  // How long to look for events before sleeping, while events come at shorter distances than that;
  // 0, the default: sleep at once. Trades CPU below saturation for latency.
  void busy_poll(std::int64_t ns);

  // fn is called in every turn before its writes leave: for what must be safe by then. It must not
  // write to a Stream. {} to stop it.
  void before_writes(std::function<void()> fn);

  class Sleep;
  Sleep sleep_for(std::int64_t ns);  // co_await it; exact to the operating system's timers

  // Calls fn on this loop whenever the process gets the signal, instead of the signal's default
  // action.
  void on_signal(int signal, std::function<void()> fn);

  struct Impl;  // private to src/net
  Impl& impl() { return *impl_; }

 private:
  friend class Deadline;
  friend class TaskSet;
  using Sleepers = std::multimap<std::int64_t, Sleep*>;
  void link(Deadline& d, std::int64_t due_ns);
  std::unique_ptr<Impl> impl_;
};

class Loop::Sleep {
 public:
  Sleep(Loop& loop, std::int64_t ns) : loop_(loop), ns_(ns) {}
  ~Sleep();
  Sleep(const Sleep&) = delete;
  Sleep& operator=(const Sleep&) = delete;
  [[nodiscard]] bool await_ready() const { return ns_ <= 0; }
  void await_suspend(std::coroutine_handle<> h);
  void await_resume() {}

 private:
  friend struct Loop::Impl;
  void wake();
  std::coroutine_handle<> handle_;
  Loop& loop_;
  std::int64_t ns_;
  bool waiting_ = false;
  Sleepers::iterator at_;
};

inline Loop::Sleep Loop::sleep_for(std::int64_t ns) { return {*this, ns}; }

}  // namespace swy::net
