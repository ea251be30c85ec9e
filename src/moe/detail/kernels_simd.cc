// Row kernels for AVX2 and AVX-512, written once over Highway and compiled for each.
//
// Top-k in one row: (1) the row is folded into 2k or more running maxima, one per lane, so that the
// k-th largest of these, t, is at most the k-th largest of the row; (2) elements >= t are
// compressed into a short list in index order, about 1.4 k of them on random rows; (3) the place of
// each is the number of larger ones plus the number of equal ones before it, counted lane-parallel,
// no branches. Lists longer than kList (many ties) fall back to insertion into k places, over the
// list alone. Cost at 128 experts, k = 8: 8 loads twice, 16 + 11 compare-and-count steps. When it
// loses: rows of mostly equal scores, k above 32 (scalar heap). exp, sums, softmax and sigmoid
// follow number.h operation by operation: same bits as the scalar truth. Source: ours; the idea of
// a threshold before exact selection is common. Test: kernels_test.cc.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "moe/detail/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "moe/detail/kernels_simd.cc"  // NOLINT: the name is Highway's
// AVX2, AVX-512 and NEON: older machines run the scalar version.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
HWY_BEFORE_NAMESPACE();
namespace swy::moe::detail::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using U = hn::RebindToUnsigned<F>;
using I = hn::RebindToSigned<F>;
using V = hn::Vec<F>;
constexpr std::size_t kN = HWY_LANES(float);
constexpr std::size_t kPer16 = kLanes / kN;  // vectors that make 16 lanes
constexpr std::size_t kList = 64;            // survivors ranked by counting

#if HWY_TARGET != HWY_AVX3
// The numbers of the lanes whose bits are set, in order.
struct Front {
  alignas(8) std::uint8_t lane[std::size_t{1} << kN][kN] = {};
  constexpr Front() {
    for (std::size_t bits = 0; bits < std::size_t{1} << kN; ++bits) {
      std::size_t have = 0;
      for (std::size_t l = 0; l < kN; ++l) {
        if ((bits >> l & 1U) != 0) lane[bits][have++] = static_cast<std::uint8_t>(l);
      }
    }
  }
};
constexpr Front kFront;
#endif

// exp_f32 of x <= kExpHigh.
HWY_INLINE V exp_of(V x) {
  const F d;
  const I di;
  const auto low = hn::Lt(x, hn::Set(d, kExpLow));
  const V shifted = hn::MulAdd(x, hn::Set(d, kLog2e), hn::Set(d, kRounder));
  const V n = hn::Sub(shifted, hn::Set(d, kRounder));
  V r = hn::MulAdd(n, hn::Set(d, -kLn2High), x);
  r = hn::MulAdd(n, hn::Set(d, -kLn2Low), r);
  V p = hn::MulAdd(hn::Set(d, kExpC7), r, hn::Set(d, kExpC6));
  p = hn::MulAdd(p, r, hn::Set(d, kExpC5));
  p = hn::MulAdd(p, r, hn::Set(d, kExpC4));
  p = hn::MulAdd(p, r, hn::Set(d, kExpC3));
  p = hn::MulAdd(p, r, hn::Set(d, kExpC2));
  p = hn::Add(hn::MulAdd(hn::Mul(p, r), r, r), hn::Set(d, 1.0F));
  const auto power = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  return hn::IfThenZeroElse(low, hn::BitCast(d, hn::Add(hn::BitCast(di, p), power)));
}

// exp(x - top), 0 for -inf; one of the two is infinite: 1 where they are equal.
HWY_INLINE V exp_below_of(V x, V top, bool finite) {
  const F d;
  const V e = exp_of(hn::Sub(x, top));
  if (finite) return e;
  const V one = hn::IfThenElse(hn::Eq(x, top), hn::Set(d, 1.0F), e);
  return hn::IfThenZeroElse(hn::Eq(x, hn::Set(d, -kInf)), one);
}

HWY_INLINE std::uint64_t bits_of(hn::Mask<F> mask) {
  std::uint8_t bytes[8];
  std::uint16_t bits = 0;
  static_cast<void>(hn::StoreMaskBits(F(), mask, bytes));
  std::memcpy(&bits, bytes, (kN + 7) / 8);
  return bits;
}

