// Choosing a router's setting on validation questions, so that the figures of the chosen one on the
// test questions are those of a policy that has never seen them.
//
// When to use: by lines with more than one setting. Threading: pure. Ownership: values.
#pragma once

#include <span>
#include <vector>

#include "eval/line.h"

namespace swy::eval {

struct Pick {
  Picked::By by = Picked::By::kQuality;
  std::size_t low = 0;  // settings
  std::size_t high = 0;
  double share = 0;  // of high
};

// One for each of Picked::By that applies, from settings as they did on pool.validation, in that
// order. A setting without quality by question counts as known without error. Without costs
// kQuality only. REQUIRES: settings and pool.validation not empty.
std::vector<Pick> pick(const Pool& pool, std::span<const Setting> settings);

// The mixture on other questions.
Picked mixed(const Pool& pool, const Pick& pick, const Decided& low, const Decided& high);

// A router with one setting.
Picked only(Decided decided);

}  // namespace swy::eval
