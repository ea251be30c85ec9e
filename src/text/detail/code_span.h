// Stretches of a text that are no natural language: fences, inline code, URLs; and the signs of
// program text.
//
// Private to text. Pure, no allocation.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace swy::text {

inline constexpr std::array<bool, 256> kCodeSigns = [] {
  std::array<bool, 256> t{};
  for (const char c : std::string_view("{}()[];=<>_\\|&^%$#@~+*/"))
    t[static_cast<unsigned char>(c)] = true;
  return t;
}();
inline bool is_code_sign(char c) { return kCodeSigns[static_cast<unsigned char>(c)]; }

// How many bytes at `pos` are code or a URL; 0 if none.
inline std::size_t code_length(std::string_view s, std::size_t pos) {
  const std::string_view rest = s.substr(pos);
  if (rest.starts_with("```")) {
    const std::size_t end = rest.find("```", 3);
    return end == std::string_view::npos ? rest.size() : end + 3;
  }
  if (rest.starts_with('`')) {
    const std::size_t end = rest.find_first_of("`\n", 1);
    return end == std::string_view::npos || rest[end] == '\n' ? 0 : end + 1;
  }
  if (rest.starts_with("http://") || rest.starts_with("https://")) {
    return std::min(rest.find_first_of(" \t\r\n"), rest.size());
  }
  return 0;
}

}  // namespace swy::text