// 16 lanes in pairs 8, 4, 2, 1 apart.
HWY_INLINE float tree16(const V* acc) {
  const hn::CappedTag<float, 8> d8;
  const hn::CappedTag<float, 4> d4;
#if HWY_TARGET == HWY_NEON
  const auto v4 = hn::Add(hn::Add(acc[0], acc[2]), hn::Add(acc[1], acc[3]));
#else
#if HWY_TARGET == HWY_AVX3
  const auto v8 = hn::Add(hn::LowerHalf(d8, acc[0]), hn::UpperHalf(d8, acc[0]));
#else
  const auto v8 = hn::Add(acc[0], acc[1]);
#endif
  const auto v4 = hn::Add(hn::LowerHalf(d4, v8), hn::UpperHalf(d4, v8));
#endif
  (void)d8;
  alignas(16) float lane[4];
  hn::Store(v4, d4, lane);
  return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

HWY_INLINE V load_vector(const Scores& s, std::size_t at) {
  const F d;
  if (s.type == DType::kF32) return hn::LoadU(d, static_cast<const float*>(s.data) + at);
  const auto* half = static_cast<const std::uint16_t*>(s.data) + at;
  if (s.type == DType::kBf16) {
    const hn::Rebind<std::uint16_t, F> d16;
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(U(), hn::LoadU(d16, half))));
  }
  const hn::Rebind<hwy::float16_t, F> d16;
  return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(half)));
}

std::uint64_t load(const Scores& s, std::size_t token, float* logit) {
  const F d;
  const std::size_t n = s.cols;
  const std::size_t first = token * s.ld;
  std::uint64_t nans = 0;
  std::size_t j = 0;
  auto any = hn::FirstN(d, 0);
  for (; j + kN <= n; j += kN) {
    const V z = load_vector(s, first + j);
    const auto nan = hn::IsNaN(z);
    any = hn::Or(any, nan);
    hn::StoreU(hn::IfThenElse(nan, hn::Set(d, kLowest), z), d, logit + j);
  }
  if (!hn::AllFalse(d, any)) {
    for (std::size_t i = 0; i < j; i += kN)
      nans += hn::CountTrue(d, hn::IsNaN(load_vector(s, first + i)));
  }
  for (; j < n; ++j) {
    const float z = score_at(s, first + j);
    const bool nan = z != z;
    logit[j] = nan ? kLowest : z;
    nans += nan ? 1 : 0;
  }
  std::fill(logit + n, logit + padded(n), -kInf);
  return nans;
}

HWY_INLINE V largest(const float* z, std::size_t n) {
  const F d;
  V top = hn::Set(d, -kInf);
  for (std::size_t j = 0; j < padded(n); j += kN) top = hn::Max(top, hn::LoadU(d, z + j));
  return hn::MaxOfLanes(d, top);
}

void softmax(const float* z, std::size_t n, const float* max, float* p) {
  const F d;
  const V top = max != nullptr ? hn::Set(d, *max) : largest(z, n);
  const bool finite = std::isfinite(hn::GetLane(top));
  V acc[kPer16];
  for (auto& a : acc) a = hn::Zero(d);
  for (std::size_t j = 0; j < padded(n); j += kLanes) {
    for (std::size_t i = 0; i < kPer16; ++i) {
      const V e = exp_below_of(hn::LoadU(d, z + j + i * kN), top, finite);
      acc[i] = hn::Add(acc[i], e);
      hn::StoreU(e, d, p + j + i * kN);
    }
  }
  const float sum = tree16(acc);
  if (!(sum > 0)) return;
  const V part = hn::Set(d, 1 / sum);
  for (std::size_t j = 0; j < padded(n); j += kN)
    hn::StoreU(hn::Mul(hn::LoadU(d, p + j), part), d, p + j);
}

HWY_INLINE V key_of(V v, V logit) {
  const F d;
  const V never = hn::Set(d, -kInf);
  v = hn::IfThenElse(hn::IsNaN(v), hn::Set(d, kLowest), v);
  return hn::IfThenElse(hn::Eq(logit, never), never, v);
}

