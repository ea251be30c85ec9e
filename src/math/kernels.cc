// Which kernels run: decided once from the CPU and the environment.
#include "math/kernels.h"

#include <array>
#include <cmath>
#include <cstdlib>

#include "base/check.h"
#include "math/detail/versions.h"

namespace swy::math {
namespace {

struct List {
  std::array<const Kernels*, 3> all{};
  std::size_t size = 0;
};

List find_runnable() {
  List list;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni")) {
    list.all[list.size++] = &detail::kAvx512Kernels;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    list.all[list.size++] = &detail::kAvx2Kernels;
  }
#endif
  list.all[list.size++] = &detail::kScalarKernels;
  return list;
}

const Kernels& choose() {
  // Read before threads start or by whoever comes first; nothing in this program calls setenv.
  const char* name = std::getenv("SWITCHYARD_KERNELS");
  const Kernels* named = name != nullptr ? find_kernels(name) : nullptr;
  return named != nullptr ? *named : *runnable_kernels().front();
}

}  // namespace

std::span<const Kernels* const> runnable_kernels() {
  static const List list = find_runnable();
  return {list.all.data(), list.size};
}

const Kernels* find_kernels(std::string_view name) {
  for (const Kernels* k : runnable_kernels()) {
    if (k->name == name) return k;
  }
  return nullptr;
}

const Kernels& best_kernels() {
  static const Kernels& best = choose();
  return best;
}

std::size_t attention_scratch(std::size_t tokens, std::size_t dim) {
  const std::size_t keys = detail::round_up(tokens, kPanel);
  const std::size_t wide = detail::round_up(dim, 64);
  // Packed keys, copied values, a block of scores, and room for row scales and alignment.
  return keys * wide * 2 + detail::kQueryBlock * (keys * 2 + wide) + keys * 8 + 1024;
}

float l2_normalize(const Kernels& kernels, std::span<float> x) {
  const float norm = std::sqrt(kernels.dot(x.data(), x.data(), x.size()));
  if (norm > 0) {
    const float inverse = 1.0F / norm;
    for (float& v : x) v *= inverse;
  }
  return norm;
}

float cosine(const Kernels& kernels, std::span<const float> a, std::span<const float> b) {
  SWY_ASSERT(a.size() == b.size());
  const float aa = kernels.dot(a.data(), a.data(), a.size());
  const float bb = kernels.dot(b.data(), b.data(), b.size());
  if (!(aa > 0) || !(bb > 0)) return 0;
  return kernels.dot(a.data(), b.data(), a.size()) / (std::sqrt(aa) * std::sqrt(bb));
}

}  // namespace swy::math
