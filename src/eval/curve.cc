// Frontier: Andrew's monotone chain over the points in order of cost, upper side, cut at its top.
// Right because a mixture of two policies has the mixed cost and quality, so exactly the points
// under the hull are reachable (the linear-programming relaxation of request-routing.md 3.7). O(n
// log n). Loses nothing but this: a frontier of points picked on the same questions that it is read
// on is optimistic by the noise of the picking; intervals of fixed mixtures are not. Tests:
// curve_test.cc (fixture T4, section 3.7 and 3.10).
#include "eval/curve.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace swy::eval {
namespace {

constexpr double kNever = std::numeric_limits<double>::quiet_NaN();
constexpr int kShareSteps = 10;  // RouteLLM's grid of 11 points

// Above zero: b lies above the straight line from a to c.
double rise(const Vertex& a, const Vertex& b, const Vertex& c) {
  return (b.quality - a.quality) * (c.cost - a.cost) - (c.quality - a.quality) * (b.cost - a.cost);
}

double quality_at(std::span<const Vertex> hull, double cost) {
  const auto mix = mix_at_cost(hull, cost);
  return mix ? mix->quality : kNever;
}

double interpolate(const PairCurve& c, double share) {
  const auto it = std::lower_bound(c.share.begin(), c.share.end(), share);
  const auto hi = static_cast<std::size_t>(it - c.share.begin());
  if (hi == 0) return c.quality.front();
  if (hi == c.share.size()) return c.quality.back();
  const double f = (share - c.share[hi - 1]) / (c.share[hi] - c.share[hi - 1]);
  return c.quality[hi - 1] + f * (c.quality[hi] - c.quality[hi - 1]);
}

}  // namespace

std::vector<Vertex> frontier(std::span<const double> cost, std::span<const double> quality) {
  std::vector<Vertex> all;
  for (std::size_t i = 0; i < cost.size(); ++i) {
    if (!std::isnan(cost[i]) && !std::isnan(quality[i])) all.push_back({cost[i], quality[i], i});
  }
  std::sort(all.begin(), all.end(), [](const Vertex& a, const Vertex& b) {
    if (a.cost != b.cost) return a.cost < b.cost;
    return a.quality != b.quality ? a.quality > b.quality : a.point < b.point;
  });
  std::vector<Vertex> hull;
  for (const Vertex& v : all) {
    if (!hull.empty() && v.quality <= hull.back().quality) continue;
    while (hull.size() >= 2 && rise(hull[hull.size() - 2], hull.back(), v) <= 0) hull.pop_back();
    hull.push_back(v);
  }
  return hull;
}

std::optional<Mix> mix_at_cost(std::span<const Vertex> hull, double budget) {
  if (hull.empty() || budget < hull.front().cost) return std::nullopt;
  const auto above = std::upper_bound(hull.begin(), hull.end(), budget,
                                      [](double b, const Vertex& v) { return b < v.cost; });
  const Vertex& low = *(above - 1);
  if (above == hull.end()) return Mix{low.point, low.point, 0, low.quality, low.cost};
  const double share = (budget - low.cost) / (above->cost - low.cost);
  return Mix{low.point, above->point, share, low.quality + share * (above->quality - low.quality),
             budget};
}

double cost_at_quality(std::span<const Vertex> hull, double quality) {
  for (std::size_t i = 0; i < hull.size(); ++i) {
    if (hull[i].quality < quality) continue;
    if (i == 0) return hull[0].cost;
    const double f = (quality - hull[i - 1].quality) / (hull[i].quality - hull[i - 1].quality);
    return hull[i - 1].cost + f * (hull[i].cost - hull[i - 1].cost);
  }
  return kNever;
}

double mean_quality(std::span<const Vertex> hull, double low, double high) {
  std::vector<double> knots{low};
  for (const Vertex& v : hull) {
    if (v.cost > low && v.cost < high) knots.push_back(v.cost);
  }
  knots.push_back(high);
  double area = 0;
  for (std::size_t i = 1; i < knots.size(); ++i) {
    area += (knots[i] - knots[i - 1]) *
            (quality_at(hull, knots[i - 1]) + quality_at(hull, knots[i])) / 2;
  }
  return area / (high - low);
}

PairCurve pair_curve(std::span<const double> share, std::span<const double> quality, double weak,
                     double strong) {
  std::vector<std::size_t> order(share.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return share[a] != share[b] ? share[a] < share[b] : a < b;
  });
  PairCurve c{{0}, {weak}};
  for (const std::size_t i : order) {
    if (share[i] <= c.share.back() || share[i] >= 1) continue;
    c.share.push_back(share[i]);
    c.quality.push_back(quality[i]);
  }
  c.share.push_back(1);
  c.quality.push_back(strong);
  return c;
}

double apgr(const PairCurve& curve) {
  const double weak = curve.quality.front();
  const double gap = curve.quality.back() - weak;
  double area = 0;
  double before = 0;
  for (int i = 1; i <= kShareSteps; ++i) {
    const double pgr = (interpolate(curve, static_cast<double>(i) / kShareSteps) - weak) / gap;
    area += (before + pgr) / 2 / kShareSteps;
    before = pgr;
  }
  return area;
}

double call_share(const PairCurve& curve, double pgr) {
  const double wanted =
      curve.quality.front() + pgr * (curve.quality.back() - curve.quality.front());
  for (std::size_t i = 1; i < curve.share.size(); ++i) {
    if (curve.quality[i] < wanted) continue;
    const double f = (wanted - curve.quality[i - 1]) / (curve.quality[i] - curve.quality[i - 1]);
    return curve.share[i - 1] + f * (curve.share[i] - curve.share[i - 1]);
  }
  return kNever;
}

}  // namespace swy::eval
