// Which experts to keep when their sizes are bounded, and which of them each category of questions
// goes to.
//
// When to use: a router by category whose models share memory (estimator composition). Threading:
// pure. Ownership: spans are borrowed for the call; results own their numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace swy::math {

inline constexpr std::size_t kMostExperts = 15;  // all subsets are tried

struct ExpertProblem {
  std::span<const double> share;  // of the questions, by category
  std::span<const double> value;  // category * experts + expert; NaN: not an option there
  std::span<const double> size;   // by expert
  double memory = std::numeric_limits<double>::infinity();  // bound of the sizes kept together
  double active = std::numeric_limits<double>::infinity();  // bound of the mean size that is used
};

struct ExpertSubset {
  std::vector<std::uint8_t> kept;   // by expert
  std::vector<std::size_t> expert;  // by category; kNoExpertFor when it has no option
  double value = 0;                 // mean over the questions
  double active = 0;                // mean size used
};
inline constexpr std::size_t kNoExpertFor = static_cast<std::size_t>(-1);

// The subset and the map of highest mean value, of equals the smaller mean size, then the first
// subset. With `active` the map is the cheaper side of the linear relaxation: at most one category
// could do better. nullopt: no subset keeps the bounds. REQUIRES: at most kMostExperts experts.
std::optional<ExpertSubset> choose_experts(const ExpertProblem& p);

}  // namespace swy::math
