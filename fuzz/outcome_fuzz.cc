// Any bytes as an outcome table: loading is total, strict and lenient loading agree, and what was
// loaded can be cut.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "record/outcome.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace swy::record;  // NOLINT(google-build-using-namespace): one function
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto strict = parse_outcomes("fuzz", text);
  const auto lenient = parse_outcomes("fuzz", text, {.skip_bad_lines = true});
  SWY_ASSERT(lenient);
  SWY_ASSERT(strict.has_value() == (lenient->report().skipped == 0));
  for (std::size_t i = 0; i < lenient->rows(); ++i) {
    SWY_ASSERT(!lenient->row(i).id.empty());
    for (const Cell& c : lenient->cells(i))
      SWY_ASSERT(std::isnan(c.quality) || (c.quality >= 0 && c.quality <= 1));
  }
  SWY_ASSERT(lenient->subset({.models = lenient->models(), .datasets = {}, .domains = {}}));
  return 0;
}
