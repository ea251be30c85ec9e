#include "wire/headers.h"

#include <algorithm>
#include <span>

namespace swy::wire {
namespace {

// ASCII only: header names and tokens know nothing else, and the locale must not matter.
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// What a message of ordinary size needs, so that it costs two allocations and not ten.
constexpr std::size_t kUsualBytes = 480;
constexpr std::size_t kUsualFields = 16;

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

}  // namespace

bool detail::same_letters(std::string_view a, std::string_view b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

void Headers::add(std::string_view name, std::string_view value) {
  const std::size_t from = bytes_.size();
  add_checked(name, value);
  for (char& c : std::span(bytes_).subspan(from)) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && c != '\t') || u == 0x7f) c = ' ';
  }
}

void Headers::add_checked(std::string_view name, std::string_view value) {
  if (slots_.capacity() == 0) reserve(kUsualBytes, kUsualFields);
  slots_.push_back({static_cast<std::uint32_t>(bytes_.size()),
                    static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size())});
  bytes_.append(name);
  bytes_.append(value);
}

void Headers::remove(std::string_view name) {
  // The bytes stay; only what the fields name is ever read.
  std::erase_if(slots_, [&](const Slot& s) {
    return equal_ignoring_case({bytes_.data() + s.at, s.name_size}, name);
  });
}

void Headers::clear() {
  bytes_.clear();
  slots_.clear();
}

void Headers::reserve(std::size_t bytes, std::size_t fields) {
  bytes_.reserve(bytes);
  slots_.reserve(fields);
}

Headers::Field Headers::operator[](std::size_t i) const {
  const Slot& s = slots_[i];
  return {{bytes_.data() + s.at, s.name_size}, {bytes_.data() + s.at + s.name_size, s.value_size}};
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (const Field f = (*this)[i]; equal_ignoring_case(f.name, name)) return f.value;
  }
  return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
  std::size_t n = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i)
    n += equal_ignoring_case((*this)[i].name, name) ? 1 : 0;
  return n;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Field f = (*this)[i];
    if (!equal_ignoring_case(f.name, name)) continue;
    std::string_view rest = f.value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (equal_ignoring_case(trimmed(rest.substr(0, comma)), token)) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

}  // namespace swy::wire
