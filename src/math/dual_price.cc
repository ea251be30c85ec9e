// dual_price: one price that turns "at most so much on average" into a decision per question.
//
// Problem: choose one option m per question i to maximise sum v_im with sum c_im <= B (or minimise
// sum c_im with sum v_im >= A). Its linear relaxation has the Lagrangian sum max_m (v_im - p c_im)
// + p B, which separates: given the price p every question is decided alone. Only options on the
// upper concave hull of (cost, value) of a question are ever chosen; walking its edges from the
// cheapest option, edge after edge, by falling slope over all questions is the exact solution of
// the relaxation (the fractional multiple-choice knapsack), and the slope at which the budget runs
// out is the dual price. There the questions with an edge of just that slope tie; taking the dearer
// side with probability mix = (B - low)/(high - low) meets the budget in expectation
// (request-routing.md 3.7; the bound of moe-assignment.md section 1).
//
// Cost: O(n m log m) for the hulls and O(e log e) for e <= n (m - 1) edges. Loses against the
// integer optimum by at most one question's edge, and in expectation by nothing. Slopes that agree
// to 1e-9 relative are one group, and best_at() calls options equal within the rounding of that.
// Deviations: none. Tests: dual_price_test.cc (T4: breakpoints 1/19 and 1/3, .881579 at 5; 21.4 at
// .9).
#include "math/dual_price.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace swy::math {
namespace {

constexpr double kSame = 1e-9;  // relative; far above rounding, far below what a price can mean
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Edge {
  double slope = 0;  // value per cost, positive
  double cost = 0;   // of going along it, positive
  double value = 0;
};

bool usable(double value, double cost) { return std::isfinite(value) && std::isfinite(cost); }

// Option indices of the hull of one question, from the cheapest to the best. Empty: no option.
void hull_of(std::span<const double> value, std::span<const double> cost,
             std::vector<std::size_t>& hull) {
  std::vector<std::size_t> order;
  for (std::size_t m = 0; m < value.size(); ++m) {
    if (usable(value[m], cost[m])) order.push_back(m);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (cost[a] != cost[b]) return cost[a] < cost[b];
    return value[a] != value[b] ? value[a] > value[b] : a < b;
  });
  hull.clear();
  for (const std::size_t m : order) {
    if (!hull.empty() && value[m] <= value[hull.back()]) continue;
    while (hull.size() >= 2) {
      const std::size_t a = hull[hull.size() - 2];
      const std::size_t b = hull.back();
      if ((value[b] - value[a]) * (cost[m] - cost[a]) > (value[m] - value[a]) * (cost[b] - cost[a]))
        break;
      hull.pop_back();  // b lies on or below the line from a to m
    }
    hull.push_back(m);
  }
}

struct Walk {
  std::size_t questions = 0;
  double cost = 0;  // where it starts: the cheapest of every question
  double value = 0;
  std::vector<Edge> edges;  // by falling slope
};

Walk walk_of(const Options& o) {
  Walk w;
  std::vector<std::size_t> hull;
  for (std::size_t i = 0; i < o.questions(); ++i) {
    const auto value = o.value.subspan(i * o.options, o.options);
    const auto cost = o.cost.subspan(i * o.options, o.options);
    hull_of(value, cost, hull);
    if (hull.empty()) continue;
    ++w.questions;
    w.cost += cost[hull[0]];
    w.value += value[hull[0]];
    for (std::size_t k = 1; k < hull.size(); ++k) {
      const double c = cost[hull[k]] - cost[hull[k - 1]];
      const double v = value[hull[k]] - value[hull[k - 1]];
      w.edges.push_back({v / c, c, v});
    }
  }
  std::stable_sort(w.edges.begin(), w.edges.end(),
                   [](const Edge& a, const Edge& b) { return a.slope > b.slope; });
  return w;
}

// Walks until `left(cost, value)` is used up by a group of edges; need(edge) says how much of it an
// edge takes.
template <typename Take>
DualPrice walk(const Walk& w, double left, Take take) {
  const auto n = static_cast<double>(w.questions);
  double cost = w.cost;
  double value = w.value;
  for (std::size_t at = 0; at < w.edges.size();) {
    Edge group{w.edges[at].slope, 0, 0};
    std::size_t end = at;
    while (end < w.edges.size() && w.edges[end].slope >= group.slope * (1 - kSame)) {
      group.cost += w.edges[end].cost;
      group.value += w.edges[end].value;
      ++end;
    }
    const double whole = take(group);
    if (whole >= left) {
      DualPrice d;
      d.price = group.slope;
      d.mix = std::clamp(left / whole, 0.0, 1.0);
      d.low_cost = cost / n;
      d.high_cost = (cost + group.cost) / n;
      d.mean_cost = (cost + d.mix * group.cost) / n;
      d.mean_value = (value + d.mix * group.value) / n;
      return d;
    }
    left -= whole;
    cost += group.cost;
    value += group.value;
    at = end;
  }
  DualPrice d;
  d.bound = DualPrice::Bound::kLoose;
  d.low_cost = d.high_cost = d.mean_cost = cost / n;
  d.mean_value = value / n;
  return d;
}

