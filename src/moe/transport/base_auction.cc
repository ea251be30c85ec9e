// base_auction(): BASE layers' assignment, tokens / experts each (2103.16716, fairseq's C++).
// Every round each expert bids for the m tokens it values most: value - (m+1)-th value + eps. The
// highest bid takes a token (ties: the lower expert) and raises its cost; who won in the last round
// bids eps on what it holds and values it at the highest score of all (after `rounds` rounds: at
// its own score). Done when every token has a bid.
//
// Cost: rounds * (tokens * experts + selection). Loses: a held token gets dearer every round, so
// there is no bound on what is lost (mean .005, at most .03 a token on N(0,1) scores); needs whole
// batches and experts that divide them. In training the weight is sigmoid(score), and only through
// that does the router learn. Test: transport/auction_test.cc, with the published example.
#include <algorithm>
#include <cmath>

#include "moe/auction.h"

namespace swy::moe {
namespace {

struct Round {
  Rows<const double> score;
  BaseMemory memory;
  std::size_t each = 0;  // tokens per expert
  double low = 0;        // stands for scores that are not finite
  double eps = 0;
  double held = 0;        // what a held token is worth to its holder
  bool held_raw = false;  // its own score instead
  bool bid_eps = true;

  [[nodiscard]] double raw(std::size_t t, std::size_t e) const {
    const double s = score.at(t, e);
    return std::isfinite(s) ? s : low;
  }
  [[nodiscard]] bool holds(std::size_t t, std::size_t e) const {
    return memory.holder[t] == static_cast<std::int32_t>(e);
  }
  [[nodiscard]] double value(std::size_t t, std::size_t e) const {
    if (holds(t, e)) return held_raw ? raw(t, e) : held;
    return raw(t, e) - memory.cost[t];
  }
  void offer(std::size_t t, std::size_t e, double bid) const {
    const auto who = static_cast<std::int32_t>(e);
    if (bid > memory.bid[t] || (bid == memory.bid[t] && bid > 0 && who < memory.bidder[t])) {
      memory.bid[t] = bid;
      memory.bidder[t] = who;
    }
  }
  // The m dearest tokens of e into `taken`, and its bids for them.
  void bid(std::size_t e, bool keep_bids, std::span<std::uint32_t> taken) const {
    const auto order = memory.order.first(score.rows);
    for (std::uint32_t t = 0; t < order.size(); ++t) order[t] = t;
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(each) + 1,
                      order.end(), [&](std::uint32_t a, std::uint32_t b) {
                        const double va = value(a, e);
                        const double vb = value(b, e);
                        return va > vb || (va == vb && a < b);
                      });
    const double next = value(order[each], e);
    for (std::size_t i = 0; i < each; ++i) {
      taken[e * each + i] = order[i];
      if (keep_bids && holds(order[i], e)) continue;
      offer(order[i], e, value(order[i], e) - next + (bid_eps ? eps : 0));
    }
  }
};

bool is_partition(std::span<const std::uint32_t> taken, std::span<double> seen) {
  std::fill(seen.begin(), seen.end(), 0.0);
  for (const std::uint32_t t : taken) seen[t] += 1;
  return std::all_of(seen.begin(), seen.end(), [](double n) { return n == 1; });
}

// Who wins pays: costs rise and tokens change hands. Whether every token had a bid.
bool settle(const Round& round) {
  bool all = true;
  for (std::size_t t = 0; t < round.score.rows; ++t) {
    const bool has = round.memory.bid[t] > 0;
    all = all && has;
    round.memory.cost[t] += round.memory.bid[t];
    round.memory.holder[t] = has ? round.memory.bidder[t] : -1;
  }
  return all;
}

Round first_round(Rows<const double> score, const BaseOptions& options, const BaseMemory& memory) {
  Round round{.score = score, .memory = memory, .each = score.rows / score.cols};
  double high = -std::numeric_limits<double>::infinity();
  round.low = -high;
  for (std::size_t t = 0; t < score.rows; ++t)
    for (const double s : score.row(t))
      if (std::isfinite(s)) {
        high = std::max(high, s);
        round.low = std::min(round.low, s);
      }
  if (round.low > high) round.low = high = 0;
  round.eps = std::max((high - round.low) / options.eps_share, 1e-4);
  round.bid_eps = !options.without_eps;
  round.held = options.without_eps ? std::numeric_limits<double>::infinity() : high;
  std::fill_n(memory.cost.begin(), score.rows, 0.0);
  std::fill_n(memory.holder.begin(), score.rows, -1);
  return round;
}

}  // namespace

Status base_auction(Rows<const double> score, const BaseOptions& options, const BaseMemory& memory,
                    std::span<std::uint32_t> taken, BaseOutcome& outcome) {
  const std::size_t tokens = score.rows;
  Arguments args;
  args.that(score.cols > 0 && tokens % score.cols == 0, Code::kBadShape, "score")
      .table(score, "score");
  args.span(memory.cost.size(), tokens, "memory.cost")
      .span(memory.bid.size(), tokens, "memory.bid");
  args.span(memory.bidder.size(), tokens, "memory.bidder")
      .span(memory.holder.size(), tokens, "memory.holder");
  args.span(memory.order.size(), tokens, "memory.order").same(taken.size(), tokens, "taken");
  if (!args.ok()) return args.status();
  if (score.cols == 1 || tokens == 0) {
    for (std::uint32_t t = 0; t < tokens; ++t) taken[t] = t;
    outcome = {0, true};
    return {};
  }
  Round round = first_round(score, options, memory);
  // The published loop has no bound of its own; 50 times its patience is ours.
  for (std::uint32_t it = 0;; ++it) {
    const bool keep_bids = it > 0 && it < options.rounds;
    std::fill_n(memory.bid.begin(), tokens, 0.0);
    for (std::size_t e = 0; e < score.cols; ++e) round.bid(e, keep_bids, taken);
    for (std::size_t t = 0; keep_bids && t < tokens; ++t)
      if (memory.holder[t] >= 0)
        round.offer(t, static_cast<std::size_t>(memory.holder[t]), round.eps);
    const bool all = settle(round);
    const std::uint32_t done = it + (round.bid_eps && all ? 0U : 1U);
    if (all || it >= 50 * options.rounds) {
      outcome = {done, is_partition(taken, memory.bid.first(tokens))};
      return {};
    }
    round.held_raw = it >= options.rounds;
  }
}

}  // namespace swy::moe
