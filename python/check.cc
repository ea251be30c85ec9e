// base/check.h where there is no log: a bug ends the process with its place.
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace swy::base {

void assert_failed(const char* expr, const char* file, int line) {
  std::fprintf(stderr, "switchyard_moe: %s:%d: %s does not hold\n", file, line, expr);
  std::abort();
}

void expect_failed(const char* expr, const char* file, int line, std::atomic<bool>& logged) {
  if (!logged.exchange(true))
    std::fprintf(stderr, "switchyard_moe: %s:%d: %s was expected\n", file, line, expr);
}

}  // namespace swy::base
