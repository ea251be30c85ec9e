#include "load/samples.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace swy::bench {

void Samples::write(base::JsonWriter& w, std::string_view name) {
  constexpr std::array<std::pair<std::string_view, double>, 6> kQuantiles{
      {{"min", 0.0}, {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1.0}}};
  std::sort(ns_.begin(), ns_.end());
  w.key(name).begin_object().field("count", std::uint64_t{ns_.size()});
  for (const auto& [label, q] : kQuantiles) {
    if (ns_.empty()) break;
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(ns_.size())));
    w.field(label, static_cast<double>(ns_[std::max<std::size_t>(rank, 1) - 1]) * 1e-3);
  }
  w.end_object();
}

}  // namespace swy::bench
