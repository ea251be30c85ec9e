// What a trace of routing decisions says about a model: specialisation, who is dropped, whether it
// can be cached, whether two runs agree.
//
// When to use: offline, on recorded choices (rows of experts per token, -1 for none). Do not mix
// prefill and decode tokens in one trace. Threading: pure. Ownership: the caller's memory, no
// allocation.
#pragma once

#include <cstdint>
#include <span>

#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

// OpenMoE: how far a token's identity decides its expert. counts = token ids x experts; the share
// of the choices that fell on their token id's most frequent expert. Chance: k / experts.
Checked<double> context_independence(Rows<const std::uint32_t> counts);

// OpenMoE: drops towards the end. `before` and `after` the cap; sequences begin at begin[s], the
// last entry is the number of tokens. Adds to demanded[b] and dropped[b], b = the position in its
// sequence as a share of the sequence, in as many equal buckets as the spans have.
Status drops_by_position(Rows<const std::int32_t> before, Rows<const std::int32_t> after,
                         std::span<const std::uint32_t> begin, std::span<std::uint64_t> demanded,
                         std::span<std::uint64_t> dropped);

// --- Local routing consistency (SRP, SCH).
// Adds to histogram[c] how often an expert was active c times in a window of consecutive tokens
// (every window, stride 1, every expert). Call for every layer, then segment_performance() once:
// averaging over experts gives other numbers. Wants: histogram of window + 1; count of experts;
// distinct experts in a row.
Status count_windows(Rows<const std::int32_t> chosen, std::size_t window,
                     std::span<std::uint32_t> count, std::span<std::uint64_t> histogram);
struct SegmentPerformance {
  double f1 = 0;  // SRP: of the best rule "active in the whole window iff c >= threshold"
  std::size_t threshold = 0;  // the lowest of equals
  double cache = 0;           // predictions / activations: the cache as a multiple of the active
};
Checked<SegmentPerformance> segment_performance(std::span<const std::uint64_t> histogram);

// SCH: hit rate of an oracle cache that holds, at every token, the `size` experts most used in the
// next `window` tokens including this one (ties: used last first, then never used, lower index).
// Wants: count and last of experts.
Checked<double> segment_cache_hits(Rows<const std::int32_t> chosen, std::size_t size,
                                   std::size_t window, std::span<std::uint32_t> count,
                                   std::span<std::int64_t> last);

enum class CachePolicy : std::uint8_t { kLru, kLfu, kBelady };
struct CacheMemory {
  std::span<std::int64_t> held;  // experts: when last used or how often, -1 = not in the cache
  std::span<std::int64_t> used;  // experts
  std::span<std::int64_t> next;  // choices (rows x cols); only for kBelady
};
// Hit rate of a real cache on the trace, filled as it goes.
Checked<double> cache_hits(Rows<const std::int32_t> chosen, std::size_t size, CachePolicy policy,
                           const CacheMemory& memory);

// Two runs over the same tokens.
struct RoutingAgreement {
  double jaccard = 0;  // mean over tokens of |both| / |either|
  double first = 0;    // share of tokens with the same first choice
  double churn = 0;    // share of a's choices that b does not make
};
Checked<RoutingAgreement> routing_agreement(Rows<const std::int32_t> a, Rows<const std::int32_t> b);

}  // namespace swy::moe
