// A Report for people (aligned table) and for programs (JSON, CSV, files). The to_ functions are
// pure; the caller writes their text where it belongs. Any thread.
#pragma once

#include <string>

#include "eval/evaluate.h"

namespace swy::eval {

std::string to_table(const Report& report, bool color);
std::string to_json(const Report& report);
// One line a setting: router,kind,knob,quality,lo,hi,cost_usd,over_mixture,lo,hi,frontier,share of
// each model.
std::string to_csv(const Report& report);
// One line a router: every figure that is a number.
std::string to_routers_csv(const Report& report);
// points.csv, routers.csv, report.json and, with costs, plot.svg in a directory that is made if it
// is missing. Returns the paths written.
Result<std::vector<std::string>> write_files(const Report& report, const std::string& directory);

}  // namespace swy::eval
