// Pool: encoding on threads of its own, with a bounded queue, across requests.
//
// When to use: a gateway worker must not compute for milliseconds; it hands texts to the pool and
// goes on. A thread takes whatever waits, up to Options::batch texts of one kind, and runs them as
// one batch. A full queue refuses at once (kUnavailable); a job whose deadline has passed when a
// thread comes to it is dropped and counted (kTimeout). Threading: submit and stats from any
// thread. Ownership: the pool shares the encoder and owns its threads; the destructor answers what
// still waits with kCancelled, then joins. Every accepted job is answered exactly once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "embed/encoder.h"
#include "switchyard/env.h"
#include "switchyard/result.h"

namespace swy::embed {

struct PoolOptions {
  std::size_t threads = 1;
  std::size_t queue = 256;  // jobs that may wait
  std::size_t batch = 16;   // texts that one run takes at most
};

struct PoolStats {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  // queue full
  std::uint64_t expired = 0;  // deadline passed before a thread was free
  std::uint64_t done = 0;
  std::uint64_t runs = 0;  // batches; done / runs is the mean batch
  std::size_t waiting = 0;
};

class Pool {
 public:
  enum class What : std::uint8_t { kEmbed, kClassify };
  using Answer = std::function<void(Result<std::vector<float>>)>;
  // Brings a function to the thread that wants it, for example [&loop](auto f) { loop.post(f); }.
  using Post = std::function<void(std::function<void()>)>;

  struct Job {
    std::string text;
    What what = What::kEmbed;
    std::int64_t deadline_ns = INT64_MAX;  // on the clock given to the pool
    Answer done;                           // gets an embedding or logits; must not throw
    Post post;                             // empty: done runs on the pool's thread
  };

  // REQUIRES: threads, queue and batch above 0.
  Pool(std::shared_ptr<const Encoder> encoder, const PoolOptions& options,
       const Clock& clock = system_clock());
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Never waits. kUnavailable: the queue is full; kUnsupported: the encoder has no such head. A job
  // that is refused is not answered.
  [[nodiscard]] Status submit(Job job);
  [[nodiscard]] PoolStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace swy::embed
