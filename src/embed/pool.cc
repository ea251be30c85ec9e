// Pool: one queue under one mutex, held only to move jobs in and out.
//
// A batch is the longest run of jobs of one kind at the head of the queue, so answers of one kind
// keep their order of arrival; expired jobs are taken out on the way and do not count. Checked by
// pool_test.cc, under the thread sanitizer too.
#include "embed/pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "base/check.h"

namespace swy::embed {

struct Pool::Impl {
  std::shared_ptr<const Encoder> encoder;
  PoolOptions options;
  const Clock* clock = nullptr;
  mutable std::mutex mutex;  // guards queue, stats and stopping
  std::condition_variable wake;
  std::deque<Job> queue;
  PoolStats stats;
  bool stopping = false;
  std::vector<std::thread> threads;

  void work();
  bool take(std::vector<Job>& batch, std::vector<Job>& expired);
  void run(std::vector<Job>& batch, Workspace& ws, Matrix& out) const;
};

namespace {

void answer(Pool::Job& job, Result<std::vector<float>> result) {
  if (!job.post) return job.done(std::move(result));
  job.post([done = std::move(job.done), result = std::move(result)]() mutable {
    done(std::move(result));
  });
}

}  // namespace

Pool::Pool(std::shared_ptr<const Encoder> encoder, const PoolOptions& options, const Clock& clock)
    : impl_(std::make_unique<Impl>()) {
  SWY_ASSERT(encoder != nullptr && options.threads > 0 && options.queue > 0 && options.batch > 0);
  impl_->encoder = std::move(encoder);
  impl_->options = options;
  impl_->clock = &clock;
  for (std::size_t i = 0; i < options.threads; ++i) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->work(); });
  }
}

Pool::~Pool() {
  std::deque<Job> left;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    left.swap(impl_->queue);
  }
  impl_->wake.notify_all();
  for (Job& job : left) answer(job, fail(ErrorCode::kCancelled, "the encoder pool stops"));
  for (std::thread& t : impl_->threads) t.join();
}

Status Pool::submit(Job job) {
  SWY_ASSERT(job.done != nullptr);
  if (job.what == What::kClassify && impl_->encoder->info().head != Head::kSequence) {
    return fail(ErrorCode::kUnsupported, impl_->encoder->info().folder + ": has no sequence head");
  }
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping || impl_->queue.size() >= impl_->options.queue) {
      ++impl_->stats.refused;
      return fail(ErrorCode::kUnavailable, "the encoder's queue is full");
    }
    ++impl_->stats.accepted;
    impl_->queue.push_back(std::move(job));
  }
  impl_->wake.notify_one();
  return {};
}

PoolStats Pool::stats() const {
  const std::lock_guard lock(impl_->mutex);
  PoolStats s = impl_->stats;
  s.waiting = impl_->queue.size();
  return s;
}

// Waits for jobs; false when the pool stops.
bool Pool::Impl::take(std::vector<Job>& batch, std::vector<Job>& expired) {
  std::unique_lock lock(mutex);
  wake.wait(lock, [this] { return stopping || !queue.empty(); });
  if (stopping) return false;
  const std::int64_t now = clock->mono_ns();
  while (!queue.empty() && batch.size() < options.batch) {
    Job& next = queue.front();
    const bool late = next.deadline_ns <= now;
    if (!late && !batch.empty() && batch.front().what != next.what) break;
    (late ? expired : batch).push_back(std::move(next));
    queue.pop_front();
  }
  stats.expired += expired.size();
  stats.done += batch.size();
  if (!batch.empty()) ++stats.runs;
  return true;
}

void Pool::Impl::run(std::vector<Job>& batch, Workspace& ws, Matrix& out) const {
  std::vector<std::string_view> texts;
  for (const Job& job : batch) texts.push_back(job.text);
  if (batch.front().what == What::kEmbed) {
    encoder->embed(texts, ws, out);
  } else {
    const Status status = encoder->classify(texts, ws, out);
    SWY_ASSERT(status.has_value());  // submit refused encoders without the head
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    answer(batch[i], std::vector<float>(out.row(i).begin(), out.row(i).end()));
  }
}

void Pool::Impl::work() {
  Workspace ws;
  Matrix out;
  std::vector<Job> batch;
  std::vector<Job> expired;
  while (take(batch, expired)) {
    for (Job& job : expired) {
      answer(job, fail(ErrorCode::kTimeout, "no encoder thread was free before the deadline"));
    }
    if (!batch.empty()) run(batch, ws, out);
    batch.clear();
    expired.clear();
  }
}

}  // namespace swy::embed
