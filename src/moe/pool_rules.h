// Pools of experts shared between layers or sequences: ReXMoE, UniPool's scale,
// Union-of-Experts.
//
// When to use: models whose layers draw on one pool. Threading: pure. Ownership: the caller's
// memory, no allocation.
#pragma once

#include <cstdint>
#include <span>

#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

// --- ReXMoE: how many experts of a pool of `each` * layers are open at a training step: `each`
// until `begin`, all of them from `end`, linear (rounded down) between.
struct ProgressivePool {
  std::uint32_t each = 0, layers = 1;
  std::uint64_t begin = 10'000, end = 30'000;
};
std::uint32_t open_experts(const ProgressivePool& pool, std::uint64_t step);
// Bit e of `live` (64 a word) set where expert e is open to `layer`: its own first, then the
// neighbours' below and above in turn. Wants: live of each * layers bits.
Status open_mask(const ProgressivePool& pool, std::uint32_t layer, std::uint32_t open,
                 std::span<std::uint64_t> live);

// --- UniPool: the scale of Transform::kL2Relu (preset "unipool") that gives the k kept scores
// length 1 on average, by `draws` normal rows. Draws with no positive entry (2^-E of them) count
// nothing. Wants: scratch of `experts`.
Checked<double> norm_router_scale(std::size_t experts, std::size_t k, std::size_t draws,
                                  std::uint64_t seed, std::span<double> scratch);

// --- Union-of-Experts, data selection: each row keeps its k largest probabilities, divided by the
// column's sum over the batch and multiplied by `capacity`. Then every expert takes its best tokens
// (expert choice). out may be p's memory. Wants: scratch of 2 * experts.
Status union_gate(Rows<const double> p, std::size_t k, double capacity, std::span<double> scratch,
                  Rows<double> out);
}  // namespace swy::moe
