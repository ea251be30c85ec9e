// The published figures of merit of routers, each as its source defines it, on plain numbers.
//
// When to use: by evaluate() and by tests that compare with published tables. Threading: pure
// functions, any thread. Ownership: nothing is kept. Which variant each is: docs/reference/eval.md.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace swy::eval {

struct CostQuality {
  double cost = 0;
  double quality = 0;
};

// ---- RouterArena (arXiv 2510.00202): S = (1 + b) A C / (b A + C) with b = 0.1 and
// C = (log2 200 - log2 c) / (log2 200 - log2 0.0044), c in USD for 1,000 questions, cut to 0..1.
double arena_score(double accuracy, double usd_per_thousand);

// ---- AutoMix (2310.12963): incremental benefit per cost over the small model.
double ibc(CostQuality m, CostQuality small);  // NaN at equal cost
// (IBC_M - IBC_L) / IBC_L with L = always the large model. As in its code, a mixer that costs what
// the small model does has none (NaN).
double ibc_lift(CostQuality m, CostQuality small, CostQuality large);

// ---- MMR-Bench: Pareto points by cost (strictly better quality for more cost).
std::vector<CostQuality> pareto(std::span<const CostQuality> points);
// Trapezoid area under them over their own range of cost; NaN for fewer than two.
double nauc(std::span<const CostQuality> pareto_points);
double peak_quality(std::span<const CostQuality> pareto_points);  // P_s
// Cost of the first with at least the best single model's quality, over that model's cost; infinity
// if none.
double qnc(std::span<const CostQuality> pareto_points, CostQuality best_single);

// ---- LLMRouterBench (2601.07206)
double relative_gain(double quality, double base);   // Gain@R, Gain@B: (A - base) / base
double relative_gap(double quality, double oracle);  // Gap@O: (oracle - A) / oracle
// Best relative gain over the best single model at any setting.
double perf_gain(std::span<const CostQuality> settings, double best_quality);
// 1 - least cost with at least the best single model's quality / its cost; NaN when never.
double cost_save(std::span<const CostQuality> settings, CostQuality best_single);
// Mean distance of a method's points to the joint Pareto front (to the nearest of its points, both
// axes scaled to the range of all points), and the share of its points on the front.
struct ParetoStanding {
  double distance = 0;
  double ratio = 0;
};
ParetoStanding pareto_standing(std::span<const CostQuality> mine, std::span<const CostQuality> all);

// ---- GraphRouter (2410.03834): a * performance - b * cost over the largest cost.
double reward(double performance, double normalised_cost, double a, double b);

// ---- distributions, rankings of scores
double entropy_bits(std::span<const double> shares);  // RouterEval's E_p; shares sum to 1

struct CalibrationBin {
  double believed = 0;  // mean of the bin
  double observed = 0;
  std::size_t count = 0;
};
struct Calibration {
  std::vector<CalibrationBin> bins;                         // of equal width, empty ones included
  std::size_t count = 0;                                    // pairs with a belief
  double ece = std::numeric_limits<double>::quiet_NaN();    // sum of share * |believed - observed|
  double brier = std::numeric_limits<double>::quiet_NaN();  // mean squared difference
};
// Believed and observed qualities, 0 to 1; a NaN belief is passed over.
Calibration calibrate(std::span<const float> believed, std::span<const float> observed,
                      std::size_t bins = 10);

// How well a score tells `in` from `out`: chance that one of `in` has the higher one, ties half.
// NaNs are passed over; NaN when nothing is left on a side.
double auroc_between(std::span<const double> in, std::span<const double> out);
// Share of `out` at or above the threshold that keeps 95 % of `in`.
double false_positives_at_95(std::span<const double> in, std::span<const double> out);

// p in percent of sorted-by-this-call values, linear between neighbours; NaN without values.
double percentile(std::vector<double> values, double p);

}  // namespace swy::eval
