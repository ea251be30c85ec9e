// measure(): how even, how sparse.
//
// Formulas (c: demand per expert): maxvio = max c / mean c - 1; cv2 = var c / mean^2 (population);
// entropy = -sum f ln f / ln experts, f = c / sum c; drop rate = 1 - kept / demand;
// tls = 1 - kept entries / (tokens experts); cls = 1 - mean share of experts touched by `window`
// tokens in a row, windows not overlapping, a last short window left out (all tokens are one window
// where there are fewer). cls at window 1 is tls.
// Cost: entries + experts, times experts / 4096 for cls. Source: code of BlockFFN (tls, cls),
// usage. Test: golden_test.cc (C_cv2, G_sparsity), properties_test.cc.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "switchyard/moe.h"

namespace swy::moe {
namespace {

constexpr std::size_t kBlock = 4096;  // experts whose bits are on the stack at a time

using Bits = std::array<std::uint64_t, kBlock / 64>;

std::size_t touched(const Bits& bits) {
  std::size_t n = 0;
  for (const std::uint64_t w : bits) n += static_cast<std::size_t>(std::popcount(w));
  return n;
}

double chunk_sparsity(const Assignment& a, Shape shape, std::size_t window) {
  window = std::clamp<std::size_t>(window, 1, shape.tokens);
  const std::size_t windows = shape.tokens / window;
  std::size_t sum = 0;
  for (std::size_t from = 0; from < shape.experts; from += kBlock) {
    for (std::size_t w = 0; w < windows; ++w) {
      Bits bits{};
      for (std::size_t i = w * window * a.kmax; i < (w + 1) * window * a.kmax; ++i) {
        const auto e = static_cast<std::size_t>(a.expert[i]) - from;  // -1 is far outside
        if (a.expert[i] >= 0 && e < kBlock) bits[e / 64] |= std::uint64_t{1} << (e % 64);
      }
      sum += touched(bits);
    }
  }
  return 1 - static_cast<double>(sum) / static_cast<double>(windows) /
                 static_cast<double>(shape.experts);
}

void spread(std::span<const std::uint32_t> demand, Metrics& m) {
  double sum = 0;
  double squares = 0;
  double most = 0;
  for (const std::uint32_t c : demand) {
    sum += c;
    squares += static_cast<double>(c) * c;
    most = std::max<double>(most, c);
  }
  if (sum == 0) return;
  const auto n = static_cast<double>(demand.size());
  const double mean = sum / n;
  m.maxvio = most / mean - 1;
  m.cv2 = std::max(0.0, squares / n / (mean * mean) - 1);
  for (const std::uint32_t c : demand) {
    if (c > 0) m.entropy -= c / sum * std::log(c / sum);
  }
  m.entropy = demand.size() > 1 ? std::max(0.0, m.entropy) / std::log(n) : 1;
}

}  // namespace

Metrics measure(const Assignment& done, Shape shape, std::uint32_t window) noexcept {
  Metrics m;
  m.tls = m.cls = 1;
  const std::size_t entries = std::size_t{shape.tokens} * done.kmax;
  if (shape.experts == 0 || shape.tokens == 0 || done.expert.size() < entries) return m;
  std::size_t stays = 0;
  for (std::size_t i = 0; i < entries; ++i) stays += done.expert[i] >= 0 ? 1 : 0;
  const std::size_t cells = std::size_t{shape.tokens} * shape.experts;
  m.tls = 1 - static_cast<double>(stays) / static_cast<double>(cells);
  m.cls = chunk_sparsity(done, shape, window);
  if (done.demand.size() < shape.experts) return m;
  const auto demand = done.demand.first(shape.experts);
  spread(demand, m);
  double sum = 0;
  for (const std::uint32_t c : demand) sum += c;
  if (sum > 0) m.drop_rate = 1 - static_cast<double>(stays) / sum;
  return m;
}

}  // namespace swy::moe
