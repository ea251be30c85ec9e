// Every version of every kernel against double precision written out here, and against "scalar".
#include "math/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "math/buffer.h"
#include "math/packed.h"

namespace swy::math {
namespace {

std::vector<float> numbers(std::size_t n, std::uint64_t seed, double width = 2.0) {
  base::Rng rng(seed, n, 0);
  std::vector<float> x(n);
  for (float& v : x) v = static_cast<float>((rng.uniform() - 0.5) * width);
  return x;
}

double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }

double act(Activation a, double x) {
  switch (a) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return gelu(x);
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kTanh:
      return std::tanh(x);
  }
  return x;
}

constexpr std::array kActs = {Activation::kNone, Activation::kGelu, Activation::kGeluTanh,
                              Activation::kRelu, Activation::kTanh};

class EveryVersion : public ::testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& k_ = *GetParam();
};

INSTANTIATE_TEST_SUITE_P(Math, EveryVersion, ::testing::ValuesIn(runnable_kernels()),
                         [](const auto& p) { return std::string(p.param->name); });

struct Shape {
  std::size_t m, n, k;
};
constexpr std::array kShapes = {Shape{1, 1, 1},     Shape{1, 48, 16},  Shape{2, 7, 5},
                                Shape{3, 49, 33},   Shape{7, 96, 64},  Shape{8, 47, 3},
                                Shape{9, 100, 130}, Shape{70, 50, 12}, Shape{130, 144, 384}};

TEST_P(EveryVersion, gemm_f32_is_the_product_in_double_precision) {
  for (const Shape s : kShapes) {
    const std::size_t lda = s.k + 3;
    const std::size_t ldc = s.n + 5;
    const auto a = numbers(s.m * lda, 1);
    const auto w = numbers(s.n * s.k, 2);
    const auto bias = numbers(s.n, 3);
    const auto residual = numbers(s.m * ldc, 4);
    const PackedF32 packed = PackedF32::pack(w, s.n, s.k);
    for (const Activation f : kActs) {
      std::vector<float> c = residual;
      GemmF32 g = packed.gemm();
      g.a = a.data();
      g.lda = lda;
      g.c = c.data();
      g.ldc = ldc;
      g.m = s.m;
      g.bias = bias.data();
      g.residual = c.data();
      g.activation = f;
      k_.gemm_f32(g);
      for (std::size_t i = 0; i < s.m; ++i) {
        for (std::size_t j = 0; j < ldc; ++j) {
          double want = residual[i * ldc + j];
          if (j < s.n) {
            double sum = bias[j];
            for (std::size_t x = 0; x < s.k; ++x) sum += double{a[i * lda + x]} * w[j * s.k + x];
            want += act(f, sum);
          }
          ASSERT_NEAR(c[i * ldc + j], want, 3e-5) << s.m << " " << s.n << " " << s.k << " " << i;
        }
      }
    }
  }
}

TEST_P(EveryVersion, gemm_without_bias_and_residual_overwrites_what_was_there) {
  const auto a = numbers(5 * 20, 1);
  const auto w = numbers(30 * 20, 2);
  const PackedF32 packed = PackedF32::pack(w, 30, 20);
  std::vector<float> c(5 * 30, 1e30F);
  GemmF32 g = packed.gemm();
  g.a = a.data();
  g.lda = 20;
  g.c = c.data();
  g.ldc = 30;
  g.m = 5;
  k_.gemm_f32(g);
  for (const float v : c) EXPECT_LT(std::fabs(v), 100);
}

struct Quantized {
  std::size_t ldq;
  std::vector<std::uint8_t> q;
  std::vector<float> scale;
  std::vector<std::int32_t> zero;
};

Quantized quantize(const Kernels& kernels, const std::vector<float>& x, std::size_t m,
                   std::size_t k) {
  Quantized r{(k + 15) / 16 * 16, {}, std::vector<float>(m), std::vector<std::int32_t>(m)};
  r.q.resize(m * r.ldq, 77);
  kernels.quantize_rows(x.data(), k, m, k, r.q.data(), r.ldq, r.scale.data(), r.zero.data());
  return r;
}

