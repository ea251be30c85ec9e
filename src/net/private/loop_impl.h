// What the .cc files of net share about a Loop: descriptors it watches and jobs it runs.
//
// One turn of the loop: wait for descriptors; tell each ready Watch; run posted functions, jobs of
// run_soon() and what is due; call the owner's before_writes(); run the jobs of run_last(), which
// are the writes. So the writes of a turn leave together, after everything that must be on record
// before. Threading: the loop's thread. Ownership: Watches and Jobs belong to their users and
// withdraw themselves when destroyed, also in the middle of a turn.
#pragma once

#include <cstdint>

#include "net/loop.h"

namespace swy::net {

// A descriptor that belongs to it. `ready` gets epoll's events, edge-triggered: everything that is
// new since the last call. It may destroy any Watch, its own too.
class Watch {
 public:
  using Ready = void (*)(void* context, std::uint32_t events);
  Watch(Loop& loop, Ready ready, void* context) : loop_(loop), ready_(ready), context_(context) {}
  ~Watch() { close(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  int open(int fd);  // takes it and watches it; 0, or errno (then the caller keeps it)
  void close();
  [[nodiscard]] int fd() const { return fd_; }  // -1: none
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] Loop& loop() const { return loop_; }

 private:
  friend struct Loop::Impl;
  Loop& loop_;
  Ready ready_;
  void* context_;
  int fd_ = -1;
};

// Something to call once, later in this turn or in the next one.
class Job {
 public:
  using Run = void (*)(void* context);
  Job(Run run, void* context) : run_(run), context_(context) {}
  ~Job() { withdraw(); }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  void withdraw();
  [[nodiscard]] bool queued() const { return next_ != nullptr; }

 private:
  friend class JobList;
  Job* prev_ = nullptr;
  Job* next_ = nullptr;
  Run run_;
  void* context_;
};

class JobList {
 public:
  JobList() { head_.prev_ = head_.next_ = &head_; }
  ~JobList() { head_.prev_ = head_.next_ = nullptr; }
  JobList(const JobList&) = delete;
  JobList& operator=(const JobList&) = delete;
  [[nodiscard]] bool empty() const { return head_.next_ == &head_; }
  void add(Job& job);
  void run();  // those that are in it now; what they add is for the next time

 private:
  Job head_{nullptr, nullptr};
};

// Queued already: no effect.
void run_soon(Loop& loop, Job& job);
void run_last(Loop& loop, Job& job);  // with the writes

}  // namespace swy::net
