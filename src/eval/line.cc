// The lines that need no plug-in: what every router is compared with.
#include "eval/line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "eval/pick.h"

namespace swy::eval {
namespace {

Setting empty_setting(const Pool& pool, std::string knob) {
  Setting s;
  s.knob = std::move(knob);
  s.share.assign(pool.models(), 0.0);
  s.quality.reserve(pool.test.size());
  s.cost.reserve(pool.test.size());
  return s;
}

// One model for every question, by choose(row).
template <typename Choose>
Decided chosen(const Pool& pool, std::span<const std::size_t> rows, std::string knob,
               Choose&& choose) {
  Decided d = empty_decided(pool, std::move(knob), rows.size());
  d.probability.assign(rows.size() * pool.models(), 0.0F);
  for (std::size_t t = 0; t < rows.size(); ++t) {
    const std::size_t m = choose(rows[t]);
    d.setting.quality.push_back(static_cast<float>(pool.qualities(rows[t])[m]));
    d.setting.cost.push_back(static_cast<float>(pool.costs(rows[t])[m]));
    d.setting.share[m] += 1;
    d.probability[t * pool.models() + m] = 1;
  }
  finish_setting(d.setting);
  return d;
}

template <typename Choose>
Setting chosen_setting(const Pool& pool, std::string knob, Choose&& choose) {
  return chosen(pool, pool.test, std::move(knob), choose).setting;
}

// argmax of quality - price * cost; ties to the cheaper, then the first. Without costs: of quality.
std::size_t best_at_price(const Pool& pool, std::size_t row, double quality_weight, double price) {
  const auto q = pool.qualities(row);
  const auto c = pool.costs(row);
  const auto value = [&](std::size_t m) {
    return quality_weight * q[m] - (pool.priced ? price * c[m] : 0.0);
  };
  std::size_t best = 0;
  for (std::size_t m = 1; m < q.size(); ++m) {
    const double d = value(m) - value(best);
    if (d > 0 || (d == 0 && pool.priced && c[m] < c[best])) best = m;
  }
  return best;
}

}  // namespace

void add_routed(const Pool& pool, std::size_t t, const std::vector<double>& probability,
                Setting& out) {
  add_routed_row(pool, pool.test[t], probability, out);
}

Decided empty_decided(const Pool& pool, std::string knob, std::size_t questions) {
  Decided d{empty_setting(pool, std::move(knob)), {}};
  d.probability.reserve(questions * pool.models());
  return d;
}

void add_decided(const Pool& pool, std::size_t row, const std::vector<double>& probability,
                 Decided& out) {
  add_routed_row(pool, row, probability, out.setting);
  for (const double p : probability) out.probability.push_back(static_cast<float>(p));
}

void add_routed_row(const Pool& pool, std::size_t row, const std::vector<double>& probability,
                    Setting& out) {
  double quality = 0;
  double cost = 0;
  for (std::size_t m = 0; m < probability.size(); ++m) {
    if (probability[m] == 0) continue;
    quality += probability[m] * pool.qualities(row)[m];
    cost += probability[m] * pool.costs(row)[m];
    out.share[m] += probability[m];
  }
  out.quality.push_back(static_cast<float>(quality));
  out.cost.push_back(
      static_cast<float>(pool.priced ? cost : std::numeric_limits<double>::quiet_NaN()));
}

void finish_setting(Setting& s) {
  const auto n = static_cast<double>(s.quality.size());
  s.mean_quality = std::accumulate(s.quality.begin(), s.quality.end(), 0.0) / n;
  s.mean_cost = std::accumulate(s.cost.begin(), s.cost.end(), 0.0) / n;
  for (double& v : s.share) v /= n;
}

double train_mean(const Pool& pool, std::size_t model, const std::vector<double>& values) {
  double sum = 0;
  for (const std::size_t row : pool.train) sum += values[row * pool.models() + model];
  return sum / static_cast<double>(pool.train.size());
}

std::size_t best_single(const Pool& pool) {
  std::size_t best = 0;
  for (std::size_t m = 1; m < pool.models(); ++m) {
    const double d = train_mean(pool, m, pool.quality) - train_mean(pool, best, pool.quality);
    if (d > 0 || (d == 0 && train_mean(pool, m, pool.cost) < train_mean(pool, best, pool.cost)))
      best = m;
  }
  return best;
}

std::size_t cheapest_single(const Pool& pool) {
  std::size_t best = 0;
  for (std::size_t m = 1; m < pool.models(); ++m) {
    if (train_mean(pool, m, pool.cost) < train_mean(pool, best, pool.cost)) best = m;
  }
  return best;
}

std::vector<double> price_grid(const Pool& pool, std::size_t points) {
  if (!pool.prices.empty()) return pool.prices;
  double cheapest = std::numeric_limits<double>::infinity();
  double dearest = 0;
  for (std::size_t m = 0; m < pool.models(); ++m) {
    const double c = train_mean(pool, m, pool.cost);
    dearest = std::max(dearest, c);
    if (c > 0) cheapest = std::min(cheapest, c);
  }
  if (dearest == 0) return {};  // everything is free
  // At the low end the dearest model costs 0.003 of quality, less than any belief can tell apart;
  // at the high end the cheapest paid model costs three whole points.
  const double low = 0.003 / dearest;
  const double high = 3 / cheapest;
  std::vector<double> out;
  for (std::size_t i = 0; i < points; ++i) {
    const double f = points > 1 ? static_cast<double>(i) / static_cast<double>(points - 1) : 0.5;
    out.push_back(low * std::pow(high / low, f));
  }
  return out;
}

Line single_line(const Pool& pool, std::size_t model) {
  Line line{
      .name = pool.table.models()[model], .kind = Line::Kind::kSingle, .settings = {}, .notes = {}};
  line.decide_us = std::numeric_limits<double>::quiet_NaN();
  line.picked.push_back(only(chosen(pool, pool.test, "", [&](std::size_t) { return model; })));
  line.settings.push_back(line.picked[0].decided.setting);
  return line;
}

Line random_line(const Pool& pool) {
  Line line{.name = "random", .kind = Line::Kind::kRandom, .settings = {}, .notes = {}};
  const std::vector<double> uniform(pool.models(), 1.0 / static_cast<double>(pool.models()));
  Decided d = empty_decided(pool, "", pool.test.size());
  for (const std::size_t row : pool.test) add_decided(pool, row, uniform, d);
  finish_setting(d.setting);
  line.settings.push_back(d.setting);
  line.picked.push_back(only(std::move(d)));
  return line;
}

Line oracle_line(const Pool& pool, std::size_t points) {
  Line line{.name = "oracle", .kind = Line::Kind::kOracle, .settings = {}, .notes = {}};
  line.picked.push_back(only(chosen(pool, pool.test, "quality", [&](std::size_t row) {
    return best_at_price(pool, row, 1, 0);
  })));
  line.settings.push_back(line.picked[0].decided.setting);
  if (!pool.priced) return line;
  for (const double price : price_grid(pool, points)) {
    line.settings.push_back(
        chosen_setting(pool, fmt::format("cost={:.4g}", price),
                       [&](std::size_t row) { return best_at_price(pool, row, 1, price); }));
  }
  line.settings.push_back(chosen_setting(
      pool, "cost only", [&](std::size_t row) { return best_at_price(pool, row, 0, 1); }));
  return line;
}

std::optional<std::pair<std::size_t, std::size_t>> length_pair(const Pool& pool) {
  const std::size_t strong = best_single(pool);
  if (pool.models() == 2) return std::pair{strong, 1 - strong};
  if (!pool.priced) return std::nullopt;
  const std::size_t weak = cheapest_single(pool);
  return weak == strong ? std::nullopt : std::optional(std::pair{strong, weak});
}

Line length_line(const Pool& pool, std::size_t points) {
  Line line{.name = "length", .kind = Line::Kind::kRouter, .settings = {}, .notes = {}};
  const auto [strong, weak] = *length_pair(pool);
  const auto length = [&](std::size_t row) { return pool.table.row(row).prompt.size(); };
  // At least this long goes to the strong model; equal lengths go together.
  const auto at_bar = [&, s = strong, w = weak](std::span<const std::size_t> rows,
                                                std::size_t bar) {
    return chosen(pool, rows, fmt::format("bytes={}", bar),
                  [&](std::size_t row) { return length(row) >= bar ? s : w; });
  };
  const auto bars = [&](std::span<const std::size_t> rows) {
    std::vector<std::size_t> sorted;
    for (const std::size_t row : rows) sorted.push_back(length(row));
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < points; ++i) {
      const auto calls = static_cast<std::size_t>(
          std::lround(static_cast<double>(i * sorted.size()) / static_cast<double>(points - 1)));
      out.push_back(calls == 0 ? sorted.front() + 1 : sorted[calls - 1]);
    }
    return out;
  };
  for (const std::size_t bar : bars(pool.test))
    line.settings.push_back(at_bar(pool.test, bar).setting);
  if (pool.validation.empty()) return line;
  const std::vector<std::size_t> tried = bars(pool.validation);
  std::vector<Setting> settings;
  for (const std::size_t bar : tried) settings.push_back(at_bar(pool.validation, bar).setting);
  for (const Pick& p : pick(pool, settings)) {
    line.picked.push_back(
        mixed(pool, p, at_bar(pool.test, tried[p.low]), at_bar(pool.test, tried[p.high])));
  }
  return line;
}

}  // namespace swy::eval
