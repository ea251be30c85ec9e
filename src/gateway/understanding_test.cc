#include "gateway/understanding.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "route/testing/fakes.h"

namespace swy::gateway {
namespace {

using route::Encoding;

// Waits until it is let go; remembers how many texts came at once.
class GatedEncoder final : public route::Encoder {
 public:
  [[nodiscard]] std::size_t dims() const override { return 2; }
  [[nodiscard]] const std::string& content_hash() const override { return hash_; }
  [[nodiscard]] bool immediate() const override { return false; }
  Status encode(std::span<const std::string_view> texts, std::span<float> out) const override {
    std::unique_lock lock(mutex_);
    largest_ = std::max(largest_, texts.size());
    ++started_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (texts[i] == "poison") return fail(ErrorCode::kInternal, "poison");
      out[2 * i] = static_cast<float>(texts[i].size());
    }
    return {};
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_for_start() const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return started_ > 0; });
  }
  [[nodiscard]] std::size_t largest() const {
    const std::lock_guard lock(mutex_);
    return largest_;
  }

 private:
  std::string hash_ = "gated";
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool open_ = false;
  mutable std::size_t started_ = 0, largest_ = 0;
};

struct Bench {
  explicit Bench(std::int64_t queue = 256)
      : encoder(std::make_shared<GatedEncoder>()),
        plan(std::make_shared<route::Plan>()),
        pool({.threads = 1, .queue = queue, .batch = 16}, metrics) {
    plan->encoders.push_back({"gated", "gated", encoder});
  }
  ~Bench() { encoder->open(); }

  // What a reading is given after waiting for its encoding.
  struct Asking {
    route::testing::Prompt prompt;
    route::Reading reading;
    std::optional<Understood> understood;
    bool over = false;
    explicit Asking(std::string text) : prompt(std::move(text)) { reading.reset(prompt.work); }
    [[nodiscard]] const Encoding* result() {
      understood->provide(reading);
      return reading.encoding({0, chat::Scope::kLastUser});
    }
  };
  static base::Task<void> wait_for(Asking& a) {
    co_await a.understood->wait();
    a.over = true;
  }
  std::unique_ptr<Asking> ask(std::string text, double deadline_ms) {
    auto a = std::make_unique<Asking>(std::move(text));
    route::Need need;
    need.encodings.push_back({0, chat::Scope::kLastUser});
    need.deadline_ms = deadline_ms;
    a->understood.emplace(pool, loop);
    a->understood->ask(plan, need, a->reading);
    loop.spawn(wait_for(*a));
    return a;
  }

  base::Metrics metrics;
  net::Loop loop;
  std::shared_ptr<GatedEncoder> encoder;
  std::shared_ptr<route::Plan> plan;
  Understanding pool;
};

TEST(Understanding, HandsOverWhatTheEncoderMade) {
  Bench b;
  b.encoder->open();
  const auto a = b.ask("four", 5000);
  for (int i = 0; i < 500 && !a->over; ++i) b.loop.run_for(10 * net::kMillisecond);
  ASSERT_TRUE(a->over);
  const Encoding* e = a->result();
  ASSERT_NE(e, nullptr);
  EXPECT_EQ(e->state, Encoding::State::kReady);
  EXPECT_EQ(e->values, (std::vector<float>{4, 0}));
}

TEST(Understanding, WhatIsNotReadyByTheDeadlineIsLate) {
  Bench b;
  const auto a = b.ask("slow", 30);
  const auto never = b.ask("none", 0);
  b.loop.run_for(200 * net::kMillisecond);
  ASSERT_TRUE(a->over && never->over);
  EXPECT_EQ(a->result()->state, Encoding::State::kLate);
  EXPECT_EQ(never->result()->state, Encoding::State::kLate);
  EXPECT_EQ(b.metrics.counter("switchyard_encodings_total", "", {{"result", "late"}}).value(), 2);
}

TEST(Understanding, RefusesAtOnceWhatTheQueueCannotHold) {
  Bench b(1);
  const auto first = b.ask("first", 5000);
  b.encoder->wait_for_start();  // it has left the queue
  const auto second = b.ask("second", 5000);
  const auto third = b.ask("third", 5000);
  ASSERT_TRUE(third->over) << "nothing to wait for";
  EXPECT_EQ(third->result()->state, Encoding::State::kBusy);
  b.encoder->open();
  for (int i = 0; i < 500 && !second->over; ++i) b.loop.run_for(10 * net::kMillisecond);
  EXPECT_EQ(second->result()->state, Encoding::State::kReady);
}

