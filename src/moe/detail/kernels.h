// The hot pieces of one token's row, in versions chosen at start: avx512, avx2, scalar.
//
// When to use: through Job::kernels. "scalar" is the truth; the others give the same bits
// (kernels_test.cc). Threading: pure functions on the caller's memory. Ownership: static tables.
// Rows are padded to kLanes: logits and keys with -inf, scores with 0. What works on a block of
// rows is null in "scalar".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "moe/detail/number.h"
#include "switchyard/moe.h"

namespace swy::moe {

struct Kernels {
  std::string_view name;
  // One token's scores as floats, NaN replaced, padded. Returns the NaNs.
  std::uint64_t (*load)(const Scores& s, std::size_t token, float* logit);
  // p = exp(z - max) times 1 / sum, 0 where z is -inf; p may be z. max: the largest where that is
  // known, or null. Padded.
  void (*softmax)(const float* z, std::size_t n, const float* max, float* p);
  // 0 where z is -inf; s may be z. Padded.
  void (*sigmoid)(const float* z, std::size_t n, float* s);
  // key = score + adjust (null: score), NaN as the lowest finite; -inf where the logit is; key may
  // be logit. Padded.
  void (*keys)(const float* score, const float* logit, const float* adjust, std::size_t n,
               float* key);
  // The two largest of key[0, n); -inf where there are fewer. Not padded.
  void (*best_two)(const float* key, std::size_t n, float two[2]);
  // The k largest of key above -inf, best first, of equals the lower index; how many. index and
  // value: scratch of n, padded.
  std::size_t (*topk)(const float* key, std::size_t n, std::size_t k, std::int32_t* expert,
                      std::uint32_t* index, float* value);
  // The v in [low, high] into out (padded(n) + kLanes), how many; above: how many are > high. v is
  // padded with -inf, low is finite.
  std::size_t (*collect)(const float* v, std::size_t n, float low, float high, float* out,
                         std::size_t* above);
  // How many of v are > t. v is padded with -inf.
  std::size_t (*count_above)(const float* v, std::size_t n, float t);
  // tile[j * kBlock + r] = row[r * stride + j], kBlock by kBlock. Aligned to a cache line.
  void (*transpose)(const float* row, std::size_t stride, float* tile);
  // One column of `tiles` tiles in a row: out[i] = column - row_price[i] - less.
  void (*margins)(const float* column, std::size_t tiles, const float* row_price, float less,
                  float* out);
  // The k-th and the (k+1)-th largest score - price[j] over n experts in each row of a tile; the
  // next kBlock experts' tile of the same rows lies `apart` floats on. -inf: fewer. REQUIRES:
  // k <= kLanes. Null in "scalar".
  void (*kth_rows)(const float* tile, std::size_t apart, std::size_t n, const float* price,
                   std::size_t k, float* kth, float* next);
  // What topk() finds in each of up to detail::kBlock rows, `stride` apart: place i of row r is
  // expert[i * kBlock + r], -1 where there are fewer than k. Returns the rows (bit r) in which near
  // ties may stand in the wrong order; never those of keys whose lowest bits are 0, as many as it
  // takes to write n - 1. REQUIRES: k <= kLanes; key aligned to a cache line,
  // stride a multiple of kLanes.
  std::uint32_t (*topk_rows)(const float* key, std::size_t stride, std::size_t rows, std::size_t n,
                             std::size_t k, std::int32_t* expert);
  // softmax() of the k <= kLanes values of each of kBlock rows, laid out as above.
  void (*softmax_rows)(float* value, std::size_t k);
  // softmax() and, where key is not null, keys() of up to kBlock whole rows, `stride` apart in all.
  // adjust: padded; key may be z.
  void (*softmax_block)(const float* z, std::size_t stride, std::size_t rows, std::size_t n,
                        const float* adjust, float* p, float* key);
  // The k values of each of kBlock rows / their sum + eps, or max(sum, eps); 0 where that is 0.
  void (*divide_rows)(float* value, std::size_t k, float eps, bool clamp);
};

namespace detail {

constexpr std::size_t padded(std::size_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

inline constexpr std::size_t kBlock = kLanes;  // rows that one call of topk_rows takes
inline constexpr std::size_t kTile = kBlock * kBlock;
inline constexpr std::size_t kInsertion = 32;  // up to this k by insertion, beyond by heap

extern const Kernels kScalarKernels;
const Kernels* simd_kernels(std::string_view name);  // null: not compiled in, or not this CPU

std::uint64_t load_scalar(const Scores& s, std::size_t token, float* logit);
std::size_t topk_scalar(const float* key, std::size_t n, std::size_t k, std::int32_t* expert,
                        std::uint32_t* index, float* value);

// Heap order: the top is the largest key, of equals the lowest index.
struct Worse {
  const float* key;
  bool operator()(std::uint32_t a, std::uint32_t b) const {
    return key[a] < key[b] || (key[a] == key[b] && a > b);
  }
};
// The indices of keys above `bound` as a heap; returns how many.
std::size_t heap_of(const float* key, std::size_t n, float bound, std::uint32_t* index);
// REQUIRES: have > 0.
std::int32_t pop(const float* key, std::uint32_t* index, std::size_t& have);

}  // namespace detail
}  // namespace swy::moe
