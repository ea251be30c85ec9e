// Top-k of a block of rows at once, for AVX2, AVX-512 and NEON over Highway: a tournament of sorted
// lists.
//
// (1) A key (-0 as 0) becomes an integer that rises with it, its lowest bits replaced by the
// inverted index: one number orders as (key, falling index). (2) Lane l of a row owns the experts
// l, l + lanes, ...; a network (Batcher's odd-even merge sort) sorts K of them in every lane at
// once, further K are merged in: the larger of best[i] and fresh[K - 1 - i] are the K best of both,
// in bitonic order, which log2 K steps sort. (3) The lists of a row's two halves of lanes are
// merged in the same way, two rows in one vector, then of its quarters, four rows in one, until
// every lane holds one row. The largest loser is kept too. No branch depends on the data. Exact:
// two keys that differ in the replaced bits alone may stand in the wrong order. Neighbours among
// the k + 1 best that agree in all others are seen at the end; such rows (two in a thousand of
// normal fp32 logits at 128/8) are done again by the row kernel. Rows known to have zeros there
// (half precision) need no such look. Cost at 128/8, 16 lanes, per row: 40 operations to make the
// numbers, 38 to sort, 47 to merge, each half a cycle (Zen 4). When it loses: many near ties in
// full precision; a few rows (a block costs its tree). Source: networks of Batcher 1968; the rest
// ours. Test: kernels_test.cc.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "moe/detail/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "moe/detail/tournament_simd.cc"  // NOLINT: the name is Highway's
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef SWY_MOE_NETWORKS
#define SWY_MOE_NETWORKS
namespace swy::moe::detail {

// Pairs to compare and swap, in order.
struct Network {
  struct Pair {
    std::uint8_t a = 0;
    std::uint8_t b = 0;
  };
  Pair pair[64] = {};
  std::size_t size = 0;
  constexpr void add(std::size_t a, std::size_t b) {
    pair[size++] = {static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b)};
  }
};

// Batcher's odd-even merge sort of n = 2^i places, n <= 16.
constexpr Network sorting(std::size_t n) {
  Network net;
  for (std::size_t p = 1; p < n; p *= 2) {
    for (std::size_t d = p; d >= 1; d /= 2) {
      for (std::size_t j = d % p; j + d < n; j += 2 * d) {
        for (std::size_t i = j; i < j + d && i + d < n; ++i) {
          if (i / (2 * p) == (i + d) / (2 * p)) net.add(i, i + d);
        }
      }
    }
  }
  return net;
}

// Sorts n = 2^i places in bitonic order.
constexpr Network cleaning(std::size_t n) {
  Network net;
  for (std::size_t d = n / 2; d >= 1; d /= 2) {
    for (std::size_t i = 0; i < n; ++i) {
      if ((i & d) == 0) net.add(i, i + d);
    }
  }
  return net;
}

template <std::size_t K>
constexpr Network kSorting = sorting(K);
template <std::size_t K>
constexpr Network kCleaning = cleaning(K);

}  // namespace swy::moe::detail
#endif

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
HWY_BEFORE_NAMESPACE();
namespace swy::moe::detail::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using I = hn::RebindToSigned<F>;
using V = hn::Vec<I>;
constexpr std::size_t kN = HWY_LANES(float);
constexpr std::int32_t kFlip = 0x7FFFFFFF;
constexpr std::int32_t kNever = static_cast<std::int32_t>(0x807FFFFFU);  // rising(-inf)

// Integers that order as the floats do, -0 below 0.
HWY_INLINE V rising(hn::Vec<F> x) {
  const I d;
  const V bits = hn::BitCast(d, x);
  return hn::Xor(bits, hn::And(hn::BroadcastSignBit(bits), hn::Set(d, kFlip)));
}

HWY_INLINE hn::Vec<F> risen(V x) {
  const I d;
  return hn::BitCast(F(), hn::Xor(x, hn::And(hn::BroadcastSignBit(x), hn::Set(d, kFlip))));
}

template <const Network& Net, std::size_t... P>
HWY_INLINE void run(V* v, std::index_sequence<P...>) {
  const auto step = [v](std::size_t a, std::size_t b) HWY_ATTR {
    const V more = hn::Max(v[a], v[b]);
    v[b] = hn::Min(v[a], v[b]);
    v[a] = more;
  };
  (step(Net.pair[P].a, Net.pair[P].b), ...);
}

