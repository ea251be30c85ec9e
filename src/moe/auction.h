// Auctions: tokens and experts with hard limits, k = 1, the sum of scores (nearly) as large as it
// can be.
//
// When to use: slot_auction() for any whole limits and a bound on what is lost (windows of requests
// on models with free slots; the prices say what one more slot is worth); base_auction() for parity
// with BASE layers. Both look at the whole batch: not for autoregressive decoding.
// Threading: pure. Ownership: all memory is the caller's, nothing is allocated. Scores that are not
// finite count as the smallest finite one.
#pragma once

#include <cstdint>
#include <span>

#include "moe/checked.h"
#include "moe/rows.h"
#include "switchyard/moe.h"

namespace swy::moe {

struct AuctionSlot {
  double price = 0;
  std::uint32_t index = 0;  // inside its expert
  std::uint32_t token = 0;
};

struct AuctionMemory {
  std::span<AuctionSlot> slots;         // the sum of all limits
  std::span<std::uint32_t> slot_begin;  // experts + 1
  std::span<std::uint32_t> waiting;     // tokens
};

struct AuctionOptions {
  double eps = 1e-3;  // what a token may lose; raised to 1e-9 of the largest score
  // Coarse steps first (range / 4, then a fifth each, prices kept). Only where the limits sum to
  // the tokens: elsewhere a price left on an empty slot would break the bound.
  bool scaled = true;
  std::uint64_t most_bids = 100'000'000;  // kUnsupported "most_bids" beyond
};

struct AuctionOutcome {
  double value = 0;  // at least the optimum - tokens * eps
  double eps = 0;    // as used
  std::uint64_t bids = 0;
};

struct AuctionResult {
  std::span<std::uint32_t> owner;  // tokens: the expert of each
  std::span<double> price;         // experts: the lowest slot price; infinite without slots
  AuctionOutcome& outcome;
};

// kBadShape "limit": fewer slots than tokens.
Status slot_auction(Rows<const double> score, std::span<const std::uint32_t> limit,
                    const AuctionOptions& options, const AuctionMemory& memory,
                    const AuctionResult& result);

struct BaseOptions {
  std::uint32_t rounds = 100;  // afterwards winners hold what they have less firmly
  double eps_share = 50;       // eps = max((max - min) / eps_share, 1e-4)
  // The copy in BlockFFN's baseline: bids without eps, and infinity on what is held.
  bool without_eps = false;
};

struct BaseMemory {
  std::span<double> cost;          // tokens
  std::span<double> bid;           // tokens
  std::span<std::int32_t> bidder;  // tokens
  std::span<std::int32_t> holder;  // tokens
  std::span<std::uint32_t> order;  // tokens
};

struct BaseOutcome {
  std::uint32_t rounds = 0;
  bool partition = false;  // whether every token was taken exactly once
};

// taken[e * m ..] = the m = tokens / experts tokens of expert e, the dearest first.
// kBadShape "score" where the experts do not divide the tokens.
Status base_auction(Rows<const double> score, const BaseOptions& options, const BaseMemory& memory,
                    std::span<std::uint32_t> taken, BaseOutcome& outcome);

}  // namespace swy::moe