// Row by row in steps, so that one row's sum need not wait for the next row's exponentials.
void softmax_block(const float* z, std::size_t stride, std::size_t rows, std::size_t n,
                   const float* adjust, float* p, float* key) {
  const F d;
  V acc[kBlock][kPer16];
  for (std::size_t r = 0; r < rows; ++r) {
    const V top = largest(z + r * stride, n);
    const bool finite = std::isfinite(hn::GetLane(top));
    for (V& a : acc[r]) a = hn::Zero(d);
    for (std::size_t j = 0; j < padded(n); j += kLanes) {
      for (std::size_t i = 0; i < kPer16; ++i) {
        const std::size_t at = r * stride + j + i * kN;
        const V e = exp_below_of(hn::LoadU(d, z + at), top, finite);
        acc[r][i] = hn::Add(acc[r][i], e);
        hn::StoreU(e, d, p + at);
      }
    }
  }
  float part[kBlock];
  for (std::size_t r = 0; r < rows; ++r) {
    const float sum = tree16(acc[r]);
    part[r] = sum > 0 ? 1 / sum : 1.0F;
  }
  for (std::size_t r = 0; r < rows; ++r) {
    const V scale = hn::Set(d, part[r]);
    for (std::size_t j = 0; j < padded(n); j += kN) {
      const std::size_t at = r * stride + j;
      const V score = hn::Mul(hn::LoadU(d, p + at), scale);
      hn::StoreU(score, d, p + at);
      if (key == nullptr) continue;
      const V live = adjust == nullptr ? score : hn::Add(score, hn::LoadU(d, adjust + j));
      hn::StoreU(key_of(live, hn::LoadU(d, z + at)), d, key + at);
    }
  }
}

void sigmoid(const float* z, std::size_t n, float* s) {
  const F d;
  const V one = hn::Set(d, 1.0F);
  for (std::size_t j = 0; j < padded(n); j += kN) {
    const V x = hn::LoadU(d, z + j);
    const V e = exp_of(hn::Neg(hn::Abs(x)));
    const V y = hn::Div(hn::IfThenElse(hn::Ge(x, hn::Zero(d)), one, e), hn::Add(one, e));
    hn::StoreU(hn::IfThenZeroElse(hn::Eq(x, hn::Set(d, -kInf)), y), d, s + j);
  }
  std::fill(s + n, s + padded(n), 0.0F);
}

void keys(const float* score, const float* logit, const float* adjust, std::size_t n, float* key) {
  const F d;
  std::size_t j = 0;
  for (; j + kN <= n; j += kN) {
    V v = hn::LoadU(d, score + j);
    if (adjust != nullptr) v = hn::Add(v, hn::LoadU(d, adjust + j));
    hn::StoreU(key_of(v, hn::LoadU(d, logit + j)), d, key + j);
  }
  for (; j < n; ++j) {
    const float v = adjust != nullptr ? score[j] + adjust[j] : score[j];
    key[j] = logit[j] == -kInf ? -kInf : (v != v ? kLowest : v);
  }
  std::fill(key + n, key + padded(n), -kInf);
}

void best_two(const float* key, std::size_t n, float two[2]) {
  const F d;
  const V never = hn::Set(d, -kInf);
  V first = never;
  V second = never;
  std::size_t j = 0;
  for (; j + kN <= n; j += kN) {
    const V x = hn::LoadU(d, key + j);
    second = hn::Max(second, hn::Min(first, x));
    first = hn::Max(first, x);
  }
  const V top = hn::MaxOfLanes(d, first);
  const auto tops = hn::Eq(first, top);
  const V rest = hn::MaxOfLanes(d, hn::Max(second, hn::IfThenElse(tops, never, first)));
  two[0] = hn::GetLane(top);
  two[1] = hn::CountTrue(d, tops) > 1 ? two[0] : hn::GetLane(rest);
  for (; j < n; ++j) {
    two[1] = std::max(two[1], std::min(two[0], key[j]));
    two[0] = std::max(two[0], key[j]);
  }
}

