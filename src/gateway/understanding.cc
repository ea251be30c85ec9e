#include "gateway/understanding.h"

#include <algorithm>
#include <chrono>
#include <span>

namespace swy::gateway {

Understanding::Understanding(const UnderstandingOptions& options, base::Metrics& metrics)
    : queue_limit_(static_cast<std::size_t>(options.queue)),
      batch_(static_cast<std::size_t>(options.batch)),
      encoded_(metrics.counter("switchyard_encodings_total", "Texts by what became of them.",
                               {{"result", "ready"}})),
      refused_(metrics.counter("switchyard_encodings_total", "", {{"result", "queue_full"}})),
      late_(metrics.counter("switchyard_encodings_total", "", {{"result", "late"}})),
      failed_(metrics.counter("switchyard_encodings_total", "", {{"result", "failed"}})),
      batch_us_(metrics.histogram("switchyard_encode_batch_seconds",
                                  "Time of one batch in the compute pool.")) {
  for (std::int64_t i = 0; i < options.threads; ++i) threads_.emplace_back([this] { run(); });
}

Understanding::~Understanding() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    queue_.clear();
  }
  ready_.notify_all();
  for (std::thread& t : threads_) t.join();
}

std::shared_ptr<Understanding::Ticket> Understanding::ask(std::shared_ptr<const route::Plan> plan,
                                                          route::EncodingKey key, std::string text,
                                                          net::Loop& loop,
                                                          std::function<void()> done) {
  auto ticket = std::make_shared<Ticket>();
  ticket->key = key;
  ticket->done = std::move(done);
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= queue_limit_) {
      refused_.add();
      return nullptr;
    }
    queue_.push_back({std::move(plan), std::move(text), &loop, ticket});
  }
  ready_.notify_one();
  return ticket;
}

std::vector<Understanding::Job> Understanding::take() {
  std::vector<Job> jobs;
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] { return ending_ || !queue_.empty(); });
  if (ending_) return jobs;
  const auto* const encoder =
      queue_.front().plan->encoders[queue_.front().ticket->key.encoder].encoder.get();
  for (auto it = queue_.begin(); it != queue_.end() && jobs.size() < batch_;) {
    const bool same = it->plan->encoders[it->ticket->key.encoder].encoder.get() == encoder;
    if (same && !it->ticket->dropped) jobs.push_back(std::move(*it));
    it = same ? queue_.erase(it) : std::next(it);
  }
  return jobs;
}

void Understanding::run() {
  for (;;) {
    std::vector<Job> jobs = take();
    if (!jobs.empty()) encode(jobs);
    const std::lock_guard lock(mutex_);
    if (ending_) return;
  }
}

void Understanding::encode(std::vector<Job>& jobs) {
  const route::Encoder& encoder =
      *jobs.front().plan->encoders[jobs.front().ticket->key.encoder].encoder;
  const std::size_t dims = encoder.dims();
  std::vector<std::string_view> texts;
  for (const Job& j : jobs) texts.push_back(j.text);
  std::vector<float> rows(jobs.size() * dims);
  const auto start = std::chrono::steady_clock::now();
  const bool ok = encoder.encode(texts, rows).has_value();
  batch_us_.observe_us(std::chrono::duration_cast<std::chrono::microseconds>(
                           std::chrono::steady_clock::now() - start)
                           .count());
  (ok ? encoded_ : failed_).add(static_cast<std::int64_t>(jobs.size()));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::shared_ptr<Ticket>& ticket = jobs[i].ticket;
    if (ok) {
      const auto row = std::span(rows).subspan(i * dims, dims);
      ticket->result.state = route::Encoding::State::kReady;
      ticket->result.values.assign(row.begin(), row.end());
    }
    jobs[i].loop->post([ticket] {
      if (ticket->dropped) return;
      ticket->finished = true;
      ticket->done();
    });
  }
}

Understood::~Understood() {
  for (const auto& t : tickets_) t->dropped = true;
}

void Understood::ask(const std::shared_ptr<const route::Plan>& plan, const route::Need& need,
                     route::Reading& reading) {
  due_ns_ = start_ns_ + static_cast<std::int64_t>(need.deadline_ms * 1e6);
  for (const route::EncodingKey key : need.encodings) {
    auto ticket = pool_.ask(plan, key, std::string(reading.text(key.scope)), loop_, [this] {
      if (--open_ == 0 && asleep_ != nullptr) asleep_->interrupt();
    });
    if (ticket == nullptr) {
      refused_.push_back(key);
      continue;
    }
    ++open_;
    tickets_.push_back(std::move(ticket));
  }
}

base::Task<void> Understood::wait() {
  if (open_ == 0) co_return;
  net::Loop::Sleep sleep(loop_, due_ns_ - loop_.now_ns());
  asleep_ = &sleep;
  co_await sleep;
  asleep_ = nullptr;
  for (const auto& t : tickets_) {
    if (t->finished || t->dropped) continue;
    t->dropped = true;
    --open_;
    pool_.late();
  }
}

void Understood::provide(route::Reading& reading) const {
  for (const auto& t : tickets_) {
    if (t->finished) {
      reading.provide(t->key, t->result.state, t->result.values);
    } else {
      reading.provide(t->key, route::Encoding::State::kLate);
    }
  }
  for (const route::EncodingKey key : refused_) reading.provide(key, route::Encoding::State::kBusy);
}

}  // namespace swy::gateway
