// The kernels in plain C++: the truth the vector versions are compared with, and what runs on a CPU
// without AVX2.
//
// Formulas are in kernels.h. Sums run over k in ascending order with one accumulator (dot products
// that feed norms in double), so results do not depend on the batch. Cost: one multiply-add per
// cycle or so. Checked by kernels_test.cc against double precision written out there.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "math/detail/versions.h"

namespace swy::math::detail {
namespace {

float act_one(Activation act, float x) {
  switch (act) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:  // x * Phi(x); 0.70710678 is 1 / sqrt(2)
      return 0.5F * x * (1.0F + std::erf(x * 0.70710678118654752F));
    case Activation::kGeluTanh:  // 0.79788456 is sqrt(2 / pi)
      return 0.5F * x * (1.0F + std::tanh(0.79788456080286536F * (x + 0.044715F * x * x * x)));
    case Activation::kRelu:
      return std::max(x, 0.0F);
    case Activation::kTanh:
      return std::tanh(x);
  }
  return x;
}

void activate(Activation act, float* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) x[i] = act_one(act, x[i]);
}

void gate(Activation act, float* a, const float* b, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) a[i] = act_one(act, a[i]) * b[i];
}

// What both GEMMs do to a finished row of a panel.
template <typename G>
void finish(const G& g, std::size_t row, std::size_t col, std::size_t width, float* sums) {
  float* c = g.c + row * g.ldc + col;
  for (std::size_t j = 0; j < width; ++j) {
    float v = sums[j] + (g.bias != nullptr ? g.bias[col + j] : 0.0F);
    v = act_one(g.activation, v);
    if (g.residual != nullptr) v += g.residual[row * g.ldc + col + j];
    c[j] = v;
  }
}

void gemm_f32(const GemmF32& g) {
  for (std::size_t col = 0; col < g.n; col += kPanel) {
    const float* panel = g.b + col * g.k;
    const std::size_t width = std::min(kPanel, g.n - col);
    for (std::size_t i = 0; i < g.m; ++i) {
      std::array<float, kPanel> sums{};
      for (std::size_t k = 0; k < g.k; ++k) {
        const float a = g.a[i * g.lda + k];
        for (std::size_t j = 0; j < kPanel; ++j) sums[j] += a * panel[k * kPanel + j];
      }
      finish(g, i, col, width, sums.data());
    }
  }
}

void gemm_i8(const GemmI8& g) {
  const std::size_t groups = (g.k + 3) / 4;
  for (std::size_t col = 0; col < g.n; col += kPanel) {
    const std::int8_t* panel = g.b + col * groups * 4;
    const std::size_t width = std::min(kPanel, g.n - col);
    for (std::size_t i = 0; i < g.m; ++i) {
      std::array<std::int32_t, kPanel> sums{};
      for (std::size_t k = 0; k < groups * 4; ++k) {
        const std::int32_t a = g.a[i * g.lda + k];
        const std::int8_t* w = panel + k / 4 * kPanel * 4 + k % 4;
        for (std::size_t j = 0; j < kPanel; ++j) sums[j] += a * w[j * 4];
      }
      std::array<float, kPanel> out{};
      for (std::size_t j = 0; j < width; ++j) {
        const std::int32_t centred = sums[j] - g.a_zero[i] * g.b_sum[col + j];
        out[j] = static_cast<float>(centred) * (g.a_scale[i] * g.b_scale[col + j]);
        for (std::size_t x = 0; x < g.kept; ++x) {
          out[j] += g.kept_a[i * g.kept + x] * g.kept_b[x * round_up(g.n, kPanel) + col + j];
        }
      }
      finish(g, i, col, width, out.data());
    }
  }
}

void quantize_rows(const float* x, std::size_t ldx, std::size_t m, std::size_t k, std::uint8_t* q,
                   std::size_t ldq, float* scale, std::int32_t* zero) {
  for (std::size_t i = 0; i < m; ++i) {
    const float* row = x + i * ldx;
    std::uint8_t* to = q + i * ldq;
    float low = 0;
    float high = 0;
    for (std::size_t j = 0; j < k; ++j) {
      low = std::min(low, row[j]);
      high = std::max(high, row[j]);
    }
    const float step = (high - low) / 255.0F;
    const float inverse = step > 0 ? 1.0F / step : 0.0F;
    scale[i] = step;
    zero[i] = static_cast<std::int32_t>(std::nearbyint(-low * inverse));
    for (std::size_t j = 0; j < k; ++j) {
      const auto v = static_cast<std::int32_t>(std::nearbyint(row[j] * inverse)) + zero[i];
      to[j] = static_cast<std::uint8_t>(std::clamp(v, 0, 255));
    }
    std::memset(to + k, 0, ldq - k);
  }
}

