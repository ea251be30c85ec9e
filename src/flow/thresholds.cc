// Search: every stage in turn gets the best threshold given the others, which one scan over its
// sorted scores finds exactly, until nothing improves; from a grid of quantiles for the other
// stages. With two stages this is exact. With three or more it is FrugalGPT's grid (arXiv
// 2305.05176, 40 points a stage in quantile space) with exact polish in place of Nelder-Mead: a
// local optimum in each single threshold, the best of all starts. Between two distinct scores the
// middle is taken. Cost: starts x sweeps x stages x n log n.
// Deviation from the released code: its last stage can reject (a score of exactly 0 inside the
// optimiser, never at run time); here the last stage always answers. Quality at `keep` is held by a
// paired standard error, so that the search does not end on the lucky side of the training rows.
// Tests: thresholds_test.cc.
#include "flow/thresholds.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swy::flow {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kAlways = -std::numeric_limits<double>::infinity();

// Sums over questions of what a setting gives; enough for the goal.
struct Sums {
  double quality = 0;
  double cost = 0;
  double margin = 0;  // quality - keep * reference
  double margin2 = 0;

  void add(double q, double c, double m, double sign) {
    quality += sign * q;
    cost += sign * c;
    margin += sign * m;
    margin2 += sign * m * m;
  }
};