TEST_P(EveryVersion, gemm_i8_gives_the_numbers_of_the_scalar_version) {
  for (const Shape s : kShapes) {
    const auto x = numbers(s.m * s.k, 1);
    const std::vector<std::uint32_t> keep = {0, static_cast<std::uint32_t>(s.k / 2)};
    const auto kept = numbers(s.m * 2, 5);
    const PackedI8 packed =
        PackedI8::pack(numbers(s.n * s.k, 2), s.n, s.k, std::span(keep).first(s.k > 1 ? 2 : 0));
    const auto bias = numbers(s.n, 3);
    const Quantized q = quantize(*find_kernels("scalar"), x, s.m, s.k);
    for (const Activation f : kActs) {
      GemmI8 g = packed.gemm();
      g.a = q.q.data();
      g.lda = q.ldq;
      g.a_scale = q.scale.data();
      g.a_zero = q.zero.data();
      g.kept_a = kept.data();
      g.ldc = s.n;
      g.m = s.m;
      g.bias = bias.data();
      g.activation = f;
      std::vector<float> want = numbers(s.m * s.n, 9);
      std::vector<float> got = want;
      g.residual = g.c = want.data();
      find_kernels("scalar")->gemm_i8(g);
      g.residual = g.c = got.data();
      k_.gemm_i8(g);
      for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 4e-6) << i;
    }
  }
}

TEST_P(EveryVersion, gemm_i8_is_exact_at_the_ends_of_the_range) {
  // 255 * 127 in every place: 16-bit sums would saturate.
  constexpr std::size_t kK = 1536;
  const PackedI8 packed = PackedI8::pack(std::vector<float>(50 * kK, 1.0F), 50, kK);
  const std::vector<std::uint8_t> a(3 * kK, 255);
  const std::vector<float> scale(3, 1.0F);
  const std::vector<std::int32_t> zero(3, 0);
  std::vector<float> c(3 * 50);
  GemmI8 g = packed.gemm();
  g.a = a.data();
  g.lda = kK;
  g.a_scale = scale.data();
  g.a_zero = zero.data();
  g.c = c.data();
  g.ldc = 50;
  g.m = 3;
  k_.gemm_i8(g);
  for (const float v : c) EXPECT_FLOAT_EQ(v, 255.0F * kK);
}

TEST_P(EveryVersion, rows_are_quantised_within_half_a_step_and_padded_with_zeros) {
  for (const std::size_t k : {1U, 3U, 8U, 17U, 64U, 385U}) {
    auto x = numbers(4 * k, k);
    std::fill_n(x.begin(), k, 0.0F);                                 // a row of zeros
    for (std::size_t j = k; j < 2 * k; ++j) x[j] = std::fabs(x[j]);  // a positive one
    const Quantized q = quantize(k_, x, 4, k);
    const Quantized truth = quantize(*find_kernels("scalar"), x, 4, k);
    EXPECT_EQ(q.q, truth.q);
    EXPECT_EQ(q.zero, truth.zero);
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < q.ldq; ++j) {
        if (j >= k) {
          EXPECT_EQ(q.q[i * q.ldq + j], 0);
        } else {
          const float back = q.scale[i] * static_cast<float>(q.q[i * q.ldq + j] - q.zero[i]);
          EXPECT_NEAR(back, x[i * k + j], q.scale[i] * 1.001F);
        }
      }
    }
  }
}

