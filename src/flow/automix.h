// AutoMix's arithmetic: when a small model's answer, verified k times, goes on to the large one.
//
// When to use: strategy automix; tests. Threading: pure. Ownership: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace swy::flow {

// One past question: verifications that found the small model's answer right, and what was true.
struct Verified {
  std::uint32_t votes = 0;  // 0 to bins - 1
  double small = 0;         // quality
  double large = 0;
};

struct MixCosts {
  double small = 1;
  double large = 50;
  double verify = 1;  // of all verifications of one question
};

struct Mixed {
  double quality = 0;
  double cost = 0;  // an escalated question pays for both models and the verification
  double lift = 0;  // (IBC_M - IBC_L) / IBC_L
};
// `escalate`: by votes.
Mixed mix(std::span<const Verified> rows, const std::vector<std::uint8_t>& escalate,
          const MixCosts& costs);

// The action tables to choose from. By threshold: escalate at votes <= t. By POMDP: the distinct
// tables that some reward 0 <= r < 5000 makes optimal. The one of best lift on the rows is taken;
// equals go to the first, which escalates less.
std::vector<std::uint8_t> best_threshold(std::span<const Verified> rows, std::uint32_t bins,
                                         const MixCosts& costs);
std::vector<std::uint8_t> best_pomdp(std::span<const Verified> rows, std::uint32_t bins,
                                     const MixCosts& costs);

}  // namespace swy::flow