class Search {
 public:
  Search(const Stages& stages, const Goal& goal)
      : s_(stages), goal_(goal), n_(stages.quality[0].size()), stages_(stages.quality.size()) {
    for (const auto& score : s_.score) {
      std::vector<std::size_t> order(n_);
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::stable_sort(order.begin(), order.end(),
                       [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
      order_.push_back(std::move(order));
    }
  }

  // What matters of a setting: how far it is from meeting the goal (0: met), then its worth.
  struct Value {
    double short_by = 0;
    double worth = 0;
    double tie = 0;
    [[nodiscard]] bool better(const Value& o) const {
      constexpr double kEqual = 1e-12;
      if (std::fabs(short_by - o.short_by) > kEqual) return short_by < o.short_by;
      if (std::fabs(worth - o.worth) > kEqual * std::fabs(worth)) return worth > o.worth;
      return tie > o.tie + kEqual * std::fabs(tie);
    }
  };

  [[nodiscard]] Value value(const Sums& sums) const {
    const auto n = static_cast<double>(n_);
    const double quality = sums.quality / n;
    const double cost = sums.cost / n;
    if (!std::isnan(goal_.budget))
      return {std::max(0.0, cost - goal_.budget * (1 + 1e-12)), quality, -cost};
    const double margin = sums.margin / n;
    const double variance = std::max(0.0, sums.margin2 / n - margin * margin);
    const double low = margin - goal_.sure * std::sqrt(variance / n);
    return {std::max(0.0, -low - 1e-12), -cost, quality};
  }

  [[nodiscard]] double margin(std::size_t stage, std::size_t i) const {
    if (std::isnan(goal_.keep)) return 0;
    return s_.quality[stage][i] - goal_.keep * goal_.reference[i];
  }

  // The stage at which question i stops, from `first` on.
  [[nodiscard]] std::size_t stop(const std::vector<double>& t, std::size_t i,
                                 std::size_t first = 0) const {
    std::size_t stage = first;
    while (stage + 1 < stages_ && !(s_.score[stage][i] > t[stage])) ++stage;
    return stage;
  }

  [[nodiscard]] Sums sums(const std::vector<double>& t) const {
    Sums out;
    for (std::size_t i = 0; i < n_; ++i) put(out, stop(t, i), i, 1);
    return out;
  }

  // The best threshold of one stage, the others as they are. True: it improved.
  bool improve(std::vector<double>& t, std::size_t stage, Value& best) const {
    std::vector<double> trial = t;
    trial[stage] = kNever;
    Sums at = sums(trial);
    double found = t[stage];
    bool better = false;
    const auto consider = [&](double threshold) {
      const Value v = value(at);
      if (!v.better(best)) return;
      best = v;
      found = threshold;
      better = true;
    };
    consider(kNever);
    const auto& order = order_[stage];
    const auto& score = s_.score[stage];
    for (std::size_t k = 0; k < n_; ++k) {
      const std::size_t i = order[k];
      const std::size_t without = stop(trial, i);
      if (without > stage) {  // it gets there, and would stop now
        put(at, without, i, -1);
        put(at, stage, i, 1);
      }
      const double next = k + 1 < n_ ? score[order[k + 1]] : kAlways;
      if (next < score[i]) consider(next == kAlways ? kAlways : (score[i] + next) / 2);
    }
    t[stage] = found;
    return better;
  }

  [[nodiscard]] Searched polish(std::vector<double> t, Value& out) const {
    out = value(sums(t));
    for (int sweep = 0; sweep < 20; ++sweep) {
      bool any = false;
      for (std::size_t stage = 0; stage + 1 < stages_; ++stage) any |= improve(t, stage, out);
      if (!any) break;
    }
    const Sums at = sums(t);
    const auto n = static_cast<double>(n_);
    return {std::move(t), at.quality / n, at.cost / n, out.short_by, out.short_by <= 0};
  }

  // Thresholds that let each quantile through, for the starts.
  [[nodiscard]] double quantile(std::size_t stage, double share) const {
    const auto k = static_cast<std::size_t>(share * static_cast<double>(n_));
    return k >= n_ ? kAlways : s_.score[stage][order_[stage][k]];
  }

 private:
  void put(Sums& to, std::size_t stage, std::size_t i, double sign) const {
    to.add(s_.quality[stage][i], s_.cost[stage][i], margin(stage, i), sign);
  }

  const Stages& s_;
  const Goal& goal_;
  std::size_t n_;
  std::size_t stages_;
  std::vector<std::vector<std::size_t>> order_;
};

}  // namespace

Searched try_thresholds(const Stages& stages, const std::vector<double>& threshold,
                        const Goal& goal) {
  const Search search(stages, goal);
  const Sums at = search.sums(threshold);
  const auto n = static_cast<double>(stages.quality[0].size());
  const double short_by = search.value(at).short_by;
  return {threshold, at.quality / n, at.cost / n, short_by, short_by <= 0};
}

bool better(const Searched& a, const Searched& b, const Goal& goal) {
  if (a.short_by != b.short_by) return a.short_by < b.short_by;
  if (std::isnan(goal.budget))
    return a.cost < b.cost || (a.cost == b.cost && a.quality > b.quality);
  return a.quality > b.quality || (a.quality == b.quality && a.cost < b.cost);
}

Searched search_thresholds(const Stages& stages, const Goal& goal) {
  const Search search(stages, goal);
  const std::size_t free = stages.quality.size() - 1;
  if (free == 0) return try_thresholds(stages, {}, goal);
  // Starts: all on a grid where that is affordable, else along its diagonal.
  const std::size_t grid = free == 1 ? 1 : free == 2 ? 10 : 4;
  std::size_t starts = 1;
  for (std::size_t i = 0; i < std::min<std::size_t>(free, 4); ++i) starts *= grid;
  Searched best;
  Search::Value best_value{kNever, 0, 0};
  for (std::size_t k = 0; k < starts; ++k) {
    std::vector<double> t(free, kNever);
    std::size_t rest = k;
    for (std::size_t stage = 0; stage < free; ++stage) {
      t[stage] =
          search.quantile(stage, static_cast<double>(rest % grid) / static_cast<double>(grid));
      rest /= grid;
    }
    Search::Value value;
    Searched found = search.polish(std::move(t), value);
    if (k > 0 && !value.better(best_value)) continue;
    best = std::move(found);
    best_value = value;
  }
  return best;
}

}  // namespace swy::flow
