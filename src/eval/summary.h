// The parts of a report that need no resamples: choices question by question, percentiles of time,
// figures as other benchmarks define them.
//
// When to use: by evaluate(). Threading: pure. Ownership: values.
#pragma once

#include "eval/evaluate.h"
#include "eval/line.h"

namespace swy::eval {

void describe_choices(const Pool& pool, const Line& line, LineReport& out);

// REQUIRES: report.lines are complete.
void add_published(Report& report);

// "chose one model for 97 % of the questions although others are better in 3 domains"
std::vector<std::string> warnings(const Report& report);

std::string_view name_of(Picked::By by);
std::string_view name_of(PairedTest::Of of);

}  // namespace swy::eval
