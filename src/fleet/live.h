// What recent traffic says about each expert: exponentially weighted time to first token, time per
// token and failure share, plus requests in flight. State only: nobody is probed here.
//
// Writers (workers, after each call) and readers lock one expert's entry each, never two, never
// while suspended. A decision takes a LiveView: a copy, so that it is reproducible; the record
// keeps the numbers that were used.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace swy::fleet {

struct LiveStats {
  double ttft_ms = std::numeric_limits<double>::quiet_NaN();
  double ms_per_token = std::numeric_limits<double>::quiet_NaN();
  double fail_share = std::numeric_limits<double>::quiet_NaN();
  double calls = 0;  // effective number of observations (decays with the same weight)
  std::int64_t in_flight = 0;
};

// What a decision sees of all this.
struct LiveView {
  std::span<const LiveStats> experts = {};
  std::span<const double> accounts = {};  // what policies keep (accounts.h), by their offset

  LiveView() = default;
  LiveView(const std::vector<LiveStats>& stats, std::span<const double> kept = {})  // NOLINT
      : experts(stats), accounts(kept) {}
  [[nodiscard]] std::size_t size() const { return experts.size(); }
  [[nodiscard]] bool empty() const { return experts.empty(); }
  [[nodiscard]] const LiveStats& operator[](std::size_t expert) const { return experts[expert]; }
};

struct CallResult {
  bool failed = false;
  double ttft_ms = std::numeric_limits<double>::quiet_NaN();  // NaN: not observed
  double total_ms = std::numeric_limits<double>::quiet_NaN();
  std::int64_t tokens_out = 0;
};

class LiveTable {
 public:
  // weight: how much one new observation counts, 0..1.
  explicit LiveTable(std::size_t experts, double weight = 0.1);
  void started(std::size_t expert);
  void finished(std::size_t expert, const CallResult& result);
  void abandoned(
      std::size_t expert);  // ended without evidence about the expert (the client went away)
  // Takes over what an earlier table knew of an expert; its calls in flight end in that table.
  void restore(std::size_t expert, const LiveStats& stats);
  // Copies the current numbers into out (resized).
  void view(std::vector<LiveStats>& out) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    mutable std::mutex mutex;  // guards stats
    LiveStats stats;
  };
  double weight_;
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace swy::fleet
