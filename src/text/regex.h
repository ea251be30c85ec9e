// Regex and RegexSet: patterns in time linear in the text, whatever the pattern and the text.
//
// When to use: patterns written by an operator. RE2 syntax: no back references, no look-around
// (both would break the time bound). Many literals: phrases.h is faster. Threading: immutable after
// compile; const functions may run on any thread. Ownership: owns the program; the text is borrowed
// until return. Matching treats the text as bytes in UTF-8; malformed bytes match no character
// class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::text {

struct RegexOptions {
  bool ignore_case = false;
  bool whole_words =
      false;  // \b on both sides of the whole pattern; \b knows ASCII words only (RE2)
  std::int64_t max_memory =
      std::int64_t{8} << 20U;  // bytes for the program and its caches; passing it is a build error
};

// Longest pattern accepted, in bytes.
inline constexpr std::size_t kMaxPatternBytes = 4096;

struct RegexMatch {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class Regex {
 public:
  // The error names the pattern, the part of it that is wrong and, where it can be told, its byte
  // position.
  static Result<Regex> compile(std::string_view pattern, RegexOptions options = {});
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  [[nodiscard]] bool matches(std::string_view text) const;  // anywhere in the text
  // Leftmost match, by the pattern's own preference among those that start there.
  [[nodiscard]] std::optional<RegexMatch> find(std::string_view text) const;
  // Non-overlapping matches, counted up to `stop_at`.
  [[nodiscard]] std::size_t count(std::string_view text, std::size_t stop_at) const;

 private:
  struct Impl;
  explicit Regex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Many patterns at once: which of them match somewhere in the text.
class RegexSet {
 public:
  static Result<RegexSet> compile(std::span<const std::string> patterns, RegexOptions options = {});
  ~RegexSet();
  RegexSet(RegexSet&&) noexcept;
  RegexSet& operator=(RegexSet&&) noexcept;

  [[nodiscard]] bool matches_any(std::string_view text) const;
  // Replaces `out` by the indexes of the matching patterns, ascending. Returns whether there is
  // one.
  bool matching(std::string_view text, std::vector<std::uint32_t>& out) const;
  [[nodiscard]] std::size_t size() const;

 private:
  struct Impl;
  explicit RegexSet(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace swy::text