// softmax(scale q k^T + bias, masked) v in double.
std::vector<double> attention_truth(const Attention& t) {
  std::vector<double> out(t.tokens * t.dim);
  for (std::size_t i = 0; i < t.tokens; ++i) {
    std::vector<double> p(t.tokens);
    double sum = 0;
    for (std::size_t j = 0; j < t.tokens; ++j) {
      if ((i > j ? i - j : j - i) > t.reach) continue;
      double s = 0;
      for (std::size_t d = 0; d < t.dim; ++d) s += double{t.q[i * t.ld + d]} * t.k[j * t.ld + d];
      p[j] = std::exp(s * t.scale + (t.bias != nullptr ? t.bias[i * t.ld_bias + j] : 0.0F));
      sum += p[j];
    }
    for (std::size_t j = 0; j < t.tokens; ++j) {
      for (std::size_t d = 0; d < t.dim; ++d) out[i * t.dim + d] += p[j] / sum * t.v[j * t.ld + d];
    }
  }
  return out;
}

void check_attention(const Kernels& kernels, void (*Kernels::*attention)(const Attention&),
                     double bound) {
  for (const std::size_t tokens : {1U, 2U, 13U, 48U, 49U, 130U}) {
    for (const std::size_t dim : {4U, 8U, 32U, 40U, 64U, 80U, 128U}) {
      for (const std::size_t reach : {SIZE_MAX, std::size_t{0}, std::size_t{5}, std::size_t{64}}) {
        const std::size_t ld = 3 * dim + 1;
        const auto qkv = numbers(tokens * ld, tokens + dim, 4.0);
        const auto bias = numbers(tokens * tokens, 5);
        Buffer<float> scratch(attention_scratch(tokens, dim));
        std::fill_n(scratch.data(), scratch.size(), NAN);
        std::vector<float> out(tokens * dim);
        Attention t;
        t.q = qkv.data();
        t.k = qkv.data() + dim;
        t.v = qkv.data() + 2 * dim;
        t.ld = ld;
        t.out = out.data();
        t.ld_out = dim;
        t.tokens = tokens;
        t.dim = dim;
        t.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(dim)));
        t.reach = reach;
        t.bias = dim % 16 == 0 ? bias.data() : nullptr;
        t.ld_bias = tokens;
        t.scratch = scratch.data();
        (kernels.*attention)(t);
        const auto want = attention_truth(t);
        for (std::size_t i = 0; i < out.size(); ++i) {
          ASSERT_NEAR(out[i], want[i], bound) << tokens << " " << dim << " " << reach << " " << i;
        }
      }
    }
  }
}

TEST_P(EveryVersion, attention_is_the_weighted_mean_of_the_values_it_sees) {
  check_attention(k_, &Kernels::attention, 1e-5);
}
TEST_P(EveryVersion, attention_in_bytes_stays_near_it) {
  check_attention(k_, &Kernels::attention_i8, 6e-2);
}

// One key far above the rest: each of the others weighs a thousandth of it, all together as much.
TEST_P(EveryVersion, attention_in_bytes_keeps_what_many_small_weights_add_up_to) {
  constexpr std::size_t kTokens = 1000;
  constexpr std::size_t kDim = 32;
  std::vector<float> q(kTokens * kDim, 0.0F), k(kTokens * kDim, 0.0F), v(kTokens * kDim, 1.0F);
  std::fill_n(v.begin(), kDim, -1.0F);
  for (std::size_t i = 0; i < kTokens; ++i) q[i * kDim] = 1.0F;
  k[0] = std::log(1000.0F);
  Buffer<float> scratch(attention_scratch(kTokens, kDim));
  std::vector<float> out(kTokens * kDim);
  Attention t;
  t.q = q.data();
  t.k = k.data();
  t.v = v.data();
  t.ld = t.ld_out = t.dim = kDim;
  t.out = out.data();
  t.tokens = kTokens;
  t.scratch = scratch.data();
  k_.attention_i8(t);
  double sum = 0;
  for (std::size_t i = 0; i < kTokens; ++i) {
    sum += out[i * kDim];
    EXPECT_NEAR(out[i * kDim], 0, 0.2) << i;
  }
  EXPECT_NEAR(sum / kTokens, 0, 0.02);
}

