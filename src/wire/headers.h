// Headers: the fields of one HTTP message in one buffer. Names compare without case; order and
// duplicates are kept.
//
// Threading: a value. Views stay valid until the next add(), remove() or clear().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swy::wire {

namespace detail {
[[nodiscard]] bool same_letters(std::string_view a, std::string_view b);  // of equal size
}
[[nodiscard]] inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && detail::same_letters(a, b);
}

class Headers {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  // Control characters other than tab become spaces: a value can never start a new line on the
  // wire.
  void add(std::string_view name, std::string_view value);
  // For bytes that a parser has already checked, or that hold no control characters anyway.
  void add_checked(std::string_view name, std::string_view value);
  void set(std::string_view name, std::string_view value) {
    remove(name);
    add(name, value);
  }
  void remove(std::string_view name);
  void clear();
  void reserve(std::size_t bytes, std::size_t fields);

  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  // At least as many as all names and values together have.
  [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }
  [[nodiscard]] Field operator[](std::size_t i) const;
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;  // the first
  [[nodiscard]] std::size_t count(std::string_view name) const;
  // Whether a comma-separated list field has this token, without case.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;

 private:
  struct Slot {
    std::uint32_t at;  // name, then value, adjacent in bytes_
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  std::string bytes_;
  std::vector<Slot> slots_;
};

}  // namespace swy::wire
