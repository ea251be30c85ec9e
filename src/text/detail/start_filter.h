// StartFilter: where in a text one of a few phrases may begin, thirty-two places at a time.
//
// When to use: in front of an automaton, while it has nothing begun. Private to text. Threading:
// immutable after build(); any thread. Ownership: a value; the text is borrowed until return.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace swy::text {

class StartFilter {
 public:
  // Phrases as folded() leaves them where case does not matter. Without AVX2, or for more phrases
  // than it pays for, the filter is off and next() answers `from`.
  static StartFilter build(std::span<const std::string> folded_phrases, bool ignore_case);

  // No phrase begins in [from, answer); text.size() if none begins at all.
  [[nodiscard]] std::size_t next(std::string_view text, std::size_t from) const {
    return on_ ? search(text, from) : from;
  }
  [[nodiscard]] bool on() const { return on_; }

 private:
  [[nodiscard]] std::size_t search(std::string_view text, std::size_t from) const;

  bool on_ = false;
  bool fold_ = false;      // characters beyond ASCII may fold to one of a phrase
  bool all_high_ = false;  // any of them may: a phrase begins with one
  // For the first three bytes: the phrase groups (bits) that have a byte with this low half, with
  // this high half.
  std::array<std::array<std::uint8_t, 16>, 3> low_{};
  std::array<std::array<std::uint8_t, 16>, 3> high_{};
};

}  // namespace swy::text
