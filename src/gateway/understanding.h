// Understanding: the compute pool that encodes texts for decisions and judges answers.
//
// When to use: a worker whose decide() answered Need asks for the encodings and is told on its own
// loop. Requests that wait for the same encoder are encoded as one batch. The queue is bounded:
// what does not fit is refused at once ("queue full"), and what its asker no longer waits for is
// skipped.
// Threading: ask() and counts from any thread; a Ticket belongs to the thread of its loop, the pool
// touches only what it was given. Ownership: the pool owns its threads; ending it finishes what is
// being encoded and drops the rest. REQUIRES: the askers' loops live until the pool has ended.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "gateway/config.h"
#include "net/loop.h"
#include "route/plan.h"

namespace swy::gateway {

class Understanding {
 public:
  // One text's way through the pool.
  struct Ticket {
    route::EncodingKey key;             // of ask()
    route::Encoding result;             // of ask(): written by the pool, read once `finished`
    std::function<void()> done;         // called on the asker's loop unless `dropped`
    std::atomic<bool> dropped = false;  // the asker went away or stopped waiting
    bool finished = false;              // set on the asker's loop
  };

  Understanding(const UnderstandingOptions& options, base::Metrics& metrics);
  ~Understanding();
  Understanding(const Understanding&) = delete;
  Understanding& operator=(const Understanding&) = delete;

  struct Text {
    route::EncodingKey key;
    std::string text;
  };
  // Tickets of the first texts, as many as the queue has room for. They join it in one step: no
  // thread takes the first while the others are still being asked for. `plan` is kept until all are
  // encoded; `done` is told of each.
  std::vector<std::shared_ptr<Ticket>> ask(const std::shared_ptr<const route::Plan>& plan,
                                           std::vector<Text> texts, net::Loop& loop,
                                           const std::function<void()>& done);
  void late() { late_.add(); }  // an asker stopped waiting
  // What is not an encoding has a queue, as long, and a thread of its own: it may take much longer.
  // The argument turns true when the asker went away: give up then.
  using Work = std::function<void(const std::atomic<bool>& stop)>;
  // Runs `work`, which owns what it touches, and then `done` on the asker's loop. nullptr: the
  // queue is full.
  std::shared_ptr<Ticket> run(Work work, net::Loop& loop, std::function<void()> done);

 private:
  struct Job {
    std::shared_ptr<const route::Plan> plan;
    std::string text;
    Work work;  // set: instead of encoding
    net::Loop* loop = nullptr;
    std::shared_ptr<Ticket> ticket;
  };
  struct Lane {
    std::deque<Job> queue;
    std::condition_variable ready;
  };
  void serve(Lane& lane);
  std::size_t add(Lane& lane, std::vector<Job> jobs);  // how many of them, from the first on, fit
  static void tell(const Job& job);
  // The oldest job and, when it encodes, those behind it for the same encoder. Waits; empty when
  // the pool ends.
  std::vector<Job> take(Lane& lane);
  void encode(std::vector<Job>& jobs);

  const std::size_t queue_limit_, batch_;
  std::mutex mutex_;
  Lane encodings_, works_;           // guarded by mutex_
  std::shared_ptr<Ticket> working_;  // what works_ is at; guarded by mutex_
  bool ending_ = false;              // guarded by mutex_
  base::Counter& encoded_;
  base::Counter& refused_;
  base::Counter& late_;
  base::Counter& failed_;
  base::Histogram& batch_us_;
  std::vector<std::thread> threads_;  // last: they use everything above
};

// One piece of work that a coroutine waits for. On its loop's thread; destroying it drops the work.
class Errand {
 public:
  Errand(Understanding& pool, net::Loop& loop) : pool_(pool), loop_(loop) {}
  ~Errand() {
    if (ticket_ != nullptr) ticket_->dropped = true;
  }
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;
  // kReady: done. kLate: still running, or waiting, when the time was over. kBusy: the queue was
  // full. `work` owns what it touches: it may run on when nobody waits any more.
  base::Task<route::Encoding::State> run(Understanding::Work work, std::int64_t patience_ns);

 private:
  Understanding& pool_;
  net::Loop& loop_;
  std::shared_ptr<Understanding::Ticket> ticket_;
  net::Loop::Sleep* asleep_ = nullptr;
};

// Everything one decision has asked the pool for, over all its askings. On its loop's thread;
// destroying it drops what is not finished.
class Understood {
 public:
  Understood(Understanding& pool, net::Loop& loop)
      : pool_(pool), loop_(loop), start_ns_(loop.now_ns()) {}
  ~Understood();
  Understood(const Understood&) = delete;
  Understood& operator=(const Understood&) = delete;

  // Asks for what `need` names; the texts are copied from `reading`.
  void ask(const std::shared_ptr<const route::Plan>& plan, const route::Need& need,
           route::Reading& reading);
  // Returns when everything asked is here or the need's deadline is over; what is not here then is
  // late.
  base::Task<void> wait();
  // Hands over what came and says of the rest why it did not.
  void provide(route::Reading& reading) const;

 private:
  Understanding& pool_;
  net::Loop& loop_;
  std::int64_t start_ns_;
  std::int64_t due_ns_ = 0;
  std::vector<std::shared_ptr<Understanding::Ticket>> tickets_;
  std::vector<route::EncodingKey> refused_;
  std::size_t open_ = 0;
  net::Loop::Sleep* asleep_ = nullptr;
};

}  // namespace swy::gateway
