// Loop on epoll.
//
// A turn is described in private/loop_impl.h. All descriptors are watched edge-triggered for
// everything from the beginning, so an idle connection and a busy one cost no epoll_ctl(2). The
// ends of a turn's writes collect and leave one after the other: the first wakes the peer's
// process, the others find it awake, which is cheaper than waking it for each. Loses when a turn is
// long: its first answer waits for its last; kMaxEvents bounds it.
//
// Waiting: sleeping and being woken costs some 30 us on a virtual machine. With busy_poll(ns) a
// loop whose waits of late were shorter than that looks for events for so long before it sleeps
// (the idea: Karlin et al., competitive spinning, 1991). A loop with longer waits sleeps at once.
// It keeps a busy but not saturated loop's core awake, so it is off unless asked for.
//
// Coarse deadlines are a hashed wheel: 256 slots of one 64 ms tick; a deadline sits in the slot of
// its due tick (modulo the wheel). Re-arming later does not move the node: when its slot comes up
// it is put where it is due by then. So a connection that sets a deadline for every read touches
// the wheel about once per deadline length, not once per read. Cost: arm O(1), tick O(nodes in the
// slot). Loses when deadlines mostly fire. (Varghese and Lauck, hashed timing wheels, 1987.) Exact
// sleeps are a sorted map whose head bounds the wait. Tests: net_test.cc.
#include "net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "base/check.h"
#include "net/private/loop_impl.h"
#include "net/private/tcp_impl.h"
#include "switchyard/env.h"

namespace swy::net {
namespace {

constexpr std::int64_t kTickNs = 64 * kMillisecond;
constexpr std::size_t kSlots = 256;
constexpr std::size_t kMaxEvents = 64;  // handled before the writes leave
constexpr std::uint32_t kEverything = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

std::int64_t tick_of(std::int64_t ns) { return ns / kTickNs + 1; }  // the first tick at or after ns

int make_event_fd() {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  SWY_ASSERT(fd >= 0);
  return fd;
}

void poke(int event_fd) {
  const std::uint64_t one = 1;
  // Edge-triggered: every write is news, and nobody has to read. It can fail only when the sum of
  // all writes nears 2^64.
  [[maybe_unused]] const ssize_t n = write(event_fd, &one, sizeof one);
}

// Whether it was poked since it was last taken.
bool take(int event_fd) {
  std::uint64_t count = 0;
  return read(event_fd, &count, sizeof count) > 0;
}

// epoll_pwait2(2) counts nanoseconds; older kernels have milliseconds only, then sleeps are late by
// up to one.
int wait_for(int epoll_fd, epoll_event* events, int max, std::int64_t ns) {
  static std::atomic<bool> fine = true;
  if (ns > 0 && ns != kNever && fine.load(std::memory_order_relaxed)) {
    const timespec timeout{ns / 1'000'000'000, ns % 1'000'000'000};
    const long n = syscall(SYS_epoll_pwait2, epoll_fd, events, max, &timeout, nullptr, 0);
    if (n >= 0 || errno != ENOSYS) return static_cast<int>(n);
    fine = false;
  }
  constexpr std::int64_t kLongest = 3'600'000;
  const std::int64_t ms =
      ns == kNever ? -1 : std::min((ns + kMillisecond - 1) / kMillisecond, kLongest);
  return epoll_wait(epoll_fd, events, max, static_cast<int>(ms));
}

// One event descriptor per signal, for the life of the process: a handler may be about to write to
// it at any time. 0: none yet, otherwise descriptor + 1.
std::array<std::atomic<int>, 65> signal_fds;

extern "C" void note_signal(int number) {
  const int saved = errno;
  poke(signal_fds[static_cast<std::size_t>(number)] - 1);
  errno = saved;
}

}  // namespace

struct Loop::Impl {
  Loop* owner;
  int epoll_fd;
  std::atomic<bool> stopping = false;  // so that a stop() just before run() is not lost
  std::int64_t turn_ns = 0;            // when the present turn began
  bool turning = false;
  std::int64_t busy_poll_ns = 0;
  std::int64_t usual_wait_ns = kMillisecond;  // moving average over about eight waits

  std::array<epoll_event, kMaxEvents> events;
  std::size_t event = 0;  // the one being told
  std::size_t event_count = 0;
  JobList soon;
  JobList last;
  std::function<void()> before_writes;

  Watch wake;
  std::mutex posted_mutex;  // guards posted
  std::vector<std::function<void()>> posted;

  std::vector<std::unique_ptr<Deadline>> slots;  // list heads
  std::int64_t ticked = 0;                       // the last tick whose slot was looked at
  std::size_t empty_ticks = kSlots;              // in a row; a whole empty turn stops the ticking

  Sleepers sleepers;

  NameCache names;

  std::size_t tasks = 0;
  bool draining = false;
  TaskSet own;

