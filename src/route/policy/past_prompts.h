// What the rule's estimator believes of past prompts, and what became of them: for policies that
// calibrate themselves. For the files of this folder, while the configuration is read.
//
// Threading: one thread. Ownership: the result owns its numbers. Cost: one estimate() a prompt, for
// at most kMaxPrompts of them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "switchyard/registry.h"

namespace swy::route {

inline constexpr std::size_t kMaxPrompts = 2'000;  // standard error of a share below 1.2 %

struct PastPrompts {
  std::size_t prompts = 0;
  std::size_t candidates = 0;
  std::vector<Belief> beliefs;  // prompt * candidates + candidate, in the order of the rule
  std::vector<float> quality;   // the same: what was observed; NaN: not
  // The same: what the call cost, by the card's price and the tokens that were counted, else as the
  // table says; NaN: neither is known.
  std::vector<double> cost_micro;
  [[nodiscard]] const Belief& belief(std::size_t prompt, std::size_t candidate) const {
    return beliefs[prompt * candidates + candidate];
  }
};

// The prompts of these tables, evenly spaced through them, none of them learning from its own row.
// Models are found by name, else by upstream_model. Empty when the tables hold nothing yet; nullopt
// after an error was reported.
std::optional<PastPrompts> ask_past(std::span<const std::string> tables, base::Mark mark,
                                    BuildContext& ctx);

}  // namespace swy::route
