// Names to small numbers, in order of first appearance. Not thread-safe while it grows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"

namespace swy::record {

class Interner {
 public:
  std::uint32_t add(std::string_view name) {
    if (const auto it = index_.find(name); it != index_.end()) return it->second;
    const auto i = static_cast<std::uint32_t>(names_.size());
    names_.emplace_back(name);
    index_.emplace(name, i);
    return i;
  }
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const {
    const auto it = index_.find(name);
    return it == index_.end() ? std::nullopt : std::optional(it->second);
  }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  std::vector<std::string> take_names() && { return std::move(names_); }

 private:
  struct Hash {
    using is_transparent =
        void;  // NOLINT(readability-identifier-naming): the name the standard asks for
    std::size_t operator()(std::string_view s) const { return base::hash64(s); }
  };
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> index_;
};

}  // namespace swy::record