// The largest t among the maxima of Fold * kN lanes with at least k of them >= t; -inf: fewer than
// k lanes hold anything.
template <std::size_t Fold>
HWY_INLINE float threshold(const float* key, std::size_t n, std::size_t k) {
  const F d;
  const I di;
  V top[Fold];
  for (auto& t : top) t = hn::Set(d, -kInf);
  const std::size_t end = padded(n);
  std::size_t j = 0;
  for (; j + Fold * kN <= end; j += Fold * kN) {
    for (std::size_t i = 0; i < Fold; ++i) top[i] = hn::Max(top[i], hn::LoadU(d, key + j + i * kN));
  }
  if constexpr (Fold * kN > kLanes) {
    for (std::size_t i = 0; i < Fold; ++i) {
      if (j + i * kN < end) top[i] = hn::Max(top[i], hn::LoadU(d, key + j + i * kN));
    }
  }
  alignas(64) float lane[Fold * kN];
  for (std::size_t i = 0; i < Fold; ++i) hn::Store(top[i], d, lane + i * kN);
  hn::Vec<I> minus[Fold];  // minus the number of lanes that are at least this one
  for (auto& m : minus) m = hn::Zero(di);
  for (std::size_t l = 0; l < Fold * kN; ++l) {
    const V v = hn::Set(d, lane[l]);
    for (std::size_t i = 0; i < Fold; ++i)
      minus[i] = hn::Add(minus[i], hn::VecFromMask(di, hn::RebindMask(di, hn::Ge(v, top[i]))));
  }
  V best = hn::Set(d, -kInf);
  const auto enough = hn::Set(di, 1 - static_cast<std::int32_t>(k));
  for (std::size_t i = 0; i < Fold; ++i) {
    const auto ok = hn::RebindMask(d, hn::Lt(minus[i], enough));
    best = hn::Max(best, hn::IfThenElse(ok, top[i], hn::Set(d, -kInf)));
  }
  return hn::GetLane(hn::MaxOfLanes(d, best));
}

HWY_INLINE float threshold_for(const float* key, std::size_t n, std::size_t k) {
  constexpr std::size_t kWide = kPer16;  // 16 lanes
  if (n <= kLanes) return -kInf;         // all of them fit the list
  if (k <= 8) return threshold<kWide>(key, n, k);
  if (k <= 16) return threshold<2 * kWide>(key, n, k);
  return threshold<4 * kWide>(key, n, k);
}

// Elements >= t and > -inf, in index order. value, index: padded(n) + kLanes.
// Bits of 64 elements at a time, one by one: on a Zen 4 faster than vpcompressd (a tenth of the
// whole at 128/8, a fifth at 384/8), and Highway 1.0.3's table for AVX2 is copied to the stack by
// g++ 12 at every use.
HWY_INLINE std::size_t survivors(const float* key, std::size_t n, float t, std::uint32_t* index,
                                 float* value) {
  const F d;
  const V bound = hn::Set(d, t);
  const V never = hn::Set(d, -kInf);
  const std::size_t end = padded(n);
  std::size_t have = 0;
  for (std::size_t j = 0; j < end; j += 64) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 64 && j + i < end; i += kN) {
      const V x = hn::LoadU(d, key + j + i);
      bits |= bits_of(hn::And(hn::Ge(x, bound), hn::Gt(x, never))) << i;
    }
    for (; bits != 0; bits &= bits - 1) {
      const std::size_t at = j + static_cast<std::size_t>(std::countr_zero(bits));
      index[have] = static_cast<std::uint32_t>(at);
      value[have++] = key[at];
    }
  }
  return have;
}

// The places of survivors among `Vectors` vectors of them, padded with -inf: always the same number
// of steps, so that no branch waits for how many there are.
template <std::size_t Vectors>
HWY_INLINE void rank(const std::uint32_t* index, float* value, std::size_t have,
                     std::uint32_t* sorted) {
  const F d;
  V all[Vectors];
  const V never = hn::Set(d, -kInf);
  for (std::size_t v = 0; v < Vectors; ++v) {
    const auto real = hn::FirstN(d, have > v * kN ? have - v * kN : 0);
    all[v] = hn::IfThenElse(real, hn::LoadU(d, value + v * kN), never);
    hn::StoreU(all[v], d, value + v * kN);
  }
  for (std::size_t j = 0; j < Vectors * kN; ++j) {
    const V mine = hn::Set(d, value[j]);
    std::size_t place = 0;
    for (std::size_t v = 0; v < Vectors; ++v) {
      const std::size_t before = j > v * kN ? j - v * kN : 0;
      const auto ahead =
          hn::Or(hn::Gt(all[v], mine), hn::And(hn::Eq(all[v], mine), hn::FirstN(d, before)));
      place += hn::CountTrue(d, ahead);
    }
    sorted[place] = index[j];
  }
}

