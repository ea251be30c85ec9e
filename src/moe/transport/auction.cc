// slot_auction(): every expert is limit[e] equal slots with prices of their own, all starting at 0.
// A waiting token takes the cheapest slot of the expert where score - price is highest and raises
// its price by (best - second best) + eps; whoever held the slot waits again. Every token then sits
// within eps of its best at the final prices (eps-complementary slackness), so the sum is at least
// the optimum - tokens * eps (Bertsekas 1988; slots as in "similar objects").
//
// Cost: bids * (experts + log slots); at most tokens * range / eps bids, far fewer with eps going
// down in steps. Loses: whole window needed (not causal); eps far below the range without scaling.
// Ours as a rule of this library; no gradient passes through it. Test: transport/auction_test.cc
// (optimum by dynamic programming), transport/exact_test.cc (linear programming).
#include "moe/auction.h"

#include <algorithm>
#include <cmath>

namespace swy::moe {
namespace {

constexpr std::uint32_t kNobody = UINT32_MAX;
constexpr double kInfinite = std::numeric_limits<double>::infinity();

bool dearer(const AuctionSlot& a, const AuctionSlot& b) {
  return a.price > b.price || (a.price == b.price && a.index > b.index);
}

struct Range {
  double low = 0, high = 0;
};

Range finite_range(Rows<const double> score) {
  Range r{kInfinite, -kInfinite};
  for (std::size_t t = 0; t < score.rows; ++t)
    for (const double s : score.row(t))
      if (std::isfinite(s)) r = {std::min(r.low, s), std::max(r.high, s)};
  return r.low > r.high ? Range{0, 0} : r;
}

class Auction {
 public:
  Auction(Rows<const double> score, const AuctionMemory& memory, std::span<std::uint32_t> owner,
          double low)
      : score_(score), memory_(memory), owner_(owner), low_(low) {}

  void open(std::span<const std::uint32_t> limit) {
    std::uint32_t at = 0;
    for (std::size_t e = 0; e < limit.size(); ++e) {
      memory_.slot_begin[e] = at;
      for (std::uint32_t i = 0; i < limit[e]; ++i) memory_.slots[at++] = {0, i, kNobody};
    }
    memory_.slot_begin[limit.size()] = at;
  }

  // Everybody waits again, at the prices there are. False: too many bids.
  bool run(double eps, std::uint64_t most_bids) {
    const auto tokens = static_cast<std::uint32_t>(score_.rows);
    for (AuctionSlot& s : memory_.slots) s.token = kNobody;
    for (std::uint32_t i = 0; i < tokens; ++i) memory_.waiting[i] = tokens - 1 - i;
    for (std::size_t n = tokens; n > 0;) {
      if (bids_ == most_bids) return false;
      const std::uint32_t displaced = bid(memory_.waiting[--n], eps);
      if (displaced != kNobody) memory_.waiting[n++] = displaced;
    }
    return true;
  }

  [[nodiscard]] double score(std::size_t t, std::size_t e) const {
    const double s = score_.at(t, e);
    return std::isfinite(s) ? s : low_;
  }
  [[nodiscard]] std::uint64_t bids() const { return bids_; }
  [[nodiscard]] std::span<AuctionSlot> slots_of(std::size_t e) const {
    return memory_.slots.subspan(memory_.slot_begin[e],
                                 memory_.slot_begin[e + 1] - memory_.slot_begin[e]);
  }

 private:
  std::uint32_t bid(std::uint32_t t, double eps) {
    double best = -kInfinite;
    double second = -kInfinite;
    std::size_t at = 0;
    for (std::size_t e = 0; e < score_.cols; ++e) {
      const auto slots = slots_of(e);
      if (slots.empty()) continue;
      const double gain = score(t, e) - slots[0].price;
      if (gain > best) {
        second = best;
        best = gain;
        at = e;
      } else {
        second = std::max(second, gain);
      }
    }
    const auto slots = slots_of(at);
    for (std::size_t i = 1; i < std::min<std::size_t>(slots.size(), 3); ++i)  // root's children
      second = std::max(second, score(t, at) - slots[i].price);
    if (second == -kInfinite) second = best;
    std::pop_heap(slots.begin(), slots.end(), dearer);
    const std::uint32_t displaced = slots.back().token;
    slots.back().price += best - second + eps;
    slots.back().token = t;
    std::push_heap(slots.begin(), slots.end(), dearer);
    owner_[t] = static_cast<std::uint32_t>(at);
    ++bids_;
    return displaced;
  }

  Rows<const double> score_;
  AuctionMemory memory_;
  std::span<std::uint32_t> owner_;
  double low_;
  std::uint64_t bids_ = 0;
};

}  // namespace

Status slot_auction(Rows<const double> score, std::span<const std::uint32_t> limit,
                    const AuctionOptions& options, const AuctionMemory& memory,
                    const AuctionResult& result) {
  std::uint64_t slots = 0;
  for (const std::uint32_t c : limit) slots += c;
  if (limit.size() != score.cols || slots < score.rows) return {Code::kBadShape, "limit"};
  if (const auto args = Arguments().table(score, "score"); !args.ok()) return args.status();
  if (memory.slots.size() < slots) return {Code::kTooShort, "memory.slots"};
  if (memory.slot_begin.size() <= score.cols) return {Code::kTooShort, "memory.slot_begin"};
  if (memory.waiting.size() < score.rows) return {Code::kTooShort, "memory.waiting"};
  if (result.owner.size() < score.rows) return {Code::kTooShort, "owner"};
  if (result.price.size() < score.cols) return {Code::kTooShort, "price"};
  const Range range = finite_range(score);
  const double most = std::max(std::fabs(range.low), std::fabs(range.high));
  AuctionMemory own = memory;
  own.slots = memory.slots.first(static_cast<std::size_t>(slots));
  AuctionOutcome& out = result.outcome;
  // Below 1e-9 of the scores a price could stop rising for lack of digits.
  out = {.eps = std::max({options.eps, 1e-9 * most, 1e-300})};
  Auction auction(score, own, result.owner, range.low);
  auction.open(limit);
  const bool scaled = options.scaled && slots == score.rows;
  double eps = scaled ? std::max(out.eps, (range.high - range.low) / 4) : out.eps;
  bool done = auction.run(eps, options.most_bids);
  while (done && eps > out.eps) {
    eps = std::max(out.eps, eps / 5);
    done = auction.run(eps, options.most_bids);
  }
  out.bids = auction.bids();
  if (!done) return {Code::kUnsupported, "most_bids"};
  for (std::size_t t = 0; t < score.rows; ++t) out.value += auction.score(t, result.owner[t]);
  for (std::size_t e = 0; e < score.cols; ++e)
    result.price[e] = limit[e] > 0 ? auction.slots_of(e)[0].price : kInfinite;
  return {};
}

}  // namespace swy::moe
