// Labels: names as numbers in the order in which they first appear.
//
// When to use: inside this folder, for rows that are grouped by a name. Threading, ownership: a
// value.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swy::route {

struct Labels {
  std::vector<std::uint32_t> of;  // by row
  std::size_t count = 0;
};

inline Labels numbered(std::span<const std::string> names) {
  std::map<std::string_view, std::uint32_t> known;
  Labels labels;
  for (const std::string& n : names)
    labels.of.push_back(
        known.try_emplace(n, static_cast<std::uint32_t>(known.size())).first->second);
  labels.count = known.size();
  return labels;
}

}  // namespace swy::route
