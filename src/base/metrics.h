// Counters and latency histograms with a Prometheus text page. A metric is made once at start
// (control thread), then counted from any thread with a relaxed atomic add: counters are sums, no
// reader needs an order between them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace swy::base {

class Counter {
 public:
  void add(std::int64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::int64_t> value_{0};  // own cache line: counted by several workers
};

// Buckets double from 1 us to about 67 s; values in microseconds. Exposed in seconds.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = 27;
  void observe_us(std::int64_t us);
  [[nodiscard]] std::int64_t count() const;
  [[nodiscard]] std::int64_t sum_us() const { return sum_us_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t bucket(std::size_t i) const {
    return buckets_[i].load(std::memory_order_relaxed);
  }

 private:
  alignas(64) std::array<std::atomic<std::int64_t>, kBuckets + 1> buckets_{};
  std::atomic<std::int64_t> sum_us_{0};
};

using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics {
 public:
  // The same name and labels give the same metric. References live as long as Metrics.
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Counter& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels = {});
  [[nodiscard]] std::string prometheus() const;

 private:
  enum class Kind { kCounter, kGauge, kHistogram };
  struct Series {
    Kind kind;
    std::string name, help, labels;
    Counter counter;
    Histogram histogram;
  };
  Series& series(Kind kind, std::string_view name, std::string_view help, const Labels& labels);
  mutable std::mutex mutex_;   // guards the list, not the values
  std::deque<Series> series_;  // deque: references stay valid
};

}  // namespace swy::base