// In every lane the K best, falling, and the best of the others.
template <std::size_t K>
struct List {
  V at[K];
  V next;
};

template <std::size_t K>
HWY_INLINE void sort(V* at) {
  run<kSorting<K>>(at, std::make_index_sequence<kSorting<K>.size>());
}

template <std::size_t K>
HWY_INLINE void merge(List<K>& best, const V* other, V other_next) {
  V lost = hn::Max(best.next, other_next);
  for (std::size_t i = 0; i < K; ++i) {
    lost = hn::Max(lost, hn::Min(best.at[i], other[K - 1 - i]));
    best.at[i] = hn::Max(best.at[i], other[K - 1 - i]);
  }
  best.next = lost;
  run<kCleaning<K>>(best.at, std::make_index_sequence<kCleaning<K>.size>());
}

// What the lanes of one row hold, in numbers whose bits of `mask` are the inverted index (0: none).
template <std::size_t K>
HWY_INLINE void lists_of(const float* key, std::size_t n, std::int32_t mask, List<K>& out) {
  const I d;
  const V low = hn::Set(d, mask);
  const V never = hn::Set(d, kNever & ~mask);
  alignas(64) static constexpr std::int32_t kInverted[16] = {-1, -2,  -3,  -4,  -5,  -6,  -7,  -8,
                                                             -9, -10, -11, -12, -13, -14, -15, -16};
  const V inverted = hn::Load(d, kInverted);
  const auto take = [&](std::size_t j, V* fresh) HWY_ATTR {
    for (std::size_t i = 0; i < K; ++i) {
      const std::size_t at = j + i * kN;
      if (at < n) {
        const V index = hn::Sub(inverted, hn::Set(d, static_cast<std::int32_t>(at)));
        fresh[i] = hn::Or(hn::AndNot(low, rising(hn::Add(hn::Load(F(), key + at), hn::Zero(F())))),
                          hn::And(low, index));
      } else {
        fresh[i] = never;
      }
    }
    sort<K>(fresh);
  };
  take(0, out.at);
  out.next = never;
  for (std::size_t j = K * kN; j < n; j += K * kN) {
    V fresh[K];
    take(j, fresh);
    merge<K>(out, fresh, never);
  }
}

// Lanes of two rows (or groups of rows) in which every row has `Lanes` lanes, split so that x and y
// hold the same rows at the same place.
template <std::size_t Lanes>
HWY_INLINE void split(V a, V b, V& x, V& y) {
  const I d;
  if constexpr (Lanes == kN) {
    x = hn::ConcatLowerLower(d, b, a);
    y = hn::ConcatUpperUpper(d, b, a);
  } else if constexpr (Lanes == 8) {
    x = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(b), a);
    y = hn::OddEvenBlocks(b, hn::SwapAdjacentBlocks(a));
  } else if constexpr (Lanes == 4) {
    const hn::Repartition<std::uint64_t, I> d64;
    x = hn::BitCast(d, hn::InterleaveLower(d64, hn::BitCast(d64, a), hn::BitCast(d64, b)));
    y = hn::BitCast(d, hn::InterleaveUpper(d64, hn::BitCast(d64, a), hn::BitCast(d64, b)));
  } else {
    x = hn::OddEven(hn::DupEven(b), a);
    y = hn::OddEven(b, hn::DupOdd(a));
  }
}

template <std::size_t K, std::size_t Lanes>
HWY_INLINE void combine(List<K>& a, const List<K>& b) {
  V other[K];
  V other_next;
  for (std::size_t i = 0; i < K; ++i) {
    V x;
    split<Lanes>(a.at[i], b.at[i], x, other[i]);
    a.at[i] = x;
  }
  V x;
  split<Lanes>(a.next, b.next, x, other_next);
  a.next = x;
  merge<K>(a, other, other_next);
}

