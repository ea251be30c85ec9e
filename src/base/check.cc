#include "base/check.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/log.h"

namespace swy::base {
namespace {
std::atomic<std::uint64_t> expect_count{0};
}

void assert_failed(const char* expr, const char* file, int line) {
  std::fprintf(stderr, "switchyard: bug: %s does not hold at %s:%d\n", expr, file, line);
  std::abort();
}

void expect_failed(const char* expr, const char* file, int line, std::atomic<bool>& logged) {
  expect_count.fetch_add(1);
  if (!logged.exchange(true)) {
    log_error(fmt::format("doubtful invariant: {} does not hold at {}:{} (logged once)", expr, file,
                          line));
  }
}

std::uint64_t expect_failures() { return expect_count.load(); }

}  // namespace swy::base