void softmax(float* x, std::size_t n) {
  float top = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < n; ++i) top = std::max(top, x[i]);
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += x[i] = std::exp(x[i] - top);
  for (std::size_t i = 0; i < n; ++i) x[i] /= sum;
}

void attention(const Attention& t) {
  float* scores = t.scratch;
  for (std::size_t i = 0; i < t.tokens; ++i) {
    const std::size_t first = i > t.reach ? i - t.reach : 0;
    const std::size_t last = t.tokens - i > t.reach ? i + t.reach + 1 : t.tokens;
    for (std::size_t j = first; j < last; ++j) {
      float s = 0;
      for (std::size_t d = 0; d < t.dim; ++d) s += t.q[i * t.ld + d] * t.k[j * t.ld + d];
      scores[j] = s * t.scale + (t.bias != nullptr ? t.bias[i * t.ld_bias + j] : 0.0F);
    }
    softmax(scores + first, last - first);
    float* out = t.out + i * t.ld_out;
    std::fill_n(out, t.dim, 0.0F);
    for (std::size_t j = first; j < last; ++j) {
      for (std::size_t d = 0; d < t.dim; ++d) out[d] += scores[j] * t.v[j * t.ld + d];
    }
  }
}

void layer_norm(const float* x, const float* gamma, const float* beta, float eps, std::size_t n,
                float* y) {
  double mean = 0;
  for (std::size_t i = 0; i < n; ++i) mean += x[i];
  mean /= static_cast<double>(n);
  double var = 0;
  for (std::size_t i = 0; i < n; ++i) var += (x[i] - mean) * (x[i] - mean);
  var /= static_cast<double>(n);
  const double inverse = 1.0 / std::sqrt(var + static_cast<double>(eps));
  for (std::size_t i = 0; i < n; ++i) {
    const auto v = static_cast<float>((x[i] - mean) * inverse);
    y[i] = v * gamma[i] + (beta != nullptr ? beta[i] : 0.0F);
  }
}

void rms_norm(const float* x, const float* gamma, float eps, std::size_t n, float* y) {
  double square = 0;
  for (std::size_t i = 0; i < n; ++i) square += static_cast<double>(x[i]) * x[i];
  const double inverse =
      1.0 / std::sqrt(square / static_cast<double>(n) + static_cast<double>(eps));
  for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] * inverse) * gamma[i];
}

float dot(const float* a, const float* b, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return static_cast<float>(sum);
}

void axpy(float w, const float* x, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] += w * x[i];
}

void axpy_i8(float w, const std::int8_t* x, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] += w * static_cast<float>(x[i]);
}

void max_into(const float* x, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = std::max(y[i], x[i]);
}

void bit_sums(const BitSums& t) {
  for (std::size_t w = 0; w < t.words; ++w) {
    t.most[w] = -std::numeric_limits<float>::infinity();
    for (std::size_t i = w * 64; i < w * 64 + 64; ++i) {
      std::uint32_t sum = 0;
      for (std::size_t c = 0; c < t.n; ++c)
        sum += (t.columns[c].bits[w] >> (i % 64) & 1) != 0 ? t.columns[c].weight : 0U;
      t.out[i] = t.in[i] + t.unit * t.scale[i] * static_cast<float>(sum);
      t.most[w] = std::max(t.most[w], t.out[i]);
    }
  }
}

}  // namespace

// attention_i8 is attention here: the truth has no quantisation of its own.
const Kernels kScalarKernels{"scalar",   gemm_f32, gemm_i8,  attention, attention, quantize_rows,
                             layer_norm, rms_norm, softmax,  activate,  gate,      dot,
                             axpy,       axpy_i8,  max_into, bit_sums};

}  // namespace swy::math::detail
