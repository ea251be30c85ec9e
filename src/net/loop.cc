// Loop on Asio's io_context.
//
// Coarse deadlines are a hashed wheel: 256 slots of one 64 ms tick; a deadline sits in the slot of
// its due tick (modulo the wheel). Re-arming later does not move the node: when its slot comes up
// it is put where it is due by then. So a connection that sets a deadline for every read touches
// the wheel about once per deadline length, not once per read. Cost: arm O(1), tick O(nodes in the
// slot). Loses when deadlines mostly fire. (Varghese and Lauck, hashed timing wheels, 1987.) Exact
// sleeps are a sorted map with one timer for its head. Tests: net_test.cc.
#include "net/loop.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <list>
#include <utility>
#include <vector>

#include "net/private/loop_impl.h"
#include "net/private/tcp_impl.h"
#include "switchyard/env.h"

namespace swy::net {
namespace {

constexpr std::int64_t kTickNs = 64 * kMillisecond;
constexpr std::size_t kSlots = 256;

std::int64_t tick_of(std::int64_t ns) { return ns / kTickNs + 1; }  // the first tick at or after ns

}  // namespace

namespace asio = boost::asio;
using ErrorCodeAsio = boost::system::error_code;

struct Loop::Impl {
  // The reactor's and the scheduler's own locks stay for post() and the resolver; per-descriptor
  // locks go: one thread.
  Loop* owner;
  asio::io_context context{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::atomic<bool> stopping = false;  // so that a stop() just before run() is not lost

  asio::steady_timer tick{context};
  std::vector<std::unique_ptr<Deadline>> slots;  // list heads
  std::int64_t ticked = 0;                       // the last tick whose slot was looked at
  std::size_t empty_ticks = kSlots;              // in a row; a whole empty turn stops the ticking

  asio::steady_timer alarm{context};
  Sleepers sleepers;
  std::int64_t alarm_ns = kNever;

  NameCache names;

  std::size_t tasks = 0;
  bool draining = false;
  TaskSet own;

  struct Signal {
    Signal(asio::io_context& context, int number, std::function<void()> f)
        : set(context, number), fn(std::move(f)) {}
    asio::signal_set set;
    std::function<void()> fn;
  };
  std::list<Signal> signals;

  explicit Impl(Loop& loop);
  void wait_tick();
  void fire_slot(std::int64_t tick_number, std::int64_t now);
  void set_alarm();
  void on_alarm();
  void wait_signal(Signal& signal);
};

// The coroutine that owns one spawned task. It frees itself at its end; ~TaskSet destroys the ones
// still waiting.
struct TaskSet::Root {
  struct promise_type {
    TaskSet* set = nullptr;
    std::list<std::coroutine_handle<>>::iterator at;
    ~promise_type() {
      set->tasks_.erase(at);
      Loop::Impl& m = set->loop_.impl();
      if (--m.tasks == 0 && m.draining) m.context.stop();
    }
    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    [[noreturn]] void unhandled_exception() noexcept { std::abort(); }
  };
  std::coroutine_handle<promise_type> handle;
};

TaskSet::Root TaskSet::run(base::Task<void> task) { co_await std::move(task); }

void TaskSet::spawn(base::Task<void> task) {
  const Root root = run(std::move(task));
  root.handle.promise().set = this;
  root.handle.promise().at = tasks_.insert(tasks_.end(), root.handle);
  ++loop_.impl().tasks;
  root.handle.resume();
}

void TaskSet::cancel() {
  while (!tasks_.empty()) tasks_.front().destroy();  // its promise takes it off the list
}

asio::io_context& context_of(Loop& loop) { return loop.impl().context; }

NameCache& names_of(Loop& loop) { return loop.impl().names; }

Loop::Loop() : impl_(std::make_unique<Impl>(*this)) {}

Loop::~Loop() {
  impl_->own.cancel();
  impl_->signals.clear();
  impl_->tick.cancel();
  impl_->alarm.cancel();
  impl_->work.reset();
  impl_->context.restart();
  impl_->context.poll();  // withdrawn operations report back, so that their shared state is freed
}

void Loop::run() {
  impl_->context.restart();
  if (!impl_->stopping) impl_->context.run();
  impl_->stopping = false;
}

bool Loop::run_for(std::int64_t ns) {
  impl_->context.restart();
  if (!impl_->stopping) impl_->context.run_for(std::chrono::nanoseconds(ns));
  return impl_->stopping.exchange(false);
}

void Loop::stop() {
  impl_->stopping = true;
  impl_->context.stop();
}

bool Loop::drain(std::int64_t ns) {
  const std::int64_t end = now_ns() + ns;
  impl_->draining = true;  // the last task to end stops the loop
  while (impl_->tasks > 0 && now_ns() < end) run_for(end - now_ns());
  impl_->draining = false;
  return impl_->tasks == 0;
}

void Loop::post(std::function<void()> fn) { asio::post(impl_->context, std::move(fn)); }

void Loop::spawn(base::Task<void> task) { impl_->own.spawn(std::move(task)); }

std::size_t Loop::tasks() const { return impl_->tasks; }

std::int64_t Loop::now_ns() const { return system_clock().mono_ns(); }

void Loop::on_signal(int signal, std::function<void()> fn) {
  impl_->wait_signal(impl_->signals.emplace_back(impl_->context, signal, std::move(fn)));
}

void Loop::Impl::wait_signal(Signal& signal) {
  signal.set.async_wait([this, &signal](ErrorCodeAsio ec, int) {
    if (ec) return;  // the loop is ending
    signal.fn();
    wait_signal(signal);
  });
}

// ---- coarse deadlines

Loop::Impl::Impl(Loop& loop) : owner(&loop), own(loop) {
  slots.reserve(kSlots);
  for (std::size_t i = 0; i < kSlots; ++i) {
    slots.push_back(std::make_unique<Deadline>(nullptr, nullptr));
    slots[i]->prev_ = slots[i]->next_ = slots[i].get();
  }
}

void Deadline::arm(Loop& loop, std::int64_t due_ns) {
  due_ns_ = due_ns;
  if (due_ns == kNever) return;
  if (prev_ != nullptr && slot_tick_ <= tick_of(due_ns)) return;  // its slot comes up early enough
  unlink();
  loop.link(*this, due_ns);
}

void Deadline::unlink() {
  if (prev_ == nullptr) return;
  prev_->next_ = next_;
  next_->prev_ = prev_;
  prev_ = next_ = nullptr;
}

void Loop::link(Deadline& d, std::int64_t due_ns) {
  Impl& m = *impl_;
  if (m.empty_ticks >= kSlots) {  // the wheel stands still
    m.ticked = now_ns() / kTickNs;
    m.empty_ticks = 0;
    m.wait_tick();
  }
  m.empty_ticks = 0;
  d.slot_tick_ = std::max(tick_of(due_ns), m.ticked + 1);
  Deadline& head = *m.slots[static_cast<std::size_t>(d.slot_tick_) % kSlots];
  d.prev_ = head.prev_;
  d.next_ = &head;
  d.prev_->next_ = &d;
  head.prev_ = &d;
}

void Loop::Impl::wait_tick() {
  tick.expires_at(asio::steady_timer::time_point(std::chrono::nanoseconds((ticked + 1) * kTickNs)));
  tick.async_wait([this](ErrorCodeAsio ec) {
    if (ec) return;
    const std::int64_t now = system_clock().mono_ns();
    while (ticked < now / kTickNs) {
      ++ticked;
      ++empty_ticks;
      fire_slot(ticked, now);
    }
    if (empty_ticks < kSlots) wait_tick();
  });
}

void Loop::Impl::fire_slot(std::int64_t tick_number, std::int64_t now) {
  // Nodes are taken out one by one into a private list first: firing may link, unlink or destroy
  // any of them.
  Deadline& head = *slots[static_cast<std::size_t>(tick_number) % kSlots];
  Deadline due(nullptr, nullptr);
  due.prev_ = due.next_ = &due;
  if (head.next_ != &head) {
    empty_ticks = 0;
    due.next_ = head.next_;
    due.prev_ = head.prev_;
    due.next_->prev_ = due.prev_->next_ = &due;
    head.prev_ = head.next_ = &head;
  }
  while (due.next_ != &due) {
    Deadline& d = *due.next_;
    d.unlink();
    if (d.due_ns_ == kNever) continue;
    if (d.due_ns_ > now) {
      owner->link(d, d.due_ns_);
    } else {
      d.due_ns_ = kNever;
      d.fire_(d.context_);
    }
  }
}

// ---- exact sleeps

void Loop::Impl::set_alarm() {
  const std::int64_t first = sleepers.empty() ? kNever : sleepers.begin()->first;
  if (first >= alarm_ns || first == kNever)
    return;  // a late alarm re-arms itself; an early one finds nothing due
  alarm_ns = first;
  alarm.expires_at(asio::steady_timer::time_point(std::chrono::nanoseconds(first)));
  alarm.async_wait([this](ErrorCodeAsio ec) {
    if (!ec) on_alarm();
  });
}

void Loop::Impl::on_alarm() {
  alarm_ns = kNever;
  const std::int64_t now = system_clock().mono_ns();
  while (!sleepers.empty() && sleepers.begin()->first <= now) {
    Sleep* sleeper = sleepers.begin()->second;
    sleepers.erase(sleepers.begin());
    sleeper->wake();
  }
  set_alarm();
}

Loop::Sleep::~Sleep() {
  if (waiting_) loop_.impl_->sleepers.erase(at_);
}

void Loop::Sleep::await_suspend(std::coroutine_handle<> h) {
  handle_ = h;
  waiting_ = true;
  at_ = loop_.impl_->sleepers.emplace(loop_.now_ns() + ns_, this);
  loop_.impl_->set_alarm();
}

void Loop::Sleep::wake() {
  waiting_ = false;
  handle_.resume();
}

}  // namespace swy::net
