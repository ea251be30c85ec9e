#include "base/inline_text.h"

#include <charconv>
#include <cmath>

namespace swy::base {

std::size_t format_fixed(double value, int decimals, char* out) {
  if (std::isnan(value)) {
    *out = '?';
    return 1;
  }
  const auto r = std::fabs(value) < 1e15
                     ? std::to_chars(out, out + 32, value, std::chars_format::fixed, decimals)
                     : std::to_chars(out, out + 32, value, std::chars_format::scientific, 3);
  return r.ec == std::errc{} ? static_cast<std::size_t>(r.ptr - out) : 0;
}

}  // namespace swy::base