std::size_t topk(const float* key, std::size_t n, std::size_t k, std::int32_t* expert,
                 std::uint32_t* index, float* value) {
  // Beyond, a heap; a handful of a dozen is inserted before a threshold would be known.
  const bool tiny = n <= kLanes && k <= 4;
  if (k > kInsertion || tiny) return topk_scalar(key, n, k, expert, index, value);
  const float t = threshold_for(key, n, k);
  const std::size_t have = survivors(key, n, t, index, value);
  if (have > kList) {
    const std::size_t taken = topk_scalar(value, have, k, expert, nullptr, nullptr);
    for (std::size_t i = 0; i < taken; ++i)
      expert[i] = static_cast<std::int32_t>(index[static_cast<std::size_t>(expert[i])]);
    return taken;
  }
  std::uint32_t sorted[kList];
  if (have <= kLanes) {
    rank<kPer16>(index, value, have, sorted);
  } else if (have <= 2 * kLanes) {
    rank<2 * kPer16>(index, value, have, sorted);
  } else {
    rank<kList / kN>(index, value, have, sorted);
  }
  const std::size_t taken = std::min(k, have);
  for (std::size_t i = 0; i < taken; ++i) expert[i] = static_cast<std::int32_t>(sorted[i]);
  return taken;
}

// The lanes of `in` to the front of `to`, where a whole vector is written; how many.
HWY_INLINE std::size_t keep(V x, hn::Mask<F> in, float* to) {
  const F d;
#if HWY_TARGET == HWY_AVX3
  hn::StoreU(hn::Compress(x, in), d, to);
  return hn::CountTrue(d, in);
#else
  // Highway 1.0.3's own table is copied to the stack by g++ 12 at every use.
  const hn::Rebind<std::uint8_t, F> d8;
  const std::uint64_t bits = bits_of(in);
  const auto lanes = hn::PromoteTo(I(), hn::LoadU(d8, kFront.lane[bits]));
  hn::StoreU(hn::TableLookupLanes(x, hn::IndicesFromVec(d, lanes)), d, to);
  return static_cast<std::size_t>(std::popcount(bits));
#endif
}

std::size_t collect(const float* v, std::size_t n, float low, float high, float* out,
                    std::size_t* above) {
  const F d;
  const V bottom = hn::Set(d, low);
  const V top = hn::Set(d, high);
  const I di;
  std::size_t have = 0;
  auto over_all = hn::Zero(di);
  for (std::size_t i = 0; i < padded(n); i += kN) {
    const V x = hn::LoadU(d, v + i);
    const auto over = hn::Gt(x, top);
    const auto in = hn::AndNot(over, hn::Ge(x, bottom));
    over_all = hn::Sub(over_all, hn::VecFromMask(di, hn::RebindMask(di, over)));
    have += keep(x, in, out + have);
  }
  *above = static_cast<std::uint32_t>(hn::GetLane(hn::SumOfLanes(di, over_all)));
  return have;
}

std::size_t count_above(const float* v, std::size_t n, float t) {
  const F d;
  const I di;
  const V bound = hn::Set(d, t);
  auto over = hn::Zero(di);
  for (std::size_t i = 0; i < padded(n); i += kN)
    over =
        hn::Sub(over, hn::VecFromMask(di, hn::RebindMask(di, hn::Gt(hn::LoadU(d, v + i), bound))));
  return static_cast<std::uint32_t>(hn::GetLane(hn::SumOfLanes(di, over)));
}

void margins(const float* column, std::size_t tiles, const float* row_price, float less,
             float* out) {
  const F d;
  const V fixed = hn::Set(d, less);
  for (std::size_t b = 0; b < tiles; ++b) {
    for (std::size_t r = 0; r < kBlock; r += kN) {
      const V x = hn::LoadU(d, column + b * kTile + r);
      const V p = hn::LoadU(d, row_price + b * kBlock + r);
      hn::StoreU(hn::Sub(hn::Sub(x, p), fixed), d, out + b * kBlock + r);
    }
  }
}