DualPrice at_start(const Walk& w, DualPrice::Bound bound) {
  const auto n = static_cast<double>(w.questions);
  DualPrice d;
  d.bound = bound;
  d.price = kInfinity;
  d.mix = 0;
  d.low_cost = d.high_cost = d.mean_cost = w.cost / n;
  d.mean_value = w.value / n;
  return d;
}

}  // namespace

DualPrice price_for_budget(const Options& o, double budget) {
  const Walk w = walk_of(o);
  const double left = budget * static_cast<double>(w.questions) - w.cost;
  if (left < 0) return at_start(w, DualPrice::Bound::kInfeasible);
  return walk(w, left, [](const Edge& e) { return e.cost; });
}

DualPrice price_for_value(const Options& o, double floor) {
  const Walk w = walk_of(o);
  const double left = floor * static_cast<double>(w.questions) - w.value;
  if (left <= 0) return at_start(w, DualPrice::Bound::kLoose);
  // A mean of the best values, computed in another order, must not miss itself by rounding.
  DualPrice d =
      walk(w, left - kSame * std::abs(w.value + left), [](const Edge& e) { return e.value; });
  if (d.bound == DualPrice::Bound::kLoose) d.bound = DualPrice::Bound::kInfeasible;
  return d;
}

std::size_t best_at(std::span<const double> value, std::span<const double> cost, double price,
                    Side side) {
  const bool cheapest = std::isinf(price);
  const auto worth = [&](std::size_t m) {
    return cheapest ? -cost[m] : value[m] - price * cost[m];
  };
  double highest = -kInfinity;
  double size = 0;
  for (std::size_t m = 0; m < value.size(); ++m) {
    if (!usable(value[m], cost[m])) continue;
    highest = std::max(highest, worth(m));
    if (!cheapest) size = std::max(size, std::abs(value[m]) + std::abs(price * cost[m]));
  }
  const double bar = highest - kSame * size;
  std::size_t best = kNoOption;
  for (std::size_t m = 0; m < value.size(); ++m) {
    if (!usable(value[m], cost[m]) || worth(m) < bar) continue;
    if (best == kNoOption) {
      best = m;
      continue;
    }
    const bool cheaper = cost[m] < cost[best];
    const bool dearer = cost[m] > cost[best];
    const bool equal_better = cost[m] == cost[best] && value[m] > value[best];
    if ((side == Side::kCheaper ? cheaper : dearer) || equal_better) best = m;
  }
  return best;
}

// Every pair of one affordable and one unaffordable option spends the budget exactly; the best pair
// lies on the hull. By pairs, because that needs no memory.
bool best_mixture(std::span<const double> value, std::span<const double> cost, double budget,
                  std::span<double> p) {
  std::fill(p.begin(), p.end(), 0.0);
  const std::size_t cheapest = best_at(value, cost, kInfinity, Side::kCheaper);
  if (cost[cheapest] > budget) {
    p[cheapest] = 1;
    return false;
  }
  std::size_t low = cheapest;
  for (std::size_t m = 0; m < value.size(); ++m) {
    if (!usable(value[m], cost[m]) || cost[m] > budget) continue;
    if (value[m] > value[low] || (value[m] == value[low] && cost[m] < cost[low])) low = m;
  }
  double highest = value[low];
  std::size_t high = low;
  double share = 0;
  for (std::size_t b = 0; b < value.size(); ++b) {
    if (!usable(value[b], cost[b]) || cost[b] <= budget) continue;
    for (std::size_t a = 0; a < value.size(); ++a) {
      if (!usable(value[a], cost[a]) || cost[a] > budget) continue;
      const double part = (budget - cost[a]) / (cost[b] - cost[a]);
      const double mixed = value[a] + part * (value[b] - value[a]);
      if (mixed <= highest + kSame * std::abs(highest)) continue;
      highest = mixed;
      low = a;
      high = b;
      share = part;
    }
  }
  p[low] = 1 - share;
  if (high != low) p[high] = share;
  return true;
}

}  // namespace swy::math
