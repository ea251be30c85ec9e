#include "fleet/live.h"

#include "base/check.h"

namespace swy::fleet {
namespace {

void blend(double& average, double value, double weight) {
  if (value != value) return;  // not observed
  average = average == average ? average + weight * (value - average) : value;
}

}  // namespace

LiveTable::LiveTable(std::size_t experts, double weight) : weight_(weight) {
  for (std::size_t i = 0; i < experts; ++i) entries_.push_back(std::make_unique<Entry>());
}

void LiveTable::started(std::size_t expert) {
  Entry& e = *entries_.at(expert);
  const std::lock_guard lock(e.mutex);
  ++e.stats.in_flight;
}

void LiveTable::finished(std::size_t expert, const CallResult& result) {
  Entry& e = *entries_.at(expert);
  const std::lock_guard lock(e.mutex);
  LiveStats& s = e.stats;
  SWY_EXPECT(s.in_flight > 0);
  --s.in_flight;
  s.calls = s.calls * (1 - weight_) + 1;
  blend(s.fail_share, result.failed ? 1.0 : 0.0, weight_);
  if (result.failed) return;
  blend(s.ttft_ms, result.ttft_ms, weight_);
  if (result.tokens_out > 1) {
    blend(s.ms_per_token,
          (result.total_ms - result.ttft_ms) / static_cast<double>(result.tokens_out - 1), weight_);
  }
}

void LiveTable::abandoned(std::size_t expert) {
  Entry& e = *entries_.at(expert);
  const std::lock_guard lock(e.mutex);
  SWY_EXPECT(e.stats.in_flight > 0);
  --e.stats.in_flight;
}

void LiveTable::restore(std::size_t expert, const LiveStats& stats) {
  Entry& e = *entries_.at(expert);
  const std::lock_guard lock(e.mutex);
  e.stats = stats;
  e.stats.in_flight = 0;
}

void LiveTable::view(std::vector<LiveStats>& out) const {
  out.resize(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::lock_guard lock(entries_[i]->mutex);
    out[i] = entries_[i]->stats;
  }
}

}  // namespace swy::fleet
