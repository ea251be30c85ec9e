// moe_golden.json beside the checkout, how many random cases to run, and tables for tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/rng.h"
#include "moe/rows.h"

namespace swy::moe::testing {

using Matrix = std::vector<std::vector<double>>;

// Owns the numbers of a Rows.
template <class T>
struct Table {
  std::vector<T> data;
  std::size_t rows = 0, cols = 0;
  Table(std::size_t r, std::size_t c) : data(r * c), rows(r), cols(c) {}
  explicit Table(const Matrix& m) : rows(m.size()), cols(m.at(0).size()) {
    for (const auto& row : m)
      for (const double v : row) data.push_back(static_cast<T>(v));
  }
  moe::Rows<T> view() { return {data.data(), rows, cols}; }
  moe::Rows<const T> view() const { return {data.data(), rows, cols}; }
  T& at(std::size_t i, std::size_t j) { return data[i * cols + j]; }
};

inline const Matrix kF1 = {{2, 1, 0}, {1.5, 1.4, 0.1}, {1, 0, 0.9}, {2, 2, -1}};
inline const Matrix kF2 = {{3, 1, .5},     {2.5, 2, 0},  {2, 1.8, .2},
                           {1.5, .2, 1.4}, {1.2, 1, .9}, {.9, .1, .3}};

// Random cases of a property: SWY_CASES, or 10,000.
inline std::size_t random_cases() {
  const char* text = std::getenv("SWY_CASES");
  const auto n = text != nullptr ? std::strtoul(text, nullptr, 10) : 0UL;
  return n > 0 ? n : 10'000;
}

inline Table<double> random_table(base::Rng& rng, std::size_t rows, std::size_t cols) {
  Table<double> t(rows, cols);
  for (double& v : t.data) v = normal(rng);
  return t;
}

inline void expect_rows(moe::Rows<const double> got, const Matrix& want, double tolerance = 1e-6) {
  ASSERT_EQ(got.rows, want.size());
  for (std::size_t i = 0; i < got.rows; ++i) {
    ASSERT_EQ(got.cols, want[i].size());
    for (std::size_t j = 0; j < got.cols; ++j)
      EXPECT_NEAR(got.at(i, j), want[i][j], tolerance) << "row " << i << ", column " << j;
  }
}

template <class Got>
void expect_near(const Got& got, const std::vector<double>& want, double tolerance = 1e-6) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_NEAR(static_cast<double>(got[i]), want[i], tolerance) << "at " << i;
}

// d f / d x against `grad` by central differences.
template <class F>
void expect_slopes(const F& f, std::span<double> x, std::span<const double> grad,
                   double tolerance = 1e-6, double step = 1e-5) {
  ASSERT_EQ(x.size(), grad.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double at = x[i];
    x[i] = at + step;
    const double above = f();
    x[i] = at - step;
    const double below = f();
    x[i] = at;
    const double slope = (above - below) / (2 * step);
    EXPECT_NEAR(grad[i], slope, tolerance * std::max(1.0, std::fabs(slope))) << "at " << i;
  }
}

}  // namespace swy::moe::testing