// The sum over places is the tree of tree16(): places k to 15 would add zeros.
void softmax_rows(float* value, std::size_t k) {
  const F d;
  for (std::size_t r = 0; r < kBlock; r += kN) {
    V e[kLanes];
    V sum[kLanes];
    V top = hn::LoadU(d, value + r);
    for (std::size_t i = 1; i < k; ++i) top = hn::Max(top, hn::LoadU(d, value + i * kBlock + r));
    for (std::size_t i = 0; i < k; ++i) {
      e[i] = exp_below_of(hn::LoadU(d, value + i * kBlock + r), top, false);
      sum[i] = e[i];
    }
    for (std::size_t step = kLanes / 2; step > 0; step /= 2) {
      for (std::size_t i = 0; i < step && i + step < k; ++i)
        sum[i] = hn::Add(sum[i], sum[i + step]);
    }
    const V one = hn::Set(d, 1.0F);
    const V part = hn::Div(one, hn::IfThenElse(hn::Gt(sum[0], hn::Zero(d)), sum[0], one));
    for (std::size_t i = 0; i < k; ++i) hn::StoreU(hn::Mul(e[i], part), d, value + i * kBlock + r);
  }
}

void divide_rows(float* value, std::size_t k, float eps, bool clamp) {
  const F d;
  for (std::size_t r = 0; r < kBlock; r += kN) {
    V sum[kLanes];
    for (std::size_t i = 0; i < k; ++i) sum[i] = hn::LoadU(d, value + i * kBlock + r);
    for (std::size_t step = kLanes / 2; step > 0; step /= 2) {
      for (std::size_t i = 0; i < step && i + step < k; ++i)
        sum[i] = hn::Add(sum[i], sum[i + step]);
    }
    const V least = hn::Set(d, eps);
    // std::max(sum, eps): sum where it is no number.
    const V whole =
        clamp ? hn::IfThenElse(hn::Lt(sum[0], least), least, sum[0]) : hn::Add(sum[0], least);
    const auto none = hn::Eq(whole, hn::Zero(d));  // not Ne: a sum that is no number is not zero
    for (std::size_t i = 0; i < k; ++i) {
      const V x = hn::LoadU(d, value + i * kBlock + r);
      hn::StoreU(hn::IfThenZeroElse(none, hn::Div(x, whole)), d, value + i * kBlock + r);
    }
  }
}

// tournament_simd.cc
std::uint32_t topk_rows(const float* key, std::size_t stride, std::size_t rows, std::size_t n,
                        std::size_t k, std::int32_t* expert);
void kth_rows(const float* tile, std::size_t apart, std::size_t n, const float* price,
              std::size_t k, float* kth, float* next);
void transpose(const float* row, std::size_t stride, float* tile);

constexpr std::string_view kName = HWY_TARGET == HWY_AVX2   ? "avx2"
                                   : HWY_TARGET == HWY_AVX3 ? "avx512"
                                                            : "neon";
extern const Kernels kTable;
const Kernels kTable{kName,     load,         softmax,       sigmoid,    keys,    best_two,
                     topk,      collect,      count_above,   transpose,  margins, kth_rows,
                     topk_rows, softmax_rows, softmax_block, divide_rows};

}  // namespace swy::moe::detail::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace swy::moe::detail {

const Kernels* simd_kernels(std::string_view name) {
#if HWY_TARGETS & HWY_AVX3
  if (name == "avx512" && (hwy::SupportedTargets() & HWY_AVX3) != 0) return &N_AVX3::kTable;
#endif
#if HWY_TARGETS & HWY_NEON
  if (name == "neon") return &N_NEON::kTable;  // every 64-bit ARM has it
#endif
#if HWY_TARGETS & HWY_AVX2
  if (name == "avx2" && (hwy::SupportedTargets() & HWY_AVX2) != 0) return &N_AVX2::kTable;
#endif
  (void)name;
  return nullptr;
}

}  // namespace swy::moe::detail
#endif
