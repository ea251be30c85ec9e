// A clock that moves only when told to. For tests and the simulator. Not thread-safe.
#pragma once

#include "switchyard/env.h"

namespace swy::base {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::int64_t wall_us = 1'700'000'000'000'000) : wall_us_(wall_us) {}
  [[nodiscard]] std::int64_t wall_us() const override { return wall_us_; }
  [[nodiscard]] std::int64_t mono_ns() const override { return mono_ns_; }
  void advance_us(std::int64_t us) {
    wall_us_ += us;
    mono_ns_ += us * 1000;
  }

 private:
  std::int64_t wall_us_;
  std::int64_t mono_ns_ = 0;
};

}  // namespace swy::base
