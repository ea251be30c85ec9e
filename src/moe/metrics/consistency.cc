// Local routing consistency (ljcleo/moe-lrc): can a model's experts be cached.
//   SRP: per window of m tokens and expert, c = activations; with "predict the whole window active
//     iff c >= t": M(t) = sum_{c >= t} c, P(t) = m #{c >= t}, A = sum c; F1 = 2 M / (P + A), best
//     t. Numbers are summed over experts and layers before one t is chosen.
//   SCH: hit rate of a cache that sees the next m tokens; LRU, LFU and Belady are the real and the
//     best policies on the same trace.
// Cost: SRP T E; SCH T (E size); caches T k E. Offline. Test: metrics/consistency_test.cc.
#include <algorithm>

#include "moe/routing_metrics.h"

namespace swy::moe {
namespace {

constexpr std::int64_t kAbsent = -1;

void bump(std::span<const std::int32_t> row, std::span<std::uint32_t> count, bool add) {
  for (const std::int32_t e : row) {
    if (e < 0) continue;
    std::uint32_t& c = count[static_cast<std::size_t>(e)];
    c = add ? c + 1 : c - 1;
  }
}

// How many experts the oracle prefers to e.
std::size_t preferred_to(std::size_t e, std::span<const std::uint32_t> count,
                         std::span<const std::int64_t> last) {
  std::size_t better = 0;
  for (std::size_t f = 0; f < count.size(); ++f) {
    if (count[f] != count[e]) {
      better += count[f] > count[e] ? 1U : 0U;
    } else if (last[f] != last[e]) {
      better += last[f] > last[e] ? 1U : 0U;
    } else {
      better += f < e ? 1U : 0U;
    }
  }
  return better;
}

// When each choice's expert is chosen next, counted in choices; a time beyond the trace for never.
void next_uses(Rows<const std::int32_t> chosen, std::span<std::int64_t> seen,
               std::span<std::int64_t> next) {
  const auto never = static_cast<std::int64_t>(chosen.rows * chosen.cols);
  std::fill(seen.begin(), seen.end(), never);
  for (std::size_t at = chosen.rows * chosen.cols; at-- > 0;) {
    const std::int32_t e = chosen.at(at / chosen.cols, at % chosen.cols);
    if (e < 0) continue;
    next[at] = seen[static_cast<std::size_t>(e)];
    seen[static_cast<std::size_t>(e)] = static_cast<std::int64_t>(at);
  }
}

}  // namespace

Status count_windows(Rows<const std::int32_t> chosen, std::size_t window,
                     std::span<std::uint32_t> count, std::span<std::uint64_t> histogram) {
  Arguments args;
  args.that(window > 0 && window < SIZE_MAX, Code::kBadShape, "window")
      .same(histogram.size(), window + 1, "histogram")
      .ids(chosen, count.size(), "chosen");
  if (!args.ok()) return args.status();
  std::fill(count.begin(), count.end(), 0U);
  for (std::size_t t = 0; t < chosen.rows; ++t) {
    bump(chosen.row(t), count, true);
    if (t >= window) bump(chosen.row(t - window), count, false);
    if (t + 1 < window) continue;
    // An expert twice in a row of choices is active once at most.
    for (const std::uint32_t c : count) ++histogram[std::min<std::size_t>(c, window)];
  }
  return {};
}

Checked<SegmentPerformance> segment_performance(std::span<const std::uint64_t> histogram) {
  const auto args = Arguments().span(histogram.size(), 2, "histogram");
  if (!args.ok()) return args.status();
  const auto window = static_cast<double>(histogram.size() - 1);
  double active = 0;
  for (std::size_t c = 1; c < histogram.size(); ++c)
    active += static_cast<double>(c) * static_cast<double>(histogram[c]);
  SegmentPerformance best;
  double matches = 0;
  double predictions = 0;
  for (std::size_t t = histogram.size() - 1; t > 0 && active > 0; --t) {
    matches += static_cast<double>(t) * static_cast<double>(histogram[t]);
    predictions += window * static_cast<double>(histogram[t]);
    const double f1 = 2 * matches / (predictions + active);
    if (f1 < best.f1) continue;
    best = {f1, t, predictions / active};
  }
  return best;
}

Checked<double> segment_cache_hits(Rows<const std::int32_t> chosen, std::size_t size,
                                   std::size_t window, std::span<std::uint32_t> count,
                                   std::span<std::int64_t> last) {
  Arguments args;
  args.that(window > 0, Code::kBadShape, "window")
      .same(last.size(), count.size(), "last")
      .ids(chosen, count.size(), "chosen");
  if (!args.ok()) return args.status();
  std::fill(count.begin(), count.end(), 0U);
  std::fill(last.begin(), last.end(), kAbsent);
  for (std::size_t t = 0; t < std::min(window, chosen.rows); ++t) bump(chosen.row(t), count, true);
  double hits = 0;
  double asked = 0;
  for (std::size_t t = 0; t < chosen.rows; ++t) {
    for (const std::int32_t e : chosen.row(t)) {
      if (e < 0) continue;
      asked += 1;
      hits += preferred_to(static_cast<std::size_t>(e), count, last) < size ? 1 : 0;
    }
    for (const std::int32_t e : chosen.row(t))
      if (e >= 0) last[static_cast<std::size_t>(e)] = static_cast<std::int64_t>(t);
    bump(chosen.row(t), count, false);
    if (t + window < chosen.rows) bump(chosen.row(t + window), count, true);
  }
  return asked > 0 ? hits / asked : 0;
}

Checked<double> cache_hits(Rows<const std::int32_t> chosen, std::size_t size, CachePolicy policy,
                           const CacheMemory& memory) {
  const auto held = memory.held;
  const auto used = memory.used;
  const bool belady = policy == CachePolicy::kBelady;
  Arguments args;
  args.same(used.size(), held.size(), "memory.used").ids(chosen, held.size(), "chosen");
  if (belady) args.span(memory.next.size(), chosen.rows * chosen.cols, "memory.next");
  if (!args.ok()) return args.status();
  if (belady) next_uses(chosen, used, memory.next);
  std::fill(held.begin(), held.end(), kAbsent);
  std::fill(used.begin(), used.end(), 0);
  std::size_t inside = 0;
  double hits = 0;
  double asked = 0;
  for (std::size_t at = 0; size > 0 && at < chosen.rows * chosen.cols; ++at) {
    const std::int32_t id = chosen.at(at / chosen.cols, at % chosen.cols);
    if (id < 0) continue;
    const auto e = static_cast<std::size_t>(id);
    asked += 1;
    if (held[e] != kAbsent) {
      hits += 1;
    } else if (inside < size) {
      ++inside;
    } else {
      // Leaves: the least rank; ranks grow with what is worth keeping. Ties: the lower index.
      std::size_t out = held.size();
      for (std::size_t f = 0; f < held.size(); ++f)
        if (held[f] != kAbsent && (out == held.size() || held[f] < held[out])) out = f;
      held[out] = kAbsent;
    }
    ++used[e];
    switch (policy) {
      case CachePolicy::kLru:
        held[e] = static_cast<std::int64_t>(at);
        break;
      case CachePolicy::kLfu:
        held[e] = used[e];
        break;
      case CachePolicy::kBelady:
        held[e] = static_cast<std::int64_t>(chosen.rows * chosen.cols) - memory.next[at];
        break;
    }
  }
  return asked > 0 ? hits / asked : 0;
}

}  // namespace swy::moe
