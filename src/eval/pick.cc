// Chooses on validation questions. Quality: argmax, of equals the cheapest. Budget: the mixture of
// two settings on the frontier that spends what the best single model does. Equal quality: the
// frontier's cheapest mixture of the best single model's quality; its best setting where it never
// gets there. Lift and arena score: argmax over the settings. A choice among n settings on v
// questions is optimistic there by about the noise of v, which is why nothing of the validation
// part is reported. Tests: pick_test.cc.
#include "eval/pick.h"

#include <fmt/format.h>

#include <cmath>

#include "eval/curve.h"
#include "eval/metrics.h"

namespace swy::eval {
namespace {

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

// The mixture that spends `budget`; the cheapest setting where none is that cheap.
Pick at_cost(std::span<const Vertex> hull, double budget, Picked::By by) {
  if (const auto mix = mix_at_cost(hull, budget)) return {by, mix->low, mix->high, mix->share};
  return {by, hull.front().point, hull.front().point, 0};
}

}  // namespace

std::vector<Pick> pick(const Pool& pool, std::span<const Setting> settings) {
  using By = Picked::By;
  std::vector<Pick> out;
  const auto add = [&](By by, auto&& worth) {
    const std::size_t i = argmax(settings, worth);
    out.push_back({by, i, i, 0});
  };
  add(By::kQuality, [](const Setting& s) { return s.mean_quality; });
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
  out.push_back(at_cost(hull, best_cost, By::kBudget));
  const double needed = cost_at_quality(hull, best_quality);
  out.push_back(at_cost(hull, std::isnan(needed) ? hull.back().cost : needed, By::kEqual));
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