TEST(Understanding, TakesTheTextsOfARequestInOneStep) {
  Bench b(1);
  b.encoder->open();  // the pool is idle and would encode the first at once
  Bench::Asking a("one");
  a.understood.emplace(b.pool, b.loop);
  route::Need need;
  for (const auto scope : {chat::Scope::kLastUser, chat::Scope::kUser, chat::Scope::kAll})
    need.encodings.push_back({0, scope});
  need.deadline_ms = 5000;
  a.understood->ask(b.plan, need, a.reading);
  b.loop.spawn(Bench::wait_for(a));
  for (int i = 0; i < 500 && !a.over; ++i) b.loop.run_for(10 * net::kMillisecond);
  a.understood->provide(a.reading);
  EXPECT_EQ(a.reading.encoding({0, chat::Scope::kLastUser})->state, Encoding::State::kReady);
  EXPECT_EQ(a.reading.encoding({0, chat::Scope::kUser})->state, Encoding::State::kBusy);
  EXPECT_EQ(a.reading.encoding({0, chat::Scope::kAll})->state, Encoding::State::kBusy);
}

TEST(Understanding, EncodesWaitingTextsTogetherAndSkipsThoseNobodyWaitsFor) {
  Bench b;
  const auto first = b.ask("first", 5000);
  b.encoder->wait_for_start();
  std::vector<std::unique_ptr<Bench::Asking>> rest;
  for (int i = 0; i < 6; ++i)
    rest.push_back(b.ask(std::string(static_cast<std::size_t>(i) + 1, 'x'), 5000));
  rest.front()->understood.reset();  // its client went away
  b.encoder->open();
  for (int i = 0; i < 500 && !rest.back()->over; ++i) b.loop.run_for(10 * net::kMillisecond);
  EXPECT_EQ(rest.back()->result()->values[0], 6);
  EXPECT_EQ(b.encoder->largest(), 5U);
}

TEST(Understanding, AnEncoderThatFailsSaysSo) {
  Bench b;
  b.encoder->open();
  const auto a = b.ask("poison", 5000);
  for (int i = 0; i < 500 && !a->over; ++i) b.loop.run_for(10 * net::kMillisecond);
  ASSERT_TRUE(a->over);
  EXPECT_EQ(a->result()->state, Encoding::State::kFailed);
}

struct Errands {
  static base::Task<void> go(Errand& errand, Understanding::Work work, std::int64_t patience_ns,
                             std::optional<Encoding::State>& out) {
    out = co_await errand.run(std::move(work), patience_ns);
  }
};

TEST(Errand, IsDoneBesideEncodingsThatAreStillWaitedFor) {
  Bench b;
  const auto stuck = b.ask("stuck", 60'000);
  b.encoder->wait_for_start();
  auto made = std::make_shared<int>(0);
  Errand errand(b.pool, b.loop);
  std::optional<Encoding::State> state;
  b.loop.spawn(Errands::go(
      errand, [made](const std::atomic<bool>&) { *made = 7; }, 5000 * net::kMillisecond, state));
  for (int i = 0; i < 500 && !state; ++i) b.loop.run_for(10 * net::kMillisecond);
  EXPECT_EQ(state, Encoding::State::kReady);
  EXPECT_EQ(*made, 7);
  EXPECT_FALSE(stuck->over);
}

TEST(Errand, ThatIsLateIsToldToStop) {
  Bench b;
  auto saw_stop = std::make_shared<std::atomic<bool>>(false);
  const Understanding::Work until_stopped = [saw_stop](const std::atomic<bool>& stop) {
    while (!stop) std::this_thread::yield();
    *saw_stop = true;
  };
  std::optional<Encoding::State> state;
  Errand errand(b.pool, b.loop);
  b.loop.spawn(Errands::go(errand, until_stopped, 20 * net::kMillisecond, state));
  for (int i = 0; i < 500 && !state; ++i) b.loop.run_for(10 * net::kMillisecond);
  EXPECT_EQ(state, Encoding::State::kLate);
  for (int i = 0; i < 500 && !*saw_stop; ++i) b.loop.run_for(10 * net::kMillisecond);
  EXPECT_TRUE(*saw_stop);
}

TEST(Errand, IsRefusedWhenTheQueueIsFullAndThePoolEndsUnderIt) {
  std::optional<Encoding::State> first, second, third;
  {
    Bench b(1);
    auto started = std::make_shared<std::atomic<bool>>(false);
    const Understanding::Work endless = [started](const std::atomic<bool>& stop) {
      *started = true;
      while (!stop) std::this_thread::yield();
    };
    Errand one(b.pool, b.loop), two(b.pool, b.loop), three(b.pool, b.loop);
    b.loop.spawn(Errands::go(one, endless, 60'000 * net::kMillisecond, first));
    while (!*started) std::this_thread::yield();
    b.loop.spawn(Errands::go(two, endless, 60'000 * net::kMillisecond, second));
    b.loop.spawn(Errands::go(three, endless, 60'000 * net::kMillisecond, third));
    EXPECT_EQ(third, Encoding::State::kBusy);
    EXPECT_FALSE(first || second);
  }
}

}  // namespace
}  // namespace swy::gateway
