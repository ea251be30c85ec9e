// What every estimator promises: once it is warm, a decision does not allocate. Header-only; the
// binary counts allocations (base/testing/allocations.h).
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/testing/allocations.h"
#include "route/plan.h"
#include "route/testing/fakes.h"

namespace swy::route::testing {

// Asks the estimator of the plan's first rule, which knows the first model, about both prompts in
// turn.
inline void expect_no_allocation_after_warm_up(const Plan& plan, const Prompt& a, const Prompt& b) {
  const Rule& rule = plan.rule_sets[0].rules[0];
  Scratch scratch;
  std::vector<Belief> beliefs(rule.candidates.size());
  const auto ask = [&](const Prompt& p) {
    scratch.begin(p.work, 0);
    scratch.masked_by.assign(beliefs.size(), -1);
    const Question q{plan.catalogue, scratch.reading, rule.candidates, {}, scratch};
    believe_now(plan, *rule.estimator, q, beliefs);
  };
  ask(a);
  ask(b);
  ask(a);
  ASSERT_FALSE(std::isnan(beliefs[0].quality));
  const std::size_t before = base::testing::allocation_count();
  for (int i = 0; i < 50; ++i) ask(i % 2 == 0 ? b : a);
  EXPECT_EQ(base::testing::allocation_count(), before);
}

}  // namespace swy::route::testing
