// The scalar truth of the row kernels, and which version runs.
//
// Top-k: insertion into k sorted places while scanning in rising index, strictly larger enters, so
// ties stay with the lower index; a heap beyond k = 32. Cost: n + (entering elements) k, expected
// n + k^2 (1 + ln(n / k)). When it loses: rising rows, where every element enters.
// Test: kernels_test.cc.
#include "moe/detail/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace swy::moe {
namespace detail {
namespace {

void pad(float* v, std::size_t n, float with) { std::fill(v + n, v + padded(n), with); }

void softmax_scalar(const float* z, std::size_t n, const float* known, float* p) {
  const float max = known != nullptr ? *known : *std::max_element(z, z + n);
  for (std::size_t j = 0; j < n; ++j) p[j] = z[j] == -kInf ? 0.0F : exp_below(z[j], max);
  const float sum = sum16(p, n);
  const float part = sum > 0 ? 1 / sum : 1.0F;
  for (std::size_t j = 0; j < n; ++j) p[j] *= part;
  pad(p, n, 0);
}

void sigmoid_scalar(const float* z, std::size_t n, float* s) {
  for (std::size_t j = 0; j < n; ++j) s[j] = z[j] == -kInf ? 0.0F : sigmoid_f32(z[j]);
  pad(s, n, 0);
}

void keys_scalar(const float* score, const float* logit, const float* adjust, std::size_t n,
                 float* key) {
  for (std::size_t j = 0; j < n; ++j) {
    const float v = adjust != nullptr ? score[j] + adjust[j] : score[j];
    key[j] = logit[j] == -kInf ? -kInf : (std::isnan(v) ? kLowest : v);
  }
  pad(key, n, -kInf);
}

void best_two_scalar(const float* key, std::size_t n, float two[2]) {
  two[0] = two[1] = -kInf;
  for (std::size_t j = 0; j < n; ++j) {
    two[1] = std::max(two[1], std::min(two[0], key[j]));
    two[0] = std::max(two[0], key[j]);
  }
}

std::size_t collect_scalar(const float* v, std::size_t n, float low, float high, float* out,
                           std::size_t* above) {
  std::size_t have = 0;
  *above = 0;
  for (std::size_t i = 0; i < n; ++i) {
    *above += v[i] > high ? 1 : 0;
    out[have] = v[i];
    have += v[i] >= low && v[i] <= high ? 1 : 0;
  }
  return have;
}

std::size_t count_above_scalar(const float* v, std::size_t n, float t) {
  std::size_t over = 0;
  for (std::size_t i = 0; i < n; ++i) over += v[i] > t ? 1 : 0;
  return over;
}

void transpose_scalar(const float* row, std::size_t stride, float* tile) {
  for (std::size_t j = 0; j < kBlock; ++j) {
    for (std::size_t r = 0; r < kBlock; ++r) tile[j * kBlock + r] = row[r * stride + j];
  }
}

void margins_scalar(const float* column, std::size_t tiles, const float* row_price, float less,
                    float* out) {
  for (std::size_t b = 0; b < tiles; ++b) {
    for (std::size_t r = 0; r < kBlock; ++r)
      out[b * kBlock + r] = column[b * kTile + r] - row_price[b * kBlock + r] - less;
  }
}

std::size_t topk_insert(const float* key, std::size_t n, std::size_t k, std::int32_t* expert) {
  float value[kInsertion];
  std::size_t have = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const float v = key[j];
    if (!(v > (have < k ? -kInf : value[k - 1]))) continue;
    std::size_t at = have < k ? have++ : k - 1;
    for (; at > 0 && v > value[at - 1]; --at) {
      value[at] = value[at - 1];
      expert[at] = expert[at - 1];
    }
    value[at] = v;
    expert[at] = static_cast<std::int32_t>(j);
  }
  return have;
}

}  // namespace

std::uint64_t load_scalar(const Scores& s, std::size_t token, float* logit) {
  std::uint64_t nans = 0;
  for (std::size_t j = 0; j < s.cols; ++j) {
    const float z = score_at(s, token * s.ld + j);
    logit[j] = std::isnan(z) ? kLowest : z;
    nans += std::isnan(z) ? 1 : 0;
  }
  pad(logit, s.cols, -kInf);
  return nans;
}

std::size_t topk_scalar(const float* key, std::size_t n, std::size_t k, std::int32_t* expert,
                        std::uint32_t* index, float* /*value*/) {
  if (k <= kInsertion) return topk_insert(key, n, k, expert);
  std::size_t have = heap_of(key, n, -kInf, index);
  std::size_t taken = 0;
  while (have > 0 && taken < k) expert[taken++] = pop(key, index, have);
  return taken;
}

std::size_t heap_of(const float* key, std::size_t n, float bound, std::uint32_t* index) {
  std::size_t have = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (key[j] > bound) index[have++] = static_cast<std::uint32_t>(j);
  }
  std::make_heap(index, index + have, Worse{key});
  return have;
}

std::int32_t pop(const float* key, std::uint32_t* index, std::size_t& have) {
  std::pop_heap(index, index + have, Worse{key});
  return static_cast<std::int32_t>(index[--have]);
}

const Kernels kScalarKernels{"scalar",         load_scalar,    softmax_scalar,
                             sigmoid_scalar,   keys_scalar,    best_two_scalar,
                             topk_scalar,      collect_scalar, count_above_scalar,
                             transpose_scalar, margins_scalar, nullptr,
                             nullptr,          nullptr,        nullptr,
                             nullptr};

}  // namespace detail

namespace {

struct List {
  std::array<const Kernels*, 3> all{};
  std::size_t size = 0;
};

List find_runnable() noexcept {
  List list;
  for (const std::string_view name : {"avx512", "avx2", "neon"}) {
    if (const Kernels* k = detail::simd_kernels(name); k != nullptr) list.all[list.size++] = k;
  }
  list.all[list.size++] = &detail::kScalarKernels;
  return list;
}

const Kernels& choose() noexcept {
  // Read once, before anything in this program could change the environment.
  const char* name = std::getenv("SWITCHYARD_KERNELS");
  const Kernels* named = name != nullptr ? find_kernels(name) : nullptr;
  return named != nullptr ? *named : *runnable_kernels().front();
}

}  // namespace

std::span<const Kernels* const> runnable_kernels() noexcept {
  static const List list = find_runnable();
  return {list.all.data(), list.size};
}

const Kernels* find_kernels(std::string_view name) noexcept {
  for (const Kernels* k : runnable_kernels()) {
    if (k->name == name) return k;
  }
  return nullptr;
}

const Kernels& best_kernels() noexcept {
  static const Kernels& best = choose();
  return best;
}

std::string_view name_of(const Kernels& kernels) noexcept { return kernels.name; }

}  // namespace swy::moe
