// batch_choice: OmniRouter's problem (arXiv 2502.20576; request-routing.md 5.11): minimise total
// cost subject to a mean value and to loads per option, over a batch.
//
// Formula: relax the value by a price p: maximise sum v - p c under the loads. That is a transport
// problem with few bins (options) and many items (questions), solved exactly by inserting one
// question after another: a new question enters a bin and may push another one on, along the path
// of highest total gain to a bin with room. The gain of an edge a -> b is the best of
// w[j][b] - w[j][a] over the questions j in a (a heap for every pair of bins); the path comes from
// Bellman-Ford over the bins. Inserting along best paths keeps the assignment optimal, as in every
// successive-shortest-path method. The value is a non-decreasing step function of 1 / p; bisection
// finds the two solutions around the floor, and their mixture is the optimum of the linear
// relaxation. Without loads it is price_for_value(), question by question. Cost: O(n K^3) steps for
// the paths plus O(n K log n) for the heaps, times some 60 prices. Loses where questions arrive one
// by one: this needs the whole batch. Deviations: exact instead of dual ascent on the loads, and
// mixing at the gap. Test: batch_choice_test.cc (T4: 10, 29, 26, 21.4; against enumeration).
#include "math/batch_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>

namespace swy::math {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kGain =
    1e-12;  // of the largest worth; less is rounding, and paths must not circle

class Transport {
 public:
  Transport(std::vector<double> worth, std::size_t options, std::span<const std::size_t> capacity)
      : worth_(std::move(worth)),
        k_(options),
        room_(capacity.begin(), capacity.end()),
        bin_(worth_.size() / options, kNoOption),
        heaps_(options * options) {
    for (const double w : worth_) {
      if (std::isfinite(w)) least_gain_ = std::max(least_gain_, kGain * std::abs(w));
    }
  }

  // False: no room, or no option.
  bool insert(std::size_t item) {
    find_paths(item);
    std::size_t end = kNoOption;
    for (std::size_t b = 0; b < k_; ++b) {
      if (room_[b] == 0 || gain_[b] == -kInfinity) continue;
      if (end == kNoOption || gain_[b] > gain_[end]) end = b;
    }
    if (end == kNoOption) return false;
    --room_[end];
    std::size_t b = end;
    for (; from_[b] != kNoOption; b = from_[b]) {
      (void)best_move(from_[b], b);
      put(heap(from_[b], b).top().item, b);
    }
    put(item, b);
    return true;
  }
  [[nodiscard]] const std::vector<std::size_t>& bins() const { return bin_; }

 private:
  struct Move {
    double gain;
    std::size_t item;
    bool operator<(const Move& o) const {
      return gain != o.gain ? gain < o.gain : item > o.item;  // the top is the best, then the first
    }
  };
  using Heap = std::priority_queue<Move>;

  // gain_[b]: of the best path by which the item makes somebody enter b; from_: the bin before.
  void find_paths(std::size_t item) {
    from_.assign(k_, kNoOption);
    gain_.resize(k_);
    for (std::size_t b = 0; b < k_; ++b) gain_[b] = worth(item, b);
    bool changed = true;
    for (std::size_t round = 1; changed && round < k_; ++round) {
      changed = false;
      for (std::size_t a = 0; a < k_; ++a) changed = extend(a) || changed;
    }
  }
  // Paths that go on from bin a. False: none is better than what is known.
  bool extend(std::size_t a) {
    if (gain_[a] == -kInfinity) return false;
    bool changed = false;
    for (std::size_t b = 0; b < k_; ++b) {
      if (a == b || gain_[a] + best_move(a, b) <= gain_[b] + least_gain_) continue;
      gain_[b] = gain_[a] + best_move(a, b);
      from_[b] = a;
      changed = true;
    }
    return changed;
  }

  [[nodiscard]] double worth(std::size_t item, std::size_t b) const {
    return worth_[item * k_ + b];
  }
  Heap& heap(std::size_t a, std::size_t b) { return heaps_[a * k_ + b]; }
  // Forgets what is no longer in a; -infinity when nobody can go from a to b.
  double best_move(std::size_t a, std::size_t b) {
    Heap& h = heap(a, b);
    while (!h.empty() && bin_[h.top().item] != a) h.pop();
    return h.empty() ? -kInfinity : h.top().gain;
  }
  void put(std::size_t item, std::size_t b) {
    bin_[item] = b;
    for (std::size_t to = 0; to < k_; ++to) {
      if (to != b && worth(item, to) != -kInfinity)
        heap(b, to).push({worth(item, to) - worth(item, b), item});
    }
  }

