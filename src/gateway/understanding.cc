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

std::vector<std::shared_ptr<Understanding::Ticket>> Understanding::ask(
    const std::shared_ptr<const route::Plan>& plan, std::vector<Text> texts, net::Loop& loop,
    const std::function<void()>& done) {
  std::vector<std::shared_ptr<Ticket>> tickets;
  std::vector<Job> jobs;
  for (Text& t : texts) {
    auto& ticket = tickets.emplace_back(std::make_shared<Ticket>());
    ticket->key = t.key;
    ticket->done = done;
    jobs.push_back({plan, std::move(t.text), {}, &loop, ticket});
  }
  const std::size_t fit = add(encodings_, std::move(jobs));
  refused_.add(static_cast<std::int64_t>(tickets.size() - fit));
  tickets.resize(fit);
  return tickets;
}

std::shared_ptr<Understanding::Ticket> Understanding::run(Work work, net::Loop& loop,
                                                          std::function<void()> done) {
  auto ticket = std::make_shared<Ticket>();
  ticket->done = std::move(done);
  std::vector<Job> job;
  job.push_back({nullptr, {}, std::move(work), &loop, ticket});
  return add(works_, std::move(job)) == 1 ? ticket : nullptr;
}

std::size_t Understanding::add(Lane& lane, std::vector<Job> jobs) {
  std::size_t fit = 0;
  {
    const std::lock_guard lock(mutex_);
    fit = std::min(jobs.size(), queue_limit_ - std::min(queue_limit_, lane.queue.size()));
    for (std::size_t i = 0; i < fit; ++i) lane.queue.push_back(std::move(jobs[i]));
  }
  if (fit == 1) lane.ready.notify_one();
  if (fit > 1) lane.ready.notify_all();
  return fit;
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
  std::vector<Understanding::Text> texts;
  for (const route::EncodingKey key : need.encodings)
    texts.push_back({key, std::string(reading.text(key.scope))});
  const auto asked = pool_.ask(plan, std::move(texts), loop_, [this] {
    if (--open_ == 0 && asleep_ != nullptr) asleep_->interrupt();
  });
  open_ += asked.size();
  tickets_.insert(tickets_.end(), asked.begin(), asked.end());
  for (std::size_t i = asked.size(); i < need.encodings.size(); ++i)
    refused_.push_back(need.encodings[i]);
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
