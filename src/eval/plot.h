// A Report as a picture: cost (log) against quality, one SVG file without scripts or fonts of its
// own. Pure; the caller writes the text. REQUIRES: report.priced.
#pragma once

#include <string>

#include "eval/evaluate.h"

namespace swy::eval {

std::string to_svg(const Report& report);

}  // namespace swy::eval
