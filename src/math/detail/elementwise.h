// Element-wise kernels written once over a vector type V, for every vector instruction set.
//
// Formulas. exp: n = round(x / ln 2), r = x - n ln 2 in two parts, a polynomial of degree 6 in r
// (Cephes expf), times 2^n; relative error below 2e-7 on [-87, 88]. erf: Abramowitz and Stegun
// 7.1.26, absolute error 1.5e-7, so gelu(x) = max(x, 0) - |x| p(t) exp(-x^2 / 2) / 2 is within 1e-6
// for |x| < 6 and exact to rounding beyond, where exp vanishes. tanh: 1 - 2 / (exp(2 |x|) + 1) with
// the sign of x. Sums use one vector of partial sums, reduced in a fixed order. Cost: gelu about 25
// instructions a vector. Private to src/math, included by one translation unit per instruction
// set: everything is in an unnamed namespace. Checked by kernels_test.cc against "scalar".
//
// V needs: reg, kWidth, load, load_n (the rest zero), store, store_n, set, add, sub, mul, div, fma
// (a b + c), fnma (c - a b), max, min, abs, copy_sign, round, scale_by_power (x 2^n), sum, top.
#pragma once

#include <math.h>

#include "math/kernels.h"

namespace swy::math::detail {
namespace {  // NOLINT: one copy per instruction set is the point

struct Span {
  std::size_t from, to;
};

template <typename V>
struct Elementwise {
  using R = typename V::reg;
  static constexpr std::size_t kWidth = V::kWidth;

  static R exp(R x) {
    x = V::min(V::max(x, V::set(-87.33654F)), V::set(88.0F));
    const R n = V::round(V::mul(x, V::set(1.44269504088896341F)));
    R r = V::fnma(n, V::set(0.693359375F), x);  // ln 2 = 0.693359375 - 0.000212194...
    r = V::fnma(n, V::set(-2.12194440e-4F), r);
    R p = V::set(1.9875691500e-4F);
    p = V::fma(p, r, V::set(1.3981999507e-3F));
    p = V::fma(p, r, V::set(8.3334519073e-3F));
    p = V::fma(p, r, V::set(4.1665795894e-2F));
    p = V::fma(p, r, V::set(1.6666665459e-1F));
    p = V::fma(p, r, V::set(5.0000001201e-1F));
    p = V::fma(p, V::mul(r, r), V::add(r, V::set(1.0F)));
    return V::scale_by_power(p, n);
  }
  static R gelu(R x) {
    const R z = V::abs(x);
    // 0.3275911 / sqrt(2): erf's argument is x / sqrt(2).
    const R t = V::div(V::set(1.0F), V::fma(z, V::set(0.231641888F), V::set(1.0F)));
    R p = V::set(1.061405429F);
    p = V::fma(p, t, V::set(-1.453152027F));
    p = V::fma(p, t, V::set(1.421413741F));
    p = V::fma(p, t, V::set(-0.284496736F));
    p = V::fma(p, t, V::set(0.254829592F));
    const R e = exp(V::mul(V::mul(x, x), V::set(-0.5F)));
    const R tail = V::mul(V::mul(V::mul(p, t), e), V::mul(z, V::set(0.5F)));
    return V::sub(V::max(x, V::set(0.0F)), tail);
  }
  static R gelu_tanh(R x) {  // x / (1 + exp(-2 u)), u = sqrt(2 / pi) (x + 0.044715 x^3)
    const R u =
        V::mul(V::fma(V::mul(V::mul(x, x), x), V::set(0.044715F), x), V::set(-1.5957691216057308F));
    return V::div(x, V::add(V::set(1.0F), exp(u)));
  }
  static R tanh(R x) {
    const R e = exp(V::mul(V::abs(x), V::set(2.0F)));
    const R y = V::sub(V::set(1.0F), V::div(V::set(2.0F), V::add(e, V::set(1.0F))));
    return V::copy_sign(y, x);
  }

  // f over n numbers in place; f must map 0 to a finite number.
  template <typename F>
  static void map(float* x, std::size_t n, F f) {
    std::size_t i = 0;
    for (; i + kWidth <= n; i += kWidth) V::store(x + i, f(V::load(x + i), i));
    if (i < n) V::store_n(x + i, f(V::load_n(x + i, n - i), i), n - i);
  }
  static R at(const float* x, std::size_t i, std::size_t n) {
    return i + kWidth <= n ? V::load(x + i) : V::load_n(x + i, n - i);
  }
  template <typename F>
  static void by_activation(Activation act, F f) {
    switch (act) {
      case Activation::kNone:
        return f([](R x) { return x; });
      case Activation::kGelu:
        return f([](R x) { return gelu(x); });
      case Activation::kGeluTanh:
        return f([](R x) { return gelu_tanh(x); });
      case Activation::kRelu:
        return f([](R x) { return V::max(x, V::set(0.0F)); });
      case Activation::kTanh:
        return f([](R x) { return tanh(x); });
    }
  }
  static void activate(Activation act, float* x, std::size_t n) {
    by_activation(act, [=](auto g) { map(x, n, [=](R v, std::size_t) { return g(v); }); });
  }
  static void gate(Activation act, float* a, const float* b, std::size_t n) {
    by_activation(act, [=](auto g) {
      map(a, n, [=](R v, std::size_t i) { return V::mul(g(v), at(b, i, n)); });
    });
  }
  static void axpy(float w, const float* x, std::size_t n, float* y) {
    const R s = V::set(w);
    map(y, n, [=](R v, std::size_t i) { return V::fma(s, at(x, i, n), v); });
  }
  static void max_into(const float* x, std::size_t n, float* y) {
    map(y, n, [=](R v, std::size_t i) { return V::max(v, at(x, i, n)); });
  }

