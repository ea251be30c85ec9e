// The forward pass of the BERT family over the tokens of a whole batch.
//
// All sequences' tokens lie one after the other, without padding: dense layers run over all rows at
// once, attention per sequence and head. BERT, RoBERTa, DistilBERT, MPNet (post-norm):
//   x = norm(word + position + type);  per layer: x = norm(x + out(attention(qkv(x))));
//   x = norm(x + down(act(up(x))))
// MPNet adds to every score a learned number for the distance's bucket (arXiv 2004.09297, as T5).
// ModernBERT (arXiv 2412.13663, pre-norm, no biases): x = norm(word); per layer
//   x = x + out(attention(rope(qkv(norm(x)))));  x = x + down(act(a) * b), [a b] = up(norm(x))
// where all but every n-th layer see 64 tokens to each side; a norm at the end.
// Everything behind attention runs in blocks of 64 rows, whose wide activations stay in the
// second-level cache. Cost per token and layer: 4 h^2 + 2 h i (gated: 3 h i) multiply-adds plus
// 2 h per token seen. Loses to padding-free flash attention beyond some thousand tokens: a block of
// scores no longer fits the cache. Deviation from the papers: none but rounding; int8 quantises the
// inputs of every dense layer per token, and attention beyond 64 tokens. Checked by encoder_test.cc
// against goldens of the reference implementation and by tests/parity.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "embed/detail/model.h"