  // Its descriptor is the process's, so it is not a Watch's to close.
  struct Signal {
    Signal(Loop& loop, int number, std::function<void()> f);
    ~Signal();
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;
    void tell() {
      if (take(watch.fd())) fn();  // the first event only says that it can be written
    }
    Watch watch;
    int number;
    struct sigaction before{};
    std::function<void()> fn;
  };
  std::list<Signal> signals;

  explicit Impl(Loop& loop);
  ~Impl() { ::close(epoll_fd); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  void turn(std::int64_t until_ns);
  int wait(std::int64_t until_ns);
  void run_posted();
  void forget(const Watch& watch);
  [[nodiscard]] std::int64_t next_due() const;
  void tick();
  void fire_slot(std::int64_t tick_number, std::int64_t now);
  void wake_sleepers();
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
      --m.tasks;
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

NameCache& names_of(Loop& loop) { return loop.impl().names; }

Loop::Loop() : impl_(std::make_unique<Impl>(*this)) {}

Loop::~Loop() {
  impl_->own.cancel();
  impl_->signals.clear();
  impl_->names.end();
  impl_->wake.close();
}

void Loop::run() {
  while (!impl_->stopping) impl_->turn(kNever);
  impl_->stopping = false;
}

bool Loop::run_for(std::int64_t ns) {
  const std::int64_t end = now_ns() + ns;
  while (!impl_->stopping && now_ns() < end && !(impl_->draining && impl_->tasks == 0))
    impl_->turn(end);
  return impl_->stopping.exchange(false);
}

void Loop::stop() {
  impl_->stopping = true;
  poke(impl_->wake.fd());
}

bool Loop::drain(std::int64_t ns) {
  const std::int64_t end = now_ns() + ns;
  impl_->draining = true;  // the last task to end stops the loop
  while (impl_->tasks > 0 && now_ns() < end) run_for(end - now_ns());
  impl_->draining = false;
  return impl_->tasks == 0;
}

void Loop::post(std::function<void()> fn) {
  bool first = false;
  {
    const std::lock_guard lock(impl_->posted_mutex);
    first = impl_->posted.empty();
    impl_->posted.push_back(std::move(fn));
  }
  if (first) poke(impl_->wake.fd());
}

void Loop::spawn(base::Task<void> task) { impl_->own.spawn(std::move(task)); }

std::size_t Loop::tasks() const { return impl_->tasks; }

std::int64_t Loop::now_ns() const { return system_clock().mono_ns(); }

std::int64_t Loop::after(std::int64_t ns) const {
  if (ns <= 0) return kNever;
  return (impl_->turning ? impl_->turn_ns : now_ns()) + ns;
}

void Loop::busy_poll(std::int64_t ns) { impl_->busy_poll_ns = ns; }

void Loop::before_writes(std::function<void()> fn) { impl_->before_writes = std::move(fn); }

// ---- turns

Loop::Impl::Impl(Loop& loop)
    : owner(&loop),
      epoll_fd(epoll_create1(EPOLL_CLOEXEC)),
      wake(
          loop, [](void* self, std::uint32_t) { static_cast<Impl*>(self)->run_posted(); }, this),
      own(loop) {
  SWY_ASSERT(epoll_fd >= 0);
  epoll_event e{kEverything, {.ptr = &wake}};
  wake.fd_ = make_event_fd();
  SWY_ASSERT(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake.fd_, &e) == 0);
  slots.reserve(kSlots);
  for (std::size_t i = 0; i < kSlots; ++i) {
    slots.push_back(std::make_unique<Deadline>(nullptr, nullptr));
    slots[i]->prev_ = slots[i]->next_ = slots[i].get();
  }
}

int Loop::Impl::wait(std::int64_t until_ns) {
  const auto poll = [this](std::int64_t ns) {
    return wait_for(epoll_fd, events.data(), static_cast<int>(events.size()), ns);
  };
  const std::int64_t begin = turn_ns = system_clock().mono_ns();
  if (!soon.empty() || !last.empty() || until_ns <= begin) return poll(0);
  int n = 0;
  if (usual_wait_ns < busy_poll_ns) {
    const std::int64_t end = std::min(begin + busy_poll_ns, until_ns);
    while (n == 0 && turn_ns < end) {
      n = poll(0);
      turn_ns = system_clock().mono_ns();
    }
  }
  if (n == 0) {
    n = poll(until_ns == kNever ? kNever : std::max<std::int64_t>(until_ns - turn_ns, 0));
    turn_ns = system_clock().mono_ns();
  }
  usual_wait_ns += (std::min(turn_ns - begin, kMillisecond) - usual_wait_ns) / 8;
  return n;
}

void Loop::Impl::turn(std::int64_t until_ns) {
  const int n = wait(std::min(until_ns, next_due()));
  turning = true;
  event_count = n > 0 ? static_cast<std::size_t>(n) : 0;  // n < 0: a signal came
  for (event = 0; event < event_count; ++event) {
    if (const auto* watch = static_cast<Watch*>(events[event].data.ptr))
      watch->ready_(watch->context_, events[event].events);
  }
  event_count = 0;
  soon.run();
  if (turn_ns >= next_due()) {
    tick();
    wake_sleepers();
  }
  if (before_writes) before_writes();
  last.run();
  turning = false;
}

void Loop::Impl::run_posted() {
  std::vector<std::function<void()>> now;
  {
    const std::lock_guard lock(posted_mutex);
    now.swap(posted);
  }
  for (const auto& fn : now) fn();
}

std::int64_t Loop::Impl::next_due() const {
  const std::int64_t next_tick = empty_ticks < kSlots ? (ticked + 1) * kTickNs : kNever;
  return sleepers.empty() ? next_tick : std::min(next_tick, sleepers.begin()->first);
}

int Watch::open(int fd) {
  epoll_event e{kEverything, {.ptr = this}};
  if (epoll_ctl(loop_.impl().epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0) return errno;
  fd_ = fd;
  return 0;
}

void Watch::close() {
  if (fd_ < 0) return;
  loop_.impl().forget(*this);
  ::close(std::exchange(fd_, -1));  // the only descriptor of it, so epoll forgets it too
}

// What this turn has still to tell it stays untold.
void Loop::Impl::forget(const Watch& watch) {
  for (std::size_t i = event; i < event_count; ++i) {
    if (events[i].data.ptr == &watch) events[i].data.ptr = nullptr;
  }
}

void Job::withdraw() {
  if (next_ == nullptr) return;
  prev_->next_ = next_;
  next_->prev_ = prev_;
  prev_ = next_ = nullptr;
}

void JobList::add(Job& job) {
  if (job.queued()) return;
  job.prev_ = head_.prev_;
  job.next_ = &head_;
  job.prev_->next_ = &job;
  head_.prev_ = &job;
}

void JobList::run() {
  if (empty()) return;
  JobList now;
  now.head_.next_ = head_.next_;
  now.head_.prev_ = head_.prev_;
  now.head_.next_->prev_ = now.head_.prev_->next_ = &now.head_;
  head_.prev_ = head_.next_ = &head_;
  while (!now.empty()) {
    Job& job = *now.head_.next_;
    job.withdraw();
    job.run_(job.context_);
  }
}

void run_soon(Loop& loop, Job& job) { loop.impl().soon.add(job); }
void run_last(Loop& loop, Job& job) { loop.impl().last.add(job); }

// ---- signals

Loop::Impl::Signal::Signal(Loop& loop, int n, std::function<void()> f)
    : watch(
          loop, [](void* self, std::uint32_t) { static_cast<Signal*>(self)->tell(); }, this),
      number(n),
      fn(std::move(f)) {
  std::atomic<int>& shared = signal_fds[static_cast<std::size_t>(n)];
  if (shared == 0) shared = make_event_fd() + 1;
  (void)take(shared - 1);  // what an earlier loop was told
  SWY_ASSERT(watch.open(shared - 1) == 0);
  struct sigaction action{};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  SWY_ASSERT(sigaction(number, &action, &before) == 0);
}

Loop::Impl::Signal::~Signal() {
  (void)sigaction(number, &before, nullptr);
  Impl& m = watch.loop().impl();
  m.forget(watch);
  (void)epoll_ctl(m.epoll_fd, EPOLL_CTL_DEL, std::exchange(watch.fd_, -1), nullptr);
}

void Loop::on_signal(int signal, std::function<void()> fn) {
  SWY_ASSERT(signal > 0 && static_cast<std::size_t>(signal) < signal_fds.size());
  impl_->signals.emplace_back(*this, signal, std::move(fn));
}

// ---- coarse deadlines

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
  }
  m.empty_ticks = 0;
  d.slot_tick_ = std::max(tick_of(due_ns), m.ticked + 1);
  Deadline& head = *m.slots[static_cast<std::size_t>(d.slot_tick_) % kSlots];
  d.prev_ = head.prev_;
  d.next_ = &head;
  d.prev_->next_ = &d;
  head.prev_ = &d;
}

void Loop::Impl::tick() {
  while (empty_ticks < kSlots && ticked < turn_ns / kTickNs) {
    ++ticked;
    ++empty_ticks;
    fire_slot(ticked, turn_ns);
  }
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

void Loop::Impl::wake_sleepers() {
  while (!sleepers.empty() && sleepers.begin()->first <= turn_ns) {
    Sleep* sleeper = sleepers.begin()->second;
    sleepers.erase(sleepers.begin());
    sleeper->wake();
  }
}

Loop::Sleep::~Sleep() {
  if (waiting_) loop_.impl_->sleepers.erase(at_);
}

void Loop::Sleep::await_suspend(std::coroutine_handle<> h) {
  handle_ = h;
  waiting_ = true;
  at_ = loop_.impl_->sleepers.emplace(loop_.now_ns() + ns_, this);
}

void Loop::Sleep::wake() {
  waiting_ = false;
  handle_.resume();
}

}  // namespace swy::net
