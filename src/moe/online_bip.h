// Prices for one token at a time (BIP, Algorithm 3): the balance of a batch without waiting for it.
//
// When to use: streams, where moe::update's kPrice would need the whole batch; one level up,
// requests that arrive one by one. Threading: pure on the caller's memory, one stream per state.
// Ownership: the caller's memory, no allocation.
#pragma once

#include <cstdint>
#include <span>

#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

// What the stream has seen. Before its first token: price and held of zeros.
struct OnlineBip {
  std::span<double> price;        // experts
  std::span<std::uint32_t> held;  // experts: margins kept
  std::span<double> margin;       // sum of (limit + 1): per expert its largest margins, a heap
  std::span<const std::uint32_t> limit;  // experts: tokens each takes of the whole stream
};

constexpr std::size_t online_bip_room(std::span<const std::uint32_t> limit) {
  std::size_t sum = 0;
  for (const std::uint32_t c : limit) sum += std::size_t{c} + 1;
  return sum;
}

// Chooses the k = chosen.size() largest of score - price at the prices so far (-1 where there are
// fewer), then moves the prices by `iterations` rounds over all margins seen. O(experts (k +
// iterations + log limit)). Scores that are not finite move no price. Wants: spans of experts,
// margin of online_bip_room().
Status online_bip(std::span<const double> score, std::uint32_t iterations, const OnlineBip& state,
                  std::span<std::int32_t> chosen);

}  // namespace swy::moe