namespace swy::embed::detail {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::size_t kExactAttention = 64;

std::size_t count_tokens(std::span<const Sequence> sequences) {
  std::size_t n = 0;
  for (const Sequence& s : sequences) n += s.ids.size();
  return n;
}

void embed_tokens(const Model& m, std::span<const Sequence> sequences, float* x) {
  const std::size_t h = m.spec.hidden;
  for (const Sequence& s : sequences) {
    for (std::size_t i = 0; i < s.ids.size(); ++i, x += h) {
      SWY_ASSERT(s.ids[i] < m.spec.vocabulary);
      m.words.copy_row(*m.kernels, s.ids[i], x);
      if (!m.positions.empty()) m.kernels->axpy(1.0F, m.positions.data() + i * h, h, x);
      if (!m.types.empty()) {
        const std::size_t type = s.types.empty() ? 0 : s.types[i];
        const std::size_t row = std::min(type, m.spec.types - 1);
        m.kernels->axpy(1.0F, m.types.data() + row * h, h, x);
      }
      norm_rows(*m.kernels, m.embedded, m.spec.eps, 1, x, x);
    }
  }
}

// Rotates pairs (d, d + dim / 2) of every query and key by position times frequency.
void rotate(const Rope& rope, std::size_t hidden, std::size_t dim, std::size_t tokens, float* qkv) {
  const std::size_t half = dim / 2;
  for (std::size_t p = 0; p < tokens; ++p) {
    const float* c = rope.cos.data() + p * half;
    const float* s = rope.sin.data() + p * half;
    float* row = qkv + p * 3 * hidden;
    for (std::size_t at = 0; at < 2 * hidden; at += dim) {
      float* x = row + at;
      for (std::size_t d = 0; d < half; ++d) {
        const float a = x[d];
        const float b = x[d + half];
        x[d] = a * c[d] - b * s[d];
        x[d + half] = b * c[d] + a * s[d];
      }
    }
  }
}

// MPNet's bucket of a distance: half of the buckets per direction, half of those exact, the rest
// logarithmic up to 128.
std::size_t bucket_of(std::size_t query, std::size_t key, std::size_t buckets) {
  const std::size_t half = buckets / 2;
  const std::size_t side = key > query ? half : 0;
  const std::size_t n = key > query ? key - query : query - key;
  const std::size_t exact = half / 2;
  if (n < exact) return side + n;
  const double far = std::log(static_cast<double>(n) / static_cast<double>(exact)) /
                     std::log(128.0 / static_cast<double>(exact)) *
                     static_cast<double>(half - exact);
  return side + std::min(half - 1, exact + static_cast<std::size_t>(far));
}

// One matrix of scores to add per head, for the longest sequence; shorter ones use its corner.
const float* relative_bias(const Model& m, std::size_t tokens, Workspace::Impl& ws) {
  if (m.buckets.empty()) return nullptr;
  float* bias = ws.bias.need(m.spec.heads * tokens * tokens);
  for (std::size_t i = 0; i < tokens; ++i) {
    for (std::size_t j = 0; j < tokens; ++j) {
      const std::size_t b = bucket_of(i, j, m.spec.buckets);
      for (std::size_t head = 0; head < m.spec.heads; ++head) {
        bias[(head * tokens + i) * tokens + j] = m.buckets[b * m.spec.heads + head];
      }
    }
  }
  return bias;
}

struct Lengths {
  std::size_t tokens = 0;
  std::size_t longest = 0;
};

void attend(const Model& m, const Layer& layer, std::span<const Sequence> sequences,
            const Lengths& lengths, const float* bias, Workspace::Impl& ws) {
  const std::size_t h = m.spec.hidden;
  math::Attention t;
  t.dim = h / m.spec.heads;
  t.ld = 3 * h;
  t.ld_out = h;
  t.scale = 1.0F / std::sqrt(static_cast<float>(t.dim));
  t.reach = layer.global ? SIZE_MAX : m.spec.reach;
  t.scratch = ws.scratch.need(math::attention_scratch(lengths.longest, t.dim));
  t.ld_bias = lengths.longest;
  std::size_t row = 0;
  for (const Sequence& s : sequences) {
    t.tokens = s.ids.size();
    if (t.tokens == 0) continue;
    // Bytes pay where work grows with the square of the length; short texts stay exact.
    const auto run =
        m.int8 && t.tokens > kExactAttention ? m.kernels->attention_i8 : m.kernels->attention;
    float* qkv = ws.qkv.data() + row * 3 * h;
    if (m.spec.family == Family::kModernbert) {
      rotate(layer.global ? m.rope_global : m.rope_local, h, t.dim, t.tokens, qkv);
    }
    for (std::size_t head = 0; head < m.spec.heads; ++head) {
      t.q = qkv + head * t.dim;
      t.k = t.q + h;
      t.v = t.k + h;
      t.out = ws.mixed.data() + row * h + head * t.dim;
      t.bias = bias != nullptr ? bias + head * lengths.longest * lengths.longest : nullptr;
      run(t);
    }
    row += t.tokens;
  }
}

void classic_layer(const Model& m, const Layer& l, std::span<const Sequence> sequences,
                   const Lengths& n, const float* bias, Workspace::Impl& ws) {
  const math::Kernels& k = *m.kernels;
  const std::size_t h = m.spec.hidden;
  apply(k, l.qkv, {ws.x.data(), h, ws.qkv.data(), n.tokens}, ws);
  attend(m, l, sequences, n, bias, ws);
  for (std::size_t i = 0; i < n.tokens; i += kBlock) {
    const std::size_t rows = std::min(kBlock, n.tokens - i);
    float* x = ws.x.data() + i * h;
    apply(k, l.out, {ws.mixed.data() + i * h, h, x, rows, x}, ws);
    norm_rows(k, l.attention, m.spec.eps, rows, x, x);
    apply(k, l.up, {x, h, ws.wide.data(), rows, nullptr, m.spec.activation}, ws);
    apply(k, l.down, {ws.wide.data(), m.spec.intermediate, x, rows, x}, ws);
    norm_rows(k, l.feed, m.spec.eps, rows, x, x);
  }
}

void modern_layer(const Model& m, const Layer& l, std::span<const Sequence> sequences,
                  const Lengths& n, Workspace::Impl& ws) {
  const math::Kernels& k = *m.kernels;
  const std::size_t h = m.spec.hidden;
  const std::size_t wide = m.spec.intermediate;
  for (std::size_t i = 0; i < n.tokens; i += kBlock) {
    const std::size_t rows = std::min(kBlock, n.tokens - i);
    const float* x = ws.x.data() + i * h;
    if (!l.before_attention.gamma.empty()) {
      norm_rows(k, l.before_attention, m.spec.eps, rows, x, ws.normed.data());
      x = ws.normed.data();
    }
    apply(k, l.qkv, {x, h, ws.qkv.data() + i * 3 * h, rows}, ws);
  }
  attend(m, l, sequences, n, nullptr, ws);
  for (std::size_t i = 0; i < n.tokens; i += kBlock) {
    const std::size_t rows = std::min(kBlock, n.tokens - i);
    float* x = ws.x.data() + i * h;
    apply(k, l.out, {ws.mixed.data() + i * h, h, x, rows, x}, ws);
    norm_rows(k, l.feed, m.spec.eps, rows, x, ws.normed.data());
    apply(k, l.up, {ws.normed.data(), h, ws.wide.data(), rows}, ws);
    for (std::size_t r = 0; r < rows; ++r) {
      float* a = ws.wide.data() + r * 2 * wide;
      k.gate(m.spec.activation, a, a + wide, wide);
    }
    apply(k, l.down, {ws.wide.data(), 2 * wide, x, rows, x}, ws);
  }
}

}  // namespace

