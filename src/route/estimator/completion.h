// Models that were seen on few rows of a table, completed from what the others scored on the rest:
// so a new model joins after a handful of outcomes what many rows taught about the others.
//
// When to use: inside this folder, before anything is fitted. Threading: pure; one core. Ownership:
// works on the caller's columns.
#pragma once

#include <cstddef>
#include <vector>

#include "route/estimator/labels.h"

namespace swy::route {

// Is a model of so many observations completed, where the best known one has `most`? Of fewer than
// ten nothing is learned.
constexpr bool is_completed(double observed, double most) {
  return observed >= 10 && 2 * observed < most;
}

std::size_t count_observed(const std::vector<float>& column);

// y[m][row]: the quality of model m, NaN where it was not observed. A model to be completed gets
// what is expected where it was not observed; NaN stays where no other model was observed either.
// Returns for every model how many observations it had where it was completed, else 0. groups: of
// the rows, domains for example. REQUIRES: columns of one length, that of groups.of.
std::vector<std::size_t> complete(std::vector<std::vector<float>>& y, const Labels& groups);

// The same for lengths, costs and times, which are never negative: what the others needed on a row,
// times how much more or less the model needed where it was observed.
void complete_in_proportion(std::vector<std::vector<float>>& y);

}  // namespace swy::route