  // sum of f over n numbers; f must map 0 to 0.
  template <typename F>
  static float sum(std::size_t n, F f) {
    R s = V::set(0.0F);
    for (std::size_t i = 0; i < n; i += kWidth) s = V::add(s, f(i));
    return V::sum(s);
  }
  static float dot(const float* a, const float* b, std::size_t n) {
    R s = V::set(0.0F);
    for (std::size_t i = 0; i < n; i += kWidth) s = V::fma(at(a, i, n), at(b, i, n), s);
    return V::sum(s);
  }
  static void layer_norm(const float* x, const float* gamma, const float* beta, float eps,
                         std::size_t n, float* y) {
    const auto count = static_cast<float>(n);
    const float mean = sum(n, [=](std::size_t i) { return at(x, i, n); }) / count;
    const R m = V::set(mean);
    R s = V::set(0.0F);
    std::size_t i = 0;
    for (; i + kWidth <= n; i += kWidth) {
      const R d = V::sub(V::load(x + i), m);
      s = V::fma(d, d, s);
    }
    float square = V::sum(s);
    for (; i < n; ++i) square += (x[i] - mean) * (x[i] - mean);
    const R k = V::set(1.0F / sqrtf(square / count + eps));
    for (i = 0; i < n; i += kWidth) {
      const R v = V::mul(V::mul(V::sub(at(x, i, n), m), k), at(gamma, i, n));
      put(y, i, n, beta != nullptr ? V::add(v, at(beta, i, n)) : v);
    }
  }
  static void rms_norm(const float* x, const float* gamma, float eps, std::size_t n, float* y) {
    const float square = dot(x, x, n);
    const R k = V::set(1.0F / sqrtf(square / static_cast<float>(n) + eps));
    for (std::size_t i = 0; i < n; i += kWidth) {
      put(y, i, n, V::mul(V::mul(at(x, i, n), k), at(gamma, i, n)));
    }
  }
  static void put(float* y, std::size_t i, std::size_t n, R v) {
    if (i + kWidth <= n) {
      V::store(y + i, v);
    } else {
      V::store_n(y + i, v, n - i);
    }
  }
  static float top(const float* x, std::size_t n) {
    if (n < kWidth) {
      float t = x[0];
      for (std::size_t i = 1; i < n; ++i) t = x[i] > t ? x[i] : t;
      return t;
    }
    R t = V::load(x + n - kWidth);  // the last vector overlaps: a maximum may count twice
    for (std::size_t i = 0; i + kWidth <= n; i += kWidth) t = V::max(t, V::load(x + i));
    return V::top(t);
  }
  // x = exp(x - top), returns the sum.
  static float exp_all(float* x, std::size_t n, float top) {
    const R t = V::set(top);
    R s = V::set(0.0F);
    std::size_t i = 0;
    for (; i + kWidth <= n; i += kWidth) {
      const R e = exp(V::sub(V::load(x + i), t));
      V::store(x + i, e);
      s = V::add(s, e);
    }
    float rest = 0;
    if (i < n) {
      V::store_n(x + i, exp(V::sub(V::load_n(x + i, n - i), t)), n - i);
      for (; i < n; ++i) rest += x[i];
    }
    return V::sum(s) + rest;
  }
  static void scale(float* x, std::size_t n, float by) {
    const R s = V::set(by);
    map(x, n, [=](R v, std::size_t) { return V::mul(v, s); });
  }
  static void softmax(float* x, std::size_t n) {
    if (n == 0) return;
    scale(x, n, 1.0F / exp_all(x, n, top(x, n)));
  }
  // The keys in [from, to) that a query may see.
  static Span seen(const Attention& t, std::size_t query, std::size_t from, std::size_t to) {
    const std::size_t first = query > t.reach && query - t.reach > from ? query - t.reach : from;
    const std::size_t last = t.reach < to && query + t.reach + 1 < to ? query + t.reach + 1 : to;
    return {first, last};
  }
  // A row of raw scores becomes exp(scale s + bias - max) where the query sees and 0 elsewhere;
  // returns 1 / the sum.
  static float weigh_row(const Attention& t, std::size_t query, Span s, float* row) {
    const Span see = seen(t, query, s.from, s.to);
    for (std::size_t j = s.from; j < see.from; ++j) row[j - s.from] = 0;
    for (std::size_t j = see.to; j < s.to; ++j) row[j - s.from] = 0;
    float* x = row + (see.from - s.from);
    const std::size_t n = see.to - see.from;
    scale(x, n, t.scale);
    if (t.bias != nullptr) axpy(1.0F, t.bias + query * t.ld_bias + see.from, n, x);
    return 1.0F / exp_all(x, n, top(x, n));
  }
};

}  // namespace
}  // namespace swy::math::detail
