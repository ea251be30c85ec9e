#include <time.h>

#include "switchyard/env.h"

namespace swy {
namespace {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_us() const override { return read(CLOCK_REALTIME) / 1000; }
  [[nodiscard]] std::int64_t mono_ns() const override { return read(CLOCK_MONOTONIC); }

 private:
  static std::int64_t read(clockid_t id) {
    timespec t{};
    clock_gettime(id, &t);  // vDSO, about 20 ns, cannot fail for these ids
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;  // stateless
  return clock;
}

}  // namespace swy
