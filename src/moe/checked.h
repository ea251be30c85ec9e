// What a rule returns, and how it looks at its arguments first.
//
// When to use: every function on a face of this module that takes memory checks sizes and indices
// before it reads or writes, and returns a Status that names the argument, alone or beside its
// value. Values of the numbers themselves are not checked: what is not finite goes through the
// arithmetic (a loss of NaN is NaN) unless the rule says otherwise, and is never chosen. "Wants" in
// a header says what is refused otherwise.
// Threading: pure. Ownership: none; the names are literals.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "moe/rows.h"
#include "switchyard/moe.h"

namespace swy::moe {

// A value, or the Status that says why there is none. Reads as its value: numbers convert, results
// with fields are inherited. Without a value a floating-point number is NaN, so that an error that
// nobody looked at cannot pass for a loss of 0; everything else is its default.
template <class T, bool kFields = std::is_class_v<T>>
struct [[nodiscard]] Checked {
  Status status;
  T value = T();

  Checked() = default;
  // NOLINTBEGIN(google-explicit-constructor): either is a whole answer.
  Checked(T v) : value(v) {}
  Checked(const Status& bad) : status(bad) {
    if constexpr (std::is_floating_point_v<T>) value = std::numeric_limits<T>::quiet_NaN();
  }
  operator T() const { return value; }
  // NOLINTEND(google-explicit-constructor)
  [[nodiscard]] bool ok() const { return status.ok(); }
};

template <class T>
struct [[nodiscard]] Checked<T, true> : T {
  Status status;

  Checked() = default;
  // NOLINTBEGIN(google-explicit-constructor): either is a whole answer.
  Checked(const T& v) : T(v) {}
  Checked(const Status& bad) : status(bad) {}
  // NOLINTEND(google-explicit-constructor)
  [[nodiscard]] bool ok() const { return status.ok(); }
};

// The first thing wrong with a call's arguments. Each function names the argument that it looks at.
class Arguments {
 public:
  Arguments& that(bool fine, Code code, const char* what) {
    if (status_.ok() && !fine) status_ = {code, what};
    return *this;
  }
  // At least so many elements.
  Arguments& span(std::size_t have, std::size_t need, const char* what) {
    return that(have >= need, Code::kTooShort, what);
  }
  // Spans that go together.
  Arguments& same(std::size_t have, std::size_t need, const char* what) {
    return span(have, need, what).that(have == need, Code::kBadShape, what);
  }
  // Rows that lie apart, in memory that holds them.
  template <class T>
  Arguments& table(const Rows<T>& t, const char* what) {
    if (t.rows == 0) return *this;
    that(t.rows == 1 || t.ld >= t.cols, Code::kBadShape, what);
    const std::size_t ahead = t.rows - 1;
    const bool fits = ahead == 0 || t.ld <= (SIZE_MAX / 8 - t.cols) / ahead;
    that(fits, Code::kBadShape, what);
    return that(t.cols == 0 || (t.data != nullptr && t.size >= ahead * t.ld + t.cols),
                Code::kTooShort, what);
  }
  template <class T>
  Arguments& table(const Rows<T>& t, std::size_t rows, std::size_t cols, const char* what) {
    return table(t, what).that(t.rows == rows && t.cols == cols, Code::kBadShape, what);
  }
  // As above, where the caller may leave it out (null data).
  template <class T>
  Arguments& optional(const Rows<T>& t, std::size_t rows, std::size_t cols, const char* what) {
    return t.wanted() ? table(t, rows, cols, what) : *this;
  }
  // Tokens want experts to choose from. Without tokens anything goes.
  template <class T>
  Arguments& experts(const Rows<T>& t, const char* what) {
    return that(t.rows == 0 || t.cols > 0, Code::kBadShape, what);
  }
  // Expert numbers below `experts`; -1 (and all below 0) is none.
  Arguments& ids(std::span<const std::int32_t> id, std::size_t experts, const char* what) {
    for (std::size_t i = 0; status_.ok() && i < id.size(); ++i)
      that(id[i] < 0 || static_cast<std::size_t>(id[i]) < experts, Code::kBadShape, what);
    return *this;
  }
  Arguments& ids(const Rows<const std::int32_t>& chosen, std::size_t experts, const char* what) {
    table(chosen, what);
    for (std::size_t t = 0; status_.ok() && t < chosen.rows; ++t) ids(chosen.row(t), experts, what);
    return *this;
  }
  // First rows of sequences: rising, the last at most `rows`.
  Arguments& begins(std::span<const std::uint32_t> begin, std::size_t rows, const char* what) {
    for (std::size_t s = 0; status_.ok() && s < begin.size(); ++s)
      that(begin[s] <= rows && (s == 0 || begin[s - 1] <= begin[s]), Code::kBadShape, what);
    return *this;
  }

  [[nodiscard]] bool ok() const { return status_.ok(); }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  Status status_;
};

}  // namespace swy::moe
