// InlineText<N>: up to N bytes of text inside the object, cut (never overflowing) at N. For reasons
// and names made on the decision path without allocation. Value type, trivially copyable.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace swy::base {

template <std::size_t N>
class InlineText {
  static_assert(N < 65536);

 public:
  InlineText() {}  // NOLINT(modernize-use-equals-default): the bytes stay uninitialised on purpose
  InlineText(std::string_view s) { append(s); }
  void append(std::string_view s) {
    const std::size_t n = std::min(s.size(), N - size_);
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): n says how much
    std::memcpy(bytes_.data() + size_, s.data(), n);
    size_ = static_cast<std::uint16_t>(size_ + n);
  }
  // Fixed-point decimal without locale or allocation; NaN prints as "?".
  void append_number(double value, int decimals = 3);
  void clear() { size_ = 0; }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  std::uint16_t size_ = 0;
  std::array<char, N> bytes_;
};

// Writes value with the given decimals into out (at least 32 bytes), returns the length. "?" for
// NaN.
std::size_t format_fixed(double value, int decimals, char* out);

template <std::size_t N>
void InlineText<N>::append_number(double value, int decimals) {
  std::array<char, 40> tmp;
  append({tmp.data(), format_fixed(value, decimals, tmp.data())});
}

}  // namespace swy::base
