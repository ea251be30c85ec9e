// Chooses on validation questions. Quality: the dearest setting within one paired standard error of
// the best one. Not the best one itself, because the best of many equals is best by luck, and of
// equals the dearer one asks stronger models, which is what remains right on traffic unlike the
// validation questions. (On ZeroEval without CRUX the argmax for `auto` was a price of 3.3 instead
// of 0, not better by more than noise, and lost 14 points on CRUX, where price 0 loses none.)
// Budget: that setting if the best single model's cost allows it, else the mixture of two settings
// on the frontier that spends as much. Equal quality: the cheapest mixture that is as good as the
// best single model with one paired standard error to spare (without that margin `auto` lost .6
// points of quality on the mean of ten test sets and up to 2; with it it gains .2, for 2.5 points
// more of the cost in the median and 38 on the smallest set); the nearest where none is. Lift and
// arena score: argmax over the settings. A choice among n settings on v questions is optimistic
// there by about the noise of v, which is why nothing of the validation part is reported. Tests:
// pick_test.cc.
#include "eval/pick.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/curve.h"
#include "eval/metrics.h"

namespace swy::eval {
namespace {

constexpr double kAsMuch = 1.02;  // of a budget: costs this close are one cost

double validation_mean(const Pool& pool, std::size_t model, const std::vector<double>& values) {
  double sum = 0;
  for (const std::size_t row : pool.validation) sum += values[row * pool.models() + model];
  return sum / static_cast<double>(pool.validation.size());
}

// The setting of highest worth; NaN is nothing; of equals the cheaper, then the first.
template <typename Worth>
std::size_t argmax(std::span<const Setting> settings, Worth&& worth) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < settings.size(); ++i) {
    const double a = worth(settings[i]);
    const double b = worth(settings[best]);
    if (std::isnan(a)) continue;
    if (std::isnan(b) || a > b || (a == b && settings[i].mean_cost < settings[best].mean_cost))
      best = i;
  }
  return best;
}

// Standard error of the mean difference between two qualities of the same questions; 0 where they
// are not known question by question.
double paired_error(std::span<const float> a, std::span<const float> b) {
  const std::size_t n = a.size();
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d;
    squares += d * d;
  }
  if (n < 2) return 0;
  const double mean = sum / static_cast<double>(n);
  return std::sqrt(std::max(0.0, squares / static_cast<double>(n) - mean * mean) /
                   static_cast<double>(n));
}

// The dearest setting that is not worse than the best by more than its error. Settings that never
// differ from the best are no better for being dearer.
std::size_t safest(std::span<const Setting> settings) {
  const std::size_t best = argmax(settings, [](const Setting& s) { return s.mean_quality; });
  std::size_t out = best;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const double error = paired_error(settings[best].quality, settings[i].quality);
    const double behind = settings[best].mean_quality - settings[i].mean_quality;
    if (error > 0 && behind <= error && settings[i].mean_cost > settings[out].mean_cost) out = i;
  }
  return out;
}

// The mixture that spends `budget`; the cheapest setting where none is that cheap.
Pick at_cost(std::span<const Vertex> hull, double budget, Picked::By by) {
  if (const auto mix = mix_at_cost(hull, budget)) return {by, mix->low, mix->high, mix->share};
  return {by, hull.front().point, hull.front().point, 0};
}

// The cheapest mixture that has the quality of model `best` with its error to spare; where none
// has, the one that comes nearest.
Pick as_good(const Pool& pool, std::size_t best, std::span<const Setting> settings,
             std::span<const double> cost) {
  std::vector<float> wanted;
  for (const std::size_t row : pool.validation)
    wanted.push_back(static_cast<float>(pool.qualities(row)[best]));
  std::vector<double> sure;
  for (const Setting& s : settings)
    sure.push_back(s.mean_quality - paired_error(s.quality, wanted));
  const std::vector<Vertex> hull = frontier(cost, sure);
  const double needed = cost_at_quality(hull, validation_mean(pool, best, pool.quality));
  return at_cost(hull, std::isnan(needed) ? hull.back().cost : needed, Picked::By::kEqual);
}

}  // namespace

std::vector<Pick> pick(const Pool& pool, std::span<const Setting> settings) {
  using By = Picked::By;
  std::vector<Pick> out;
  const auto add = [&](By by, auto&& worth) {
    const std::size_t i = argmax(settings, worth);
    out.push_back({by, i, i, 0});
  };
  const std::size_t quality_pick = safest(settings);
  out.push_back({By::kQuality, quality_pick, quality_pick, 0});
  if (!pool.priced) return out;
  const std::size_t best = best_single(pool);
  const double best_quality = validation_mean(pool, best, pool.quality);
  const double best_cost = validation_mean(pool, best, pool.cost);
  std::vector<double> cost;
  std::vector<double> quality;
  for (const Setting& s : settings) {
    cost.push_back(s.mean_cost);
    quality.push_back(s.mean_quality);
  }
  const std::vector<Vertex> hull = frontier(cost, quality);
  if (settings[quality_pick].mean_cost <= kAsMuch * best_cost) {
    out.push_back({By::kBudget, quality_pick, quality_pick, 0});
  } else {
    out.push_back(at_cost(hull, best_cost, By::kBudget));
  }
  out.push_back(as_good(pool, best, settings, cost));
  const std::size_t small = cheapest_single(pool);
  if (small != best) {
    const CostQuality base{validation_mean(pool, small, pool.cost),
                           validation_mean(pool, small, pool.quality)};
    add(By::kLift, [&](const Setting& s) {
      return ibc_lift({s.mean_cost, s.mean_quality}, base, {best_cost, best_quality});
    });
  }
  add(By::kArena, [](const Setting& s) { return arena_score(s.mean_quality, 1000 * s.mean_cost); });
  return out;
}

Picked mixed(const Pool& pool, const Pick& pick, const Decided& low, const Decided& high) {
  Picked out{pick.by, low.setting.knob, low};
  if (pick.low == pick.high || pick.share == 0) return out;
  out.knob = fmt::format("{:.3g} of {} + {:.3g} of {}", 1 - pick.share, low.setting.knob,
                         pick.share, high.setting.knob);
  Decided& d = out.decided;
  d.setting.knob = out.knob;
  const auto blend = [&](auto& into, const auto& other) {
    using Number = std::remove_reference_t<decltype(into[0])>;
    for (std::size_t i = 0; i < into.size(); ++i) {
      into[i] = static_cast<Number>((1 - pick.share) * static_cast<double>(into[i]) +
                                    pick.share * static_cast<double>(other[i]));
    }
  };
  blend(d.setting.quality, high.setting.quality);
  if (pool.priced) blend(d.setting.cost, high.setting.cost);
  blend(d.probability, high.probability);
  for (std::size_t m = 0; m < d.setting.share.size(); ++m) {  // are shares already
    d.setting.share[m] =
        (1 - pick.share) * low.setting.share[m] + pick.share * high.setting.share[m];
  }
  const std::vector<double> share = d.setting.share;
  finish_setting(d.setting);
  d.setting.share = share;
  return out;
}

Picked only(Decided decided) {
  std::string knob = decided.setting.knob;
  return {Picked::By::kOnly, std::move(knob), std::move(decided)};
}

}  // namespace swy::eval
