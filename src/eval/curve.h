// Cost-quality curves: the frontier that a set of points reaches when they may be mixed, and the
// numbers read off it.
//
// When to use: by evaluate() and its bootstrap. Pure functions on spans, no state, any thread. All
// costs in one unit, whichever.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace swy::eval {

struct Vertex {
  double cost = 0;
  double quality = 0;
  std::size_t point = 0;  // which point it is
};

// The non-decreasing upper convex hull, cheapest first: what random mixtures of the points reach.
// Points with a NaN are passed over. REQUIRES: cost.size() == quality.size().
std::vector<Vertex> frontier(std::span<const double> cost, std::span<const double> quality);

// The mixture of two neighbouring vertices that spends `budget` in the mean: the dearer one with
// probability `share` (request-routing.md 3.7). Above the last vertex: the last one alone. nullopt
// below the first vertex.
struct Mix {
  std::size_t low = 0;  // points, not vertices
  std::size_t high = 0;
  double share = 0;  // of high
  double quality = 0;
  double cost = 0;
};
std::optional<Mix> mix_at_cost(std::span<const Vertex> hull, double budget);

// The least cost at which the frontier has this quality; NaN when it never does.
double cost_at_quality(std::span<const Vertex> hull, double quality);

// Area under the frontier between the two costs over their distance: its mean quality there. Beyond
// its last vertex the frontier goes on flat. REQUIRES: low < high, and the first vertex is not
// above low.
double mean_quality(std::span<const Vertex> hull, double low, double high);

// RouteLLM's numbers of a pair (arXiv 2406.18665): performance gap recovered over the share of
// strong calls, with linear interpolation between the points and the two single models at both
// ends.
struct PairCurve {
  std::vector<double> share;  // of strong calls, ascending, from 0 to 1
  std::vector<double> quality;
};
PairCurve pair_curve(std::span<const double> share, std::span<const double> quality, double weak,
                     double strong);
double apgr(const PairCurve& curve);  // trapezoid over 0, 10, ... 100 %
double call_share(const PairCurve& curve,
                  double pgr);  // CPT: least share with this PGR; NaN if none

}  // namespace swy::eval
