#include "record/arms.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace swy::record {

std::string arm_name(std::string_view model, std::uint32_t answers) {
  return answers <= 1 ? std::string(model) : fmt::format("{}*{}", model, answers);
}

std::optional<ArmName> read_arm_name(std::string_view name) {
  const std::size_t star = name.rfind('*');
  if (star == std::string_view::npos || star == 0) return std::nullopt;
  std::uint32_t answers = 0;
  const char* const end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + star + 1, end, answers);
  if (error != std::errc{} || at != end || answers < 2 || answers > kMostAnswers)
    return std::nullopt;
  return ArmName{name.substr(0, star), answers};
}

std::optional<double> best_of(std::vector<float> qualities, std::uint32_t n) {
  if (qualities.size() < n) return std::nullopt;
  std::sort(qualities.begin(), qualities.end());
  const auto k = static_cast<double>(qualities.size());
  double weight = n / k;  // of the best: the share of choices that hold it
  double sum = 0;
  for (std::size_t i = qualities.size(); i-- > n - 1;) {
    sum += weight * static_cast<double>(qualities[i]);
    if (i > 0) weight *= static_cast<double>(i + 1 - n) / static_cast<double>(i);
  }
  return sum;
}

}  // namespace swy::record
