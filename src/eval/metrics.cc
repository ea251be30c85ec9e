// Formulas of routing-benchmarks.md 2 and request-routing.md 3.10, one function each; sources and
// variants stand in the header. All are O(n) or O(n log n). They lose what their sources lose: the
// arena score knows only two means, nAUC is over a router's own range of cost (a router that is
// never cheap has a high one), QNC steps from point to point, ParetoDist needs scaled axes (how is
// not published: here the range of all points). Tests: metrics_test.cc (every known answer of the
// specification; published rows of RouterArena and GraphRouter).
#include "eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/check.h"
#include "learn/figures.h"

namespace swy::eval {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
// RouterArena's constants, USD for 1,000 questions.
constexpr double kArenaDear = 200;
constexpr double kArenaCheap = 0.0044;
constexpr double kArenaBeta = 0.1;

}  // namespace

double arena_score(double accuracy, double usd_per_thousand) {
  if (std::isnan(accuracy) || std::isnan(usd_per_thousand)) return kNone;
  const double c = std::clamp(usd_per_thousand, kArenaCheap, kArenaDear);
  const double cheapness =
      (std::log2(kArenaDear) - std::log2(c)) / (std::log2(kArenaDear) - std::log2(kArenaCheap));
  const double below = kArenaBeta * accuracy + cheapness;
  return below > 0 ? (1 + kArenaBeta) * accuracy * cheapness / below : 0;
}

double ibc(CostQuality m, CostQuality small) {
  return m.cost == small.cost ? kNone : (m.quality - small.quality) / (m.cost - small.cost);
}

double ibc_lift(CostQuality m, CostQuality small, CostQuality large) {
  const double base = ibc(large, small);
  return base == 0 ? kNone : (ibc(m, small) - base) / base;
}

std::vector<CostQuality> pareto(std::span<const CostQuality> points) {
  std::vector<CostQuality> sorted;
  for (const CostQuality& p : points) {
    if (!std::isnan(p.cost) && !std::isnan(p.quality)) sorted.push_back(p);
  }
  std::sort(sorted.begin(), sorted.end(), [](const CostQuality& a, const CostQuality& b) {
    return a.cost != b.cost ? a.cost < b.cost : a.quality > b.quality;
  });
  std::vector<CostQuality> out;
  for (const CostQuality& p : sorted) {
    if (out.empty() || p.quality > out.back().quality) out.push_back(p);
  }
  return out;
}

double nauc(std::span<const CostQuality> p) {
  if (p.size() < 2) return kNone;
  double area = 0;
  for (std::size_t i = 1; i < p.size(); ++i)
    area += (p[i].cost - p[i - 1].cost) * (p[i].quality + p[i - 1].quality) / 2;
  return area / (p.back().cost - p.front().cost);
}

double peak_quality(std::span<const CostQuality> p) { return p.empty() ? kNone : p.back().quality; }

double qnc(std::span<const CostQuality> p, CostQuality best_single) {
  for (const CostQuality& point : p) {
    if (point.quality >= best_single.quality) return point.cost / best_single.cost;
  }
  return std::numeric_limits<double>::infinity();
}

double relative_gain(double quality, double base) {
  return base > 0 ? (quality - base) / base : kNone;
}

double relative_gap(double quality, double oracle) {
  return oracle > 0 ? (oracle - quality) / oracle : kNone;
}

double perf_gain(std::span<const CostQuality> settings, double best_quality) {
  double most = kNone;
  for (const CostQuality& s : settings) most = std::fmax(most, s.quality);
  return relative_gain(most, best_quality);
}

double cost_save(std::span<const CostQuality> settings, CostQuality best_single) {
  double least = kNone;
  for (const CostQuality& s : settings) {
    if (s.quality >= best_single.quality) least = std::fmin(least, s.cost);
  }
  return best_single.cost > 0 ? 1 - least / best_single.cost : kNone;
}