// The rows of a tile end in the lanes of their numbers: what split() does to their order is undone
// by the pairs that meet.
template <std::size_t K>
HWY_INLINE void tile(const float* key, std::size_t stride, std::size_t rows, std::size_t n,
                     std::int32_t mask, List<K>& out) {
  List<K> row[kN];
  const I d;
  const auto load = [&](std::size_t r) HWY_ATTR {
    if (r < rows) return lists_of<K>(key + r * stride, n, mask, row[r]);
    for (V& v : row[r].at) v = hn::Set(d, kNever & ~mask);
    row[r].next = row[r].at[0];
  };
  for (std::size_t r = 0; r < kN; ++r) load(r);
  if constexpr (kN == 16) {
    for (std::size_t r = 0; r < std::min<std::size_t>(rows, 8); ++r)
      combine<K, 16>(row[r], row[r + 8]);
  }
  if constexpr (kN >= 8) {
    for (std::size_t r = 0; r < std::min<std::size_t>(rows, 4); ++r)
      combine<K, 8>(row[r], row[r + 4]);
  }
  combine<K, 4>(row[0], row[2]);
  if (rows > 1) combine<K, 4>(row[1], row[3]);
  combine<K, 2>(row[0], row[1]);
  out = row[0];
}

// Bit r: two neighbours of the k + 1 best of row r agree in all bits but those of the index.
template <std::size_t K>
HWY_INLINE std::uint64_t near_ties(const List<K>& best, std::size_t k, std::int32_t mask) {
  const I d;
  const V high = hn::Set(d, ~mask);
  const V never = hn::Set(d, kNever & ~mask);
  auto any = hn::FirstN(d, 0);
  V before = hn::And(best.at[0], high);
  for (std::size_t i = 1; i <= k; ++i) {
    const V mine = hn::And(i < K ? best.at[i] : best.next, high);
    any = hn::Or(any, hn::And(hn::Eq(mine, before), hn::Ne(mine, never)));
    before = mine;
  }
  std::uint8_t bytes[8] = {};
  static_cast<void>(hn::StoreMaskBits(d, any, bytes));
  return bytes[0] | static_cast<std::uint64_t>(bytes[1]) << 8U;
}

template <std::size_t K>
HWY_NOINLINE std::uint32_t places(const float* key, std::size_t stride, std::size_t rows,
                                  std::size_t n, std::size_t k, std::int32_t* expert) {
  const I d;
  const auto mask = static_cast<std::int32_t>(std::bit_ceil(n) - 1);
  const V low = hn::Set(d, mask);
  const V never = hn::Set(d, kNever & ~mask);
  std::uint64_t near = 0;
  for (std::size_t r = 0; r < rows; r += kN) {
    List<K> best;
    tile<K>(key + r * stride, stride, std::min(rows - r, kN), n, mask, best);
    for (std::size_t i = 0; i < k; ++i) {
      const V index = hn::AndNot(best.at[i], low);
      const auto none = hn::Eq(hn::AndNot(low, best.at[i]), never);
      hn::StoreU(hn::IfThenElse(none, hn::Set(d, -1), index), d, expert + i * kBlock + r);
    }
    near |= near_ties<K>(best, k, mask) << r;
  }
  return static_cast<std::uint32_t>(near);
}

std::uint32_t topk_rows(const float* key, std::size_t stride, std::size_t rows, std::size_t n,
                        std::size_t k, std::int32_t* expert) {
  if (k <= 2) return places<2>(key, stride, rows, n, k, expert);
  if (k <= 4) return places<4>(key, stride, rows, n, k, expert);
  if (k <= 8) return places<8>(key, stride, rows, n, k, expert);
  return places<16>(key, stride, rows, n, k, expert);
}

// kth_rows: one row a lane from the start, values alone.
template <std::size_t K>
HWY_NOINLINE void kth(const float* tile, std::size_t apart, std::size_t n, const float* price,
                      std::size_t k, float* kth, float* next) {
  const F d;
  const I di;
  const V never = hn::Set(di, kNever);
  List<K> best;
  for (V& v : best.at) v = never;
  best.next = never;
  for (std::size_t j = 0; j < n; j += K) {
    const float* from = tile + j / kBlock * apart + j % kBlock * kBlock;
    V fresh[K];
    for (std::size_t i = 0; i < K; ++i) {
      fresh[i] = never;
      if (j + i < n)
        fresh[i] = rising(hn::Sub(hn::Load(d, from + i * kBlock), hn::Set(d, price[j + i])));
    }
    sort<K>(fresh);
    merge<K>(best, fresh, never);
  }
  hn::StoreU(risen(best.at[k - 1]), d, kth);
  hn::StoreU(risen(k < K ? best.at[k] : best.next), d, next);
}