TEST_P(EveryVersion, gelu_and_tanh_are_exact_to_a_millionth) {
  for (const Activation f : kActs) {
    std::vector<float> x;
    for (float v = -12; v <= 12; v += 0.00137F) x.push_back(v);
    for (const float v : {0.0F, -0.0F, 1e-30F, -1e-30F, 50.0F, -50.0F, 1e4F, -1e4F}) x.push_back(v);
    std::vector<float> y = x;
    k_.activate(f, y.data(), y.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = act(f, x[i]);
      ASSERT_NEAR(y[i], want, 1e-6 * std::max(1.0, std::fabs(want))) << x[i];
    }
  }
}

TEST_P(EveryVersion, gate_multiplies_the_activated_half_with_the_other) {
  for (const std::size_t n : {1U, 15U, 16U, 33U}) {
    auto a = numbers(n, 1);
    const auto was = a;
    const auto b = numbers(n, 2);
    k_.gate(Activation::kGelu, a.data(), b.data(), n);
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(a[i], gelu(was[i]) * b[i], 2e-6);
  }
}

TEST_P(EveryVersion, softmax_sums_to_one_for_any_finite_row) {
  for (const std::size_t n : {1U, 2U, 7U, 16U, 17U, 100U}) {
    for (const double width : {1.0, 100.0, 1e6}) {
      auto x = numbers(n, n, width);
      std::vector<double> want(x.begin(), x.end());
      const double top = *std::max_element(want.begin(), want.end());
      double sum = 0;
      for (double& v : want) sum += v = std::exp(v - top);
      k_.softmax(x.data(), n);
      for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(x[i], want[i] / sum, 1e-6);
    }
  }
}

TEST_P(EveryVersion, layer_norm_and_rms_norm_match_double_precision) {
  for (const std::size_t n : {1U, 5U, 16U, 31U, 384U, 770U}) {
    const auto x = numbers(n, 1, 10.0);
    const auto gamma = numbers(n, 2);
    const auto beta = numbers(n, 3);
    double mean = 0;
    double square = 0;
    for (const float v : x) mean += v / static_cast<double>(n);
    for (const float v : x) square += double{v} * v / static_cast<double>(n);
    double var = 0;
    for (const float v : x) var += (v - mean) * (v - mean) / static_cast<double>(n);
    std::vector<float> y(n);
    std::vector<float> z(n);
    std::vector<float> r(n);
    k_.layer_norm(x.data(), gamma.data(), beta.data(), 1e-12F, n, y.data());
    k_.layer_norm(x.data(), gamma.data(), nullptr, 1e-5F, n, z.data());
    k_.rms_norm(x.data(), gamma.data(), 1e-6F, n, r.data());
    for (std::size_t i = 0; i < n; ++i) {
      const double norm = n == 1 ? 0 : (x[i] - mean) / std::sqrt(var + 1e-12);
      EXPECT_NEAR(y[i], norm * gamma[i] + beta[i], 1e-5);
      EXPECT_NEAR(z[i], (x[i] - mean) / std::sqrt(var + 1e-5) * gamma[i], 1e-5);
      EXPECT_NEAR(r[i], x[i] / std::sqrt(square + 1e-6) * gamma[i], 1e-5);
    }
  }
}