ParetoStanding pareto_standing(std::span<const CostQuality> mine,
                               std::span<const CostQuality> all) {
  const std::vector<CostQuality> front = pareto(all);
  if (front.empty() || mine.empty()) return {kNone, kNone};
  CostQuality low = all[0];
  CostQuality high = all[0];
  for (const CostQuality& p : all) {
    low = {std::min(low.cost, p.cost), std::min(low.quality, p.quality)};
    high = {std::max(high.cost, p.cost), std::max(high.quality, p.quality)};
  }
  const double cost = high.cost > low.cost ? high.cost - low.cost : 1;
  const double quality = high.quality > low.quality ? high.quality - low.quality : 1;
  double sum = 0;
  std::size_t on = 0;
  for (const CostQuality& p : mine) {
    double nearest = std::numeric_limits<double>::infinity();
    for (const CostQuality& f : front) {
      nearest = std::min(nearest,
                         std::hypot((p.cost - f.cost) / cost, (p.quality - f.quality) / quality));
    }
    sum += nearest;
    on += nearest == 0 ? 1U : 0U;
  }
  const auto n = static_cast<double>(mine.size());
  return {sum / n, static_cast<double>(on) / n};
}

double reward(double performance, double normalised_cost, double a, double b) {
  return a * performance - b * normalised_cost;
}

double entropy_bits(std::span<const double> shares) {
  double sum = 0;
  for (const double s : shares) sum -= s > 0 ? s * std::log2(s) : 0;
  return sum;
}

Calibration calibrate(std::span<const float> believed, std::span<const float> observed,
                      std::size_t bins) {
  SWY_ASSERT(believed.size() == observed.size() && bins > 0);
  Calibration out;
  out.bins.resize(bins);
  double squares = 0;
  for (std::size_t i = 0; i < believed.size(); ++i) {
    if (std::isnan(believed[i]) || std::isnan(observed[i])) continue;
    const double b = std::clamp(static_cast<double>(believed[i]), 0.0, 1.0);
    const auto o = static_cast<double>(observed[i]);
    CalibrationBin& bin =
        out.bins[std::min(bins - 1, static_cast<std::size_t>(b * static_cast<double>(bins)))];
    bin.believed += b;
    bin.observed += o;
    ++bin.count;
    ++out.count;
    squares += (b - o) * (b - o);
  }
  if (out.count == 0) return out;
  const auto n = static_cast<double>(out.count);
  out.ece = 0;
  out.brier = squares / n;
  for (CalibrationBin& bin : out.bins) {
    if (bin.count == 0) continue;
    out.ece += std::fabs(bin.believed - bin.observed) / n;
    bin.believed /= static_cast<double>(bin.count);
    bin.observed /= static_cast<double>(bin.count);
  }
  return out;
}

double auroc_between(std::span<const double> in, std::span<const double> out) {
  std::vector<float> score;
  std::vector<std::uint8_t> positive;
  std::size_t positives = 0;
  for (const bool is_in : {true, false}) {
    for (const double v : is_in ? in : out) {
      if (std::isnan(v)) continue;
      score.push_back(static_cast<float>(v));
      positive.push_back(is_in ? 1 : 0);
      positives += is_in ? 1U : 0U;
    }
  }
  if (positives == 0 || positives == score.size()) return kNone;
  return learn::auroc(score, positive);
}

double false_positives_at_95(std::span<const double> in, std::span<const double> out) {
  std::vector<double> kept;
  for (const double v : in) {
    if (!std::isnan(v)) kept.push_back(v);
  }
  if (kept.empty()) return kNone;
  std::sort(kept.begin(), kept.end());
  // The largest threshold that keeps at least 95 %.
  const double bar = kept[static_cast<std::size_t>(0.05 * static_cast<double>(kept.size()))];
  std::size_t above = 0;
  std::size_t n = 0;
  for (const double v : out) {
    if (std::isnan(v)) continue;
    ++n;
    above += v >= bar ? 1U : 0U;
  }
  return n > 0 ? static_cast<double>(above) / static_cast<double>(n) : kNone;
}

double percentile(std::vector<double> values, double p) {
  std::erase_if(values, [](double v) { return std::isnan(v); });
  if (values.empty()) return kNone;
  std::sort(values.begin(), values.end());
  const double x = p / 100 * static_cast<double>(values.size() - 1);
  const auto i = static_cast<std::size_t>(x);
  const double f = x - static_cast<double>(i);
  return i + 1 < values.size() ? values[i] + f * (values[i + 1] - values[i]) : values[i];
}

}  // namespace swy::eval
