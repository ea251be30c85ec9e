// Test helper: one batch in two orders of its tokens and experts (part L, 4).
// When to use: in tests only. Threading: none. Ownership: owns its tables.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "moe/testing/golden.h"

namespace swy::moe::testing {

using Order = std::vector<std::size_t>;

inline Order shuffled(base::Rng& rng, std::size_t n) {
  Order p(n);
  std::iota(p.begin(), p.end(), std::size_t{0});
  for (std::size_t i = n; i > 1; --i) std::swap(p[i - 1], p[rng.below(i)]);
  return p;
}

// One batch twice: entry (t, j) of the first is entry (token[t], expert[j]) of the second.
struct Twice {
  base::Rng rng;
  Table<double> a, b;
  Order token, expert;

  Twice(std::uint64_t property, std::uint64_t c, std::size_t tokens, std::size_t experts)
      : rng(property, c, 4),
        a(random_table(rng, tokens, experts)),
        b(tokens, experts),
        token(shuffled(rng, tokens)),
        expert(shuffled(rng, experts)) {
    fill();
  }
  void fill() { b = turned(a); }
  template <class T>
  Table<T> turned(const Table<T>& x) const {
    Table<T> y(x.rows, x.cols);
    for (std::size_t t = 0; t < x.rows; ++t)
      for (std::size_t j = 0; j < x.cols; ++j) y.at(token[t], expert[j]) = x.data[t * x.cols + j];
    return y;
  }
  template <class T>
  std::vector<T> turned(const std::vector<T>& x) const {
    std::vector<T> y(x.size());
    for (std::size_t j = 0; j < x.size(); ++j) y[expert[j]] = x[j];
    return y;
  }
  Table<std::int32_t> choices(std::size_t k) {
    Table<std::int32_t> id(a.rows, k);
    for (std::size_t t = 0; t < a.rows; ++t) largest(a.view().row(t), id.view().row(t));
    return id;
  }
  Table<std::int32_t> turned_choices(const Table<std::int32_t>& id) const {
    Table<std::int32_t> y(id.rows, id.cols);
    for (std::size_t t = 0; t < id.rows; ++t)
      for (std::size_t i = 0; i < id.cols; ++i) y.at(token[t], i) = of(id.data[t * id.cols + i]);
    return y;
  }
  [[nodiscard]] std::int32_t of(std::int32_t e) const {
    return e < 0 ? -1 : static_cast<std::int32_t>(expert[static_cast<std::size_t>(e)]);
  }
  void as_probabilities() {
    for (std::size_t t = 0; t < a.rows; ++t) softmax(a.view().row(t), a.view().row(t));
    fill();
  }
  void as_floats() {
    for (double& v : a.data) v = static_cast<double>(static_cast<float>(v));
    fill();
  }
};

template <class T>
void expect_same(const std::vector<T>& a, const std::vector<T>& b, double tolerance,
                 const char* rule) {
  ASSERT_EQ(a.size(), b.size()) << rule;
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(static_cast<double>(a[i]), static_cast<double>(b[i]), tolerance) << rule;
}

inline Table<float> floats(const Table<double>& x) {
  Table<float> y(x.rows, x.cols);
  for (std::size_t i = 0; i < x.data.size(); ++i) y.data[i] = static_cast<float>(x.data[i]);
  return y;
}

}  // namespace swy::moe::testing
