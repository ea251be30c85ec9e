// Arms: a model asked n times, the best of its answers taken, as a model of an outcome table of its
// own, named MODEL*N.
//
// When to use: loading tables whose cells list the qualities of several answers. Threading: pure.
// Ownership: names are views of what was given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swy::record {

inline constexpr std::uint32_t kMostAnswers = 32;

// "small*3"; of one answer the model's own name.
[[nodiscard]] std::string arm_name(std::string_view model, std::uint32_t answers);
struct ArmName {
  std::string_view model;
  std::uint32_t answers;
};
// nullopt: not the name of an arm of 2 to kMostAnswers answers.
[[nodiscard]] std::optional<ArmName> read_arm_name(std::string_view name);

// The mean of the best over all choices of n of these: of k sorted ascending
// sum_i x_i C(i - 1, n - 1) / C(k, n). nullopt: fewer than n. REQUIRES: n > 0.
[[nodiscard]] std::optional<double> best_of(std::vector<float> qualities, std::uint32_t n);

}  // namespace swy::record
