// Rows<T>: a borrowed table, one row per token, and the arithmetic of a row that the rules share.
//
// When to use: handing scores, probabilities and plans to the rules of this module. Precision: what
// is solved or differentiated (auctions, plans, losses) is double; what stands in a forward pass
// (routers with state, edited scores) is float with sums in double.
// Threading: pure functions. Ownership: everything borrowed, nothing allocated.
//
// Ties everywhere: the larger value first, then the lower index.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "base/check.h"
#include "base/rng.h"

namespace swy::moe {

template <class T>
struct Rows {
  T* data = nullptr;  // null: "not wanted" where a function says that an output is optional
  std::size_t rows = 0, cols = 0;
  std::size_t ld = 0;           // distance of two rows in elements, at least cols
  std::size_t size = SIZE_MAX;  // elements readable from data; rules refuse tables beyond it

  Rows() = default;
  // From a pointer: the caller vouches for the size.
  Rows(T* p, std::size_t r, std::size_t c) : data(p), rows(r), cols(c), ld(c) {}
  Rows(T* p, std::size_t r, std::size_t c, std::size_t stride)
      : data(p), rows(r), cols(c), ld(stride) {}
  Rows(std::span<T> v, std::size_t r, std::size_t c) : Rows(v, r, c, c) {}
  Rows(std::span<T> v, std::size_t r, std::size_t c, std::size_t stride)
      : data(v.data()), rows(r), cols(c), ld(stride), size(v.size()) {}
  [[nodiscard]] std::span<T> row(std::size_t i) const { return {data + i * ld, cols}; }
  [[nodiscard]] T& at(std::size_t i, std::size_t j) const { return data[i * ld + j]; }
  [[nodiscard]] bool wanted() const { return data != nullptr; }
  // Rows [begin, end) of the same table.
  [[nodiscard]] Rows part(std::size_t begin, std::size_t end) const {
    if (!wanted()) return {};
    Rows some(data + begin * ld, end - begin, cols, ld);
    some.size = size == SIZE_MAX ? size : size - std::min(size, begin * ld);
    return some;
  }
  // NOLINTNEXTLINE(google-explicit-constructor): a table of mutable numbers is one of constants.
  operator Rows<const T>() const {
    Rows<const T> r(data, rows, cols, ld);
    r.size = size;
    return r;
  }
};

inline double sigmoid(double v) {
  if (v >= 0) return 1.0 / (1.0 + std::exp(-v));
  const double e = std::exp(v);
  return e / (1.0 + e);
}

// The index of the largest; the lowest of equals. NaN is never the largest. REQUIRES: not empty.
template <class Row>
std::size_t best_of(const Row& v) {
  SWY_ASSERT(v.size() > 0);
  std::size_t best = 0;
  for (std::size_t j = 1; j < v.size(); ++j)
    if (v[j] > v[best] || std::isnan(static_cast<double>(v[best]))) best = j;
  return best;
}

// log sum exp, the largest subtracted first. -inf for a row of -inf.
template <class Row>
double log_sum_exp(const Row& z) {
  const double most = static_cast<double>(z[best_of(z)]);
  if (std::isinf(most) && most < 0) return most;
  double sum = 0;
  for (std::size_t j = 0; j < z.size(); ++j) sum += std::exp(static_cast<double>(z[j]) - most);
  return most + std::log(sum);
}

// p = softmax(z / temperature); p may be z. -inf has probability 0. REQUIRES: one z is finite.
template <class In, class Out>
void softmax(const In& z, Out&& p,
             double temperature = 1) {  // NOLINT(*-forward): a span or a vector
  SWY_ASSERT(z.size() == p.size());
  using Value = typename std::remove_cvref_t<Out>::value_type;
  const double most = static_cast<double>(z[best_of(z)]);
  double sum = 0;
  for (std::size_t j = 0; j < z.size(); ++j) {
    const double e = std::exp((static_cast<double>(z[j]) - most) / temperature);
    sum += e;
    p[j] = static_cast<Value>(e);
  }
  for (std::size_t j = 0; j < p.size(); ++j)
    p[j] = static_cast<Value>(static_cast<double>(p[j]) / sum);
}

template <class A, class B>
double inner(const A& a, const B& b) {
  SWY_ASSERT(a.size() == b.size());
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j)
    sum += static_cast<double>(a[j]) * static_cast<double>(b[j]);
  return sum;
}

template <class A>
double length(const A& a) {
  return std::sqrt(inner(a, a));
}

// The index that follows `after` in falling order (of equals the lower first); after = -1: the
// best. -1 at the end. NaN and -inf are never reached. One pass.
template <class Row>
std::ptrdiff_t next_largest(const Row& v, std::ptrdiff_t after) {
  std::ptrdiff_t best = -1;
  for (std::size_t j = 0; j < v.size(); ++j) {
    const auto x = static_cast<double>(v[j]);
    const auto at = static_cast<std::ptrdiff_t>(j);
    if (!(x > -std::numeric_limits<double>::infinity())) continue;
    if (after >= 0) {
      const auto last = static_cast<double>(v[static_cast<std::size_t>(after)]);
      if (x > last || (x == last && at <= after)) continue;
    }
    if (best < 0 || x > static_cast<double>(v[static_cast<std::size_t>(best)])) best = at;
  }
  return best;
}

// id[0..] = the indices of the id.size() largest in that order: O(n k). With fewer others the rest
// is -1. Returns how many were found.
template <class Row>
std::size_t largest(const Row& v, std::span<std::int32_t> id) {
  std::size_t found = 0;
  for (std::ptrdiff_t at = next_largest(v, -1); at >= 0 && found < id.size(); ++found) {
    id[found] = static_cast<std::int32_t>(at);
    at = next_largest(v, at);
  }
  for (std::int32_t& rest : id.subspan(found)) rest = -1;
  return found;
}

// A standard normal number (Box and Muller; two draws).
inline double normal(base::Rng& rng) {
  const double u = 1.0 - rng.uniform();  // (0, 1]: the logarithm is finite
  return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * rng.uniform());
}

// A standard Gumbel number: argmax(z + gumbel) is a draw from softmax(z).
inline double gumbel(base::Rng& rng) {
  // Inside (0, 1): both logarithms are finite.
  return -std::log(-std::log(0x1.0p-54 + rng.uniform() * (1.0 - 0x1.0p-52)));
}

}  // namespace swy::moe
