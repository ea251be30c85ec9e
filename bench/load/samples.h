// Samples: measured times of one run, kept exactly (a run has well under a million), and their
// quantiles as JSON.
//
// Use one per quantity. Threading: one thread. Ownership: a value.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace swy::bench {

class Samples {
 public:
  void add(std::int64_t ns) { ns_.push_back(ns); }
  [[nodiscard]] std::size_t size() const { return ns_.size(); }
  // "name": {count, min, p50, p90, p99, p999, max} in microseconds. Nearest rank: the smallest
  // sample that at least the share q of the samples do not exceed.
  void write(base::JsonWriter& w, std::string_view name);

 private:
  std::vector<std::int64_t> ns_;
};

}  // namespace swy::bench
