// A Report for people (aligned table) and for programs (JSON, CSV). Pure functions; the caller writes
// the text where it belongs.
#pragma once

#include <string>

#include "eval/evaluate.h"

namespace swy::eval {

std::string to_table(const Report& report, bool color);
std::string to_json(const Report& report);
// One line a setting: router,kind,knob,quality,lo,hi,cost_usd,over_mixture,lo,hi,frontier,share of each model.
std::string to_csv(const Report& report);

}  // namespace swy::eval
