// What patterns with checks can find, and the digit groups that look like telephone numbers (a hint
// for the tagger). Appends in order of begin; spans may overlap.
#pragma once

#include <string_view>
#include <vector>

#include "text/pii.h"

namespace swy::text::pii {

struct Found {
  std::vector<PiiSpan> sure;    // to be reported
  std::vector<PiiSpan> phones;  // groups of 6 to 15 digits in a telephone's clothing: hints
  void clear() {
    sure.clear();
    phones.clear();
  }
};

void find_patterns(std::string_view text, std::size_t max_spans, Found& out);

}  // namespace swy::text::pii
