// The versions of the kernels, one translation unit each with its own instruction set. Private to
// src/math. What those units include must define no inline function that others use too, or the
// linker may keep the copy that this CPU cannot run: they include kernels.h, elementwise.h (all of
// it in unnamed namespaces) and C headers, nothing else.
#pragma once

#include "math/kernels.h"

namespace swy::math::detail {

extern const Kernels kScalarKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;    // needs AVX2 and FMA
extern const Kernels kAvx512Kernels;  // needs AVX-512 F, BW, DQ, VL and VNNI
#endif

// Where attention keeps its parts inside the scratch memory, in floats. Queries are read in blocks
// so that the scores of a block stay in the second-level cache.
inline constexpr std::size_t kQueryBlock = 48;
// Words of a bit column that are fetched before they are needed: of so many columns the processor
// foresees none.
inline constexpr std::size_t kBitsAhead = 16;
static constexpr std::size_t round_up(std::size_t n, std::size_t to) {
  return (n + to - 1) / to * to;
}

}  // namespace swy::math::detail
