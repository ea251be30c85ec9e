// online_bip(): the dual of "every token takes k experts, expert j at most C_j of the stream", one
// token at a time. With H_j the margins s_j - p of the tokens before and d = s - q:
//   choose the k largest d;  p = max(0, (k+1)-th largest d);
//   q_j = max(0, (C_j + 1)-th largest of H_j and s_j - p), 0 while there are not as many;
//   the last two `iterations` times, then s_j - p joins H_j.
// Only the C_j + 1 largest margins can matter, so H_j is a heap of them.
//
// Source: 2502.15451, Algorithm 3. Variant of: read second hand; the order statistics follow the
// specification's reference program. Cost: k + 1 passes and one heap step per expert and token.
// Loses: prices only rise while the stream is young, so early tokens crowd the favourites: on F2
// with 2 each it ends with loads 5 0 1; the batch form (Update::kPrice) balances.
// Test: transport/online_bip_test.cc.
#include "moe/online_bip.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace swy::moe {
namespace {

// One expert's largest margins; the smallest of them in front.
class Margins {
 public:
  Margins(std::span<double> heap, std::uint32_t& held) : heap_(heap), held_(held) {}

  // The place-th largest (place = heap size) of what is kept and x; 0 where there are not as many.
  [[nodiscard]] double last_with(double x) const {
    const std::size_t place = heap_.size();
    if (held_ + 1 < place) return 0;
    if (held_ < place) return held_ == 0 ? x : std::min(x, heap_[0]);
    if (x <= heap_[0]) return heap_[0];
    double next = x;
    for (std::size_t i = 1; i < std::min<std::size_t>(place, 3); ++i)
      next = std::min(next, heap_[i]);
    return next;
  }
  void add(double x) {
    if (held_ < heap_.size()) {
      heap_[held_++] = x;
      std::push_heap(heap_.begin(), heap_.begin() + held_, std::greater<>());
    } else if (x > heap_[0]) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      heap_.back() = x;
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
  }

 private:
  std::span<double> heap_;
  std::uint32_t& held_;
};

// score - price as a row.
struct Gains {
  std::span<const double> score, price;
  [[nodiscard]] std::size_t size() const { return score.size(); }
  double operator[](std::size_t j) const { return score[j] - price[j]; }
};

// max(0, the place-th largest); 0 where there are fewer.
double row_price(const Gains& gains, std::size_t place) {
  std::ptrdiff_t at = -1;
  for (std::size_t i = 0; i < place; ++i) {
    at = next_largest(gains, at);
    if (at < 0) return 0;
  }
  return std::max(0.0, gains[static_cast<std::size_t>(at)]);
}

Status check(std::size_t experts, const OnlineBip& state) {
  Arguments args;
  args.same(state.limit.size(), experts, "state.limit")
      .same(state.price.size(), experts, "state.price");
  args.same(state.held.size(), experts, "state.held");
  if (!args.ok()) return args.status();
  args.span(state.margin.size(), online_bip_room(state.limit), "state.margin");
  for (std::size_t j = 0; j < experts; ++j)
    args.that(state.held[j] <= std::uint64_t{state.limit[j]} + 1, Code::kBadShape, "state.held");
  return args.status();
}

}  // namespace

Status online_bip(std::span<const double> score, std::uint32_t iterations, const OnlineBip& state,
                  std::span<std::int32_t> chosen) {
  if (const Status s = check(score.size(), state); !s.ok()) return s;
  const Gains gains{score, state.price};
  largest(gains, chosen);
  const auto each_expert = [&](auto&& f) {
    std::size_t begin = 0;
    for (std::size_t j = 0; j < score.size(); ++j) {
      const std::size_t room = std::size_t{state.limit[j]} + 1;
      if (std::isfinite(score[j])) f(j, Margins(state.margin.subspan(begin, room), state.held[j]));
      begin += room;
    }
  };
  double p = row_price(gains, chosen.size() + 1);
  for (std::uint32_t i = 0; i < iterations; ++i) {
    if (i > 0) p = row_price(gains, chosen.size() + 1);
    each_expert([&](std::size_t j, const Margins& m) {
      state.price[j] = std::max(0.0, m.last_with(score[j] - p));
    });
  }
  each_expert([&](std::size_t j, Margins m) { m.add(score[j] - p); });
  return {};
}

}  // namespace swy::moe
