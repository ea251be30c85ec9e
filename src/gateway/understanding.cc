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
  for (std::int64_t i = 0; i < options.threads; ++i)
    threads_.emplace_back([this] { serve(encodings_); });
  threads_.emplace_back([this] { serve(works_); });
}

Understanding::~Understanding() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    encodings_.queue.clear();
    for (const Job& job : works_.queue) job.ticket->dropped = true;
    works_.queue.clear();
    if (working_ != nullptr) working_->dropped = true;
  }
  encodings_.ready.notify_all();
  works_.ready.notify_all();
  for (std::thread& t : threads_) t.join();
}

std::shared_ptr<Understanding::Ticket> Understanding::ask(std::shared_ptr<const route::Plan> plan,
                                                          route::EncodingKey key, std::string text,
                                                          net::Loop& loop,
                                                          std::function<void()> done) {
  auto ticket = std::make_shared<Ticket>();
  ticket->key = key;
  ticket->done = std::move(done);
  if (!add(encodings_, {std::move(plan), std::move(text), {}, &loop, ticket})) {
    refused_.add();
    return nullptr;
  }
  return ticket;
}

std::shared_ptr<Understanding::Ticket> Understanding::run(Work work, net::Loop& loop,
                                                          std::function<void()> done) {
  auto ticket = std::make_shared<Ticket>();
  ticket->done = std::move(done);
  return add(works_, {nullptr, {}, std::move(work), &loop, ticket}) ? ticket : nullptr;
}

bool Understanding::add(Lane& lane, Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (lane.queue.size() >= queue_limit_) return false;
    lane.queue.push_back(std::move(job));
  }
  lane.ready.notify_one();
  return true;
}

std::vector<Understanding::Job> Understanding::take(Lane& lane) {
  std::vector<Job> jobs;
  std::unique_lock lock(mutex_);
  lane.ready.wait(lock, [&] { return ending_ || !lane.queue.empty(); });
  if (ending_) return jobs;
  const auto encoder_of = [](const Job& j) {
    return j.work ? nullptr : j.plan->encoders[j.ticket->key.encoder].encoder.get();
  };
  const auto* const encoder = encoder_of(lane.queue.front());
  const std::size_t most = encoder == nullptr ? 1 : batch_;
  for (auto it = lane.queue.begin(); it != lane.queue.end() && jobs.size() < most;) {
    const bool same = encoder_of(*it) == encoder;
    if (same && !it->ticket->dropped) jobs.push_back(std::move(*it));
    it = same ? lane.queue.erase(it) : std::next(it);
  }
  if (!jobs.empty() && jobs.front().work) working_ = jobs.front().ticket;
  return jobs;
}

void Understanding::serve(Lane& lane) {
  for (;;) {
    std::vector<Job> jobs = take(lane);
    if (!jobs.empty() && jobs.front().work) {
      jobs.front().work(jobs.front().ticket->dropped);
      tell(jobs.front());
    } else if (!jobs.empty()) {
      encode(jobs);
    }
    jobs.clear();
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
    tell(jobs[i]);
  }
}

void Understanding::tell(const Job& job) {
  job.loop->post([ticket = job.ticket] {
    if (ticket->dropped) return;
    ticket->finished = true;
    ticket->done();
  });
}

base::Task<route::Encoding::State> Errand::run(Understanding::Work work, std::int64_t patience_ns) {
  ticket_ = pool_.run(std::move(work), loop_, [this] {
    if (asleep_ != nullptr) asleep_->interrupt();
  });
  if (ticket_ == nullptr) co_return route::Encoding::State::kBusy;
  net::Loop::Sleep sleep(loop_, patience_ns);
  asleep_ = &sleep;
  co_await sleep;
  asleep_ = nullptr;
  if (ticket_->finished) co_return route::Encoding::State::kReady;
  ticket_->dropped = true;
  co_return route::Encoding::State::kLate;
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