  std::vector<double> worth_;  // item * k + bin; -infinity: not an option
  std::size_t k_;
  double least_gain_ = kGain;
  std::vector<std::size_t> room_;
  std::vector<std::size_t> bin_;
  std::vector<Heap> heaps_;
  std::vector<double> gain_;  // of one insertion, as is from_
  std::vector<std::size_t> from_;
};

double largest_price(const Options& o) {
  double value = 0;
  double step = kInfinity;
  for (std::size_t i = 0; i < o.questions(); ++i) {
    std::vector<double> cost;
    for (std::size_t m = 0; m < o.options; ++m) {
      const double c = o.cost[i * o.options + m];
      const double v = o.value[i * o.options + m];
      if (!std::isfinite(c) || !std::isfinite(v)) continue;
      value = std::max(value, std::abs(v));
      cost.push_back(c);
    }
    std::sort(cost.begin(), cost.end());
    for (std::size_t k = 1; k < cost.size(); ++k) {
      if (cost[k] > cost[k - 1]) step = std::min(step, cost[k] - cost[k - 1]);
    }
  }
  // With loads a chain of moves may gain K values for one step of cost.
  return std::isinf(step) ? 1 : 4 * static_cast<double>(o.options) * std::max(value, 1e-9) / step;
}

}  // namespace

std::optional<BatchChoice> choose_batch(const Options& o, double price,
                                        std::span<const std::size_t> capacity) {
  std::vector<double> worth(o.value.size(), -kInfinity);
  for (std::size_t k = 0; k < worth.size(); ++k) {
    if (!std::isfinite(o.value[k]) || !std::isfinite(o.cost[k])) continue;
    worth[k] = std::isinf(price) ? -o.cost[k] : o.value[k] - price * o.cost[k];
  }
  Transport transport(std::move(worth), o.options, capacity);
  for (std::size_t i = 0; i < o.questions(); ++i) {
    if (!transport.insert(i)) return std::nullopt;
  }
  BatchChoice choice{transport.bins(), 0, 0};
  const auto n = static_cast<double>(o.questions());
  for (std::size_t i = 0; i < o.questions(); ++i) {
    choice.value += o.value[i * o.options + choice.option[i]] / n;
    choice.cost += o.cost[i * o.options + choice.option[i]] / n;
  }
  return choice;
}

std::optional<BatchPlan> plan_batch(const Options& o, double floor,
                                    std::span<const std::size_t> capacity) {
  constexpr double kSame = 1e-12;
  auto cheap = choose_batch(o, largest_price(o), capacity);
  if (!cheap) return std::nullopt;
  BatchPlan plan;
  plan.cheap = std::move(*cheap);
  plan.dear = plan.cheap;
  if (plan.cheap.value >= floor - kSame) {
    plan.price = kInfinity;
    plan.mix = 0;
    return plan;
  }
  double low = 0;  // prices: of the dear and of the cheap side
  double high = largest_price(o);
  // Nearly 0, so that of equal values the cheaper is taken.
  plan.dear = *choose_batch(o, high * 1e-12, capacity);
  if (plan.dear.value < floor - kSame) {
    plan.reached = false;
    plan.cheap = plan.dear;
    return plan;
  }
  for (int step = 0; step < 60; ++step) {
    const double middle = low + (high - low) / 2;
    BatchChoice at = *choose_batch(o, middle, capacity);
    const bool enough = at.value >= floor - kSame;
    (enough ? plan.dear : plan.cheap) = std::move(at);
    (enough ? low : high) = middle;
  }
  plan.price = low + (high - low) / 2;
  const double gap = plan.dear.value - plan.cheap.value;
  plan.mix = gap > kSame ? std::clamp((floor - plan.cheap.value) / gap, 0.0, 1.0) : 1.0;
  return plan;
}

}  // namespace swy::math
