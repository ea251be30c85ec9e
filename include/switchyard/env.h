// The seam to the world: time. Everything that needs "now" takes a Clock at construction; tests
// bring a FakeClock. Threading: Clock implementations are thread-safe.
#pragma once

#include <cstdint>

namespace swy {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual std::int64_t wall_us() const = 0;  // microseconds since the Unix epoch, UTC
  [[nodiscard]] virtual std::int64_t mono_ns() const = 0;  // monotonic, for durations
};

// The operating system's clocks; lives for the whole program.
const Clock& system_clock();

}  // namespace swy