void kth_rows(const float* tile, std::size_t apart, std::size_t n, const float* price,
              std::size_t k, float* last, float* next) {
  for (std::size_t r = 0; r < kBlock; r += kN) {
    if (k <= 2) {
      kth<2>(tile + r, apart, n, price, k, last + r, next + r);
    } else if (k <= 4) {
      kth<4>(tile + r, apart, n, price, k, last + r, next + r);
    } else if (k <= 8) {
      kth<8>(tile + r, apart, n, price, k, last + r, next + r);
    } else {
      kth<16>(tile + r, apart, n, price, k, last + r, next + r);
    }
  }
}

// kN x kN numbers at a time: within blocks of 128 bits first, then whole blocks.
void transpose(const float* row, std::size_t stride, float* tile) {
  const F d;
  const hn::Repartition<double, F> d64;
  using VF = hn::Vec<F>;
  const auto low64 = [&](VF a, VF b) HWY_ATTR {
    return hn::BitCast(d, hn::InterleaveLower(d64, hn::BitCast(d64, a), hn::BitCast(d64, b)));
  };
  const auto high64 = [&](VF a, VF b) HWY_ATTR {
    return hn::BitCast(d, hn::InterleaveUpper(d64, hn::BitCast(d64, a), hn::BitCast(d64, b)));
  };
  for (std::size_t r = 0; r < kBlock; r += kN) {
    for (std::size_t j = 0; j < kBlock; j += kN) {
      VF quad[kN / 4][4];  // in block b of [q][c]: column 4 b + c of rows 4 q to 4 q + 3
      for (std::size_t q = 0; q < kN / 4; ++q) {
        const float* from = row + (r + 4 * q) * stride + j;
        const VF a = hn::Load(d, from);
        const VF b = hn::Load(d, from + stride);
        const VF c = hn::Load(d, from + 2 * stride);
        const VF e = hn::Load(d, from + 3 * stride);
        const VF ab_low = hn::InterleaveLower(d, a, b);
        const VF ab_high = hn::InterleaveUpper(d, a, b);
        const VF ce_low = hn::InterleaveLower(d, c, e);
        const VF ce_high = hn::InterleaveUpper(d, c, e);
        quad[q][0] = low64(ab_low, ce_low);
        quad[q][1] = high64(ab_low, ce_low);
        quad[q][2] = low64(ab_high, ce_high);
        quad[q][3] = high64(ab_high, ce_high);
      }
      for (std::size_t c = 0; c < 4; ++c) {
        VF out[kN / 4];  // columns c, 4 + c, ...
        if constexpr (kN == 16) {
          const auto even = [&](VF a, VF b) HWY_ATTR {
            return hn::OddEvenBlocks(hn::SwapAdjacentBlocks(b), a);
          };
          const auto odd = [&](VF a, VF b)
                               HWY_ATTR { return hn::OddEvenBlocks(b, hn::SwapAdjacentBlocks(a)); };
          const VF e01 = even(quad[0][c], quad[1][c]);
          const VF o01 = odd(quad[0][c], quad[1][c]);
          const VF e23 = even(quad[2][c], quad[3][c]);
          const VF o23 = odd(quad[2][c], quad[3][c]);
          out[0] = hn::ConcatLowerLower(d, e23, e01);
          out[1] = hn::ConcatLowerLower(d, o23, o01);
          out[2] = hn::ConcatUpperUpper(d, e23, e01);
          out[3] = hn::ConcatUpperUpper(d, o23, o01);
        } else if constexpr (kN == 8) {
          out[0] = hn::ConcatLowerLower(d, quad[1][c], quad[0][c]);
          out[1] = hn::ConcatUpperUpper(d, quad[1][c], quad[0][c]);
        } else {
          out[0] = quad[0][c];
        }
        for (std::size_t b = 0; b < kN / 4; ++b)
          hn::Store(out[b], d, tile + (j + 4 * b + c) * kBlock + r);
      }
    }
  }
}

}  // namespace swy::moe::detail::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