TEST_P(EveryVersion, sums_of_rows_and_dot_products_match_double_precision) {
  for (const std::size_t n : {1U, 7U, 8U, 16U, 23U, 256U, 300U}) {
    const auto a = numbers(n, 1);
    const auto b = numbers(n, 2);
    std::vector<std::int8_t> bytes(n);
    for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::int8_t>(a[i] * 127);
    double want = 0;
    for (std::size_t i = 0; i < n; ++i) want += double{a[i]} * b[i];
    EXPECT_NEAR(k_.dot(a.data(), b.data(), n), want, 1e-5);
    auto y = b;
    k_.axpy(0.5F, a.data(), n, y.data());
    auto z = b;
    k_.axpy_i8(0.5F, bytes.data(), n, z.data());
    auto m = b;
    k_.max_into(a.data(), n, m.data());
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_FLOAT_EQ(y[i], b[i] + 0.5F * a[i]);
      EXPECT_NEAR(z[i], b[i] + 0.5F * static_cast<float>(bytes[i]), 1e-5);
      EXPECT_EQ(m[i], std::max(a[i], b[i]));
    }
    auto unit = a;
    l2_normalize(k_, unit);
    EXPECT_NEAR(k_.dot(unit.data(), unit.data(), n), 1, 1e-5);
    EXPECT_NEAR(cosine(k_, a, a), 1, 1e-5);
  }
  std::vector<float> none(8, 0.0F);
  EXPECT_EQ(l2_normalize(k_, none), 0);
  EXPECT_EQ(cosine(k_, none, none), 0);
}

TEST(Kernels, are_listed_fastest_first_and_found_by_name) {
  EXPECT_EQ(runnable_kernels().back()->name, "scalar");
  for (const Kernels* k : runnable_kernels()) EXPECT_EQ(find_kernels(k->name), k);
  EXPECT_EQ(find_kernels("sse9"), nullptr);
  EXPECT_EQ(find_kernels(""), nullptr);
}

TEST_P(EveryVersion, weights_of_set_bits_are_added_up_for_every_row) {
  base::Rng rng(5, 0, 0);
  for (const std::size_t words : {1U, 2U, 3U, 4U, 9U}) {
    for (const std::size_t n : {0U, 1U, 7U, 64U}) {
      const std::size_t rows = words * 64;
      const auto in = numbers(rows, 1);
      const auto scale = numbers(rows, 2);
      std::vector<std::uint64_t> bits(n * words);
      for (std::uint64_t& b : bits) b = rng.below(2) == 0 ? ~std::uint64_t{0} : rng.next();
      std::vector<BitColumn> columns;
      std::vector<double> expected(rows);
      for (std::size_t c = 0; c < n; ++c)
        columns.push_back(
            {bits.data() + c * words, static_cast<std::uint8_t>(n == 1 ? 255 : rng.below(4))});
      for (std::size_t i = 0; i < rows; ++i) {
        double sum = 0;
        for (const BitColumn& c : columns) sum += (c.bits[i / 64] >> (i % 64) & 1) != 0 ? c.weight : 0;
        expected[i] = static_cast<double>(in[i]) + 0.01 * static_cast<double>(scale[i]) * sum;
      }
      std::vector<float> out = in;  // in place
      std::vector<float> most(words);
      k_.bit_sums(
          {columns.data(), n, 0.01F, scale.data(), out.data(), out.data(), most.data(), words});
      for (std::size_t i = 0; i < rows; ++i) ASSERT_NEAR(out[i], expected[i], 1e-6) << i;
      for (std::size_t w = 0; w < words; ++w)
        EXPECT_EQ(most[w], *std::max_element(&out[w * 64], &out[w * 64] + 64));
    }
  }
}

TEST_P(EveryVersion, a_row_does_not_depend_on_its_neighbours) {
  const auto x = numbers(33 * 100, 1);
  const auto w = numbers(60 * 100, 2);
  const PackedF32 packed = PackedF32::pack(w, 60, 100);
  std::vector<float> all(33 * 60);
  std::vector<float> one(60);
  GemmF32 g = packed.gemm();
  g.a = x.data();
  g.lda = 100;
  g.c = all.data();
  g.ldc = 60;
  g.m = 33;
  k_.gemm_f32(g);
  for (std::size_t i = 0; i < 33; ++i) {
    g.a = x.data() + i * 100;
    g.c = one.data();
    g.m = 1;
    k_.gemm_f32(g);
    EXPECT_TRUE(std::equal(one.begin(), one.end(), all.begin() + static_cast<long>(i * 60)));
  }
}

}  // namespace
}  // namespace swy::math
