// Bugs and doubtful invariants. SWY_ASSERT: a bug, always on, ends the process with the place.
// SWY_EXPECT(cond): a doubtful invariant: counted, logged once per place, evaluates to the
// condition so that the caller can continue safely. Thread-safe. Environment problems are not for
// these: see result.h.
#pragma once

#include <atomic>
#include <cstdint>

namespace swy::base {

[[noreturn]] void assert_failed(const char* expr, const char* file, int line);
void expect_failed(const char* expr, const char* file, int line, std::atomic<bool>& logged);
std::uint64_t expect_failures();  // since start, for /metrics and tests

}  // namespace swy::base

#define SWY_ASSERT(cond) \
  (static_cast<bool>(cond) ? void(0) : ::swy::base::assert_failed(#cond, __FILE__, __LINE__))

#define SWY_EXPECT(cond)                                           \
  (static_cast<bool>(cond) || [] {                                 \
    static std::atomic<bool> logged{false};                        \
    ::swy::base::expect_failed(#cond, __FILE__, __LINE__, logged); \
    return false;                                                  \
  }())