void norm_rows(const math::Kernels& k, const Norm& norm, float eps, std::size_t rows,
               const float* x, float* y) {
  const std::size_t n = norm.gamma.size();
  const float* beta = norm.beta.empty() ? nullptr : norm.beta.data();
  for (std::size_t i = 0; i < rows; ++i) {
    k.layer_norm(x + i * n, norm.gamma.data(), beta, eps, n, y + i * n);
  }
}

void apply(const math::Kernels& k, const Linear& linear, const Rows& rows, Workspace::Impl& ws) {
  const auto fill = [&](auto g) {
    g.c = rows.c;
    g.ldc = linear.n();
    g.m = rows.m;
    g.bias = linear.bias.empty() ? nullptr : linear.bias.data();
    g.residual = rows.residual;
    g.activation = rows.activation;
    return g;
  };
  if (!linear.int8) {
    math::GemmF32 g = fill(linear.full.gemm());
    g.a = rows.a;
    g.lda = rows.lda;
    return k.gemm_f32(g);
  }
  math::GemmI8 g = fill(linear.bytes.gemm());
  g.lda = (g.k + 63) / 64 * 64;
  std::uint8_t* q = ws.q.need(rows.m * g.lda);
  float* scale = ws.q_scale.need(rows.m);
  std::int32_t* zero = ws.q_zero.need(rows.m);
  k.quantize_rows(rows.a, rows.lda, rows.m, g.k, q, g.lda, scale, zero);
  g.a = q;
  g.a_scale = scale;
  g.a_zero = zero;
  k.gemm_i8(g);
}

void forward(const Model& m, std::span<const Sequence> sequences, Workspace::Impl& ws) {
  const std::size_t h = m.spec.hidden;
  Lengths n;
  n.tokens = count_tokens(sequences);
  for (const Sequence& s : sequences) n.longest = std::max(n.longest, s.ids.size());
  ws.x.need(n.tokens * h);
  ws.qkv.need(n.tokens * 3 * h);
  ws.mixed.need(n.tokens * h);
  ws.normed.need(kBlock * h);
  ws.wide.need(kBlock * m.spec.intermediate * 2);
  embed_tokens(m, sequences, ws.x.data());
  const float* bias = relative_bias(m, n.longest, ws);
  for (const Layer& l : m.layers) {
    if (m.spec.family == Family::kModernbert) {
      modern_layer(m, l, sequences, n, ws);
    } else {
      classic_layer(m, l, sequences, n, bias, ws);
    }
  }
  if (!m.last.gamma.empty()) {
    norm_rows(*m.kernels, m.last, m.spec.eps, n.tokens, ws.x.data(), ws.x.data());
  }
}

}  // namespace swy::embed::detail
