// How many experts a token gets: UniMoE-Audio's count and weights, DynaMoE's thresholds and
// schedules, DynMoLE's entropy rule, MAGNET's trigger.
//
// When to use: where a fixed k wastes work on easy tokens. Top-p and BlockFFN are moe::assign's.
// Threading: pure; RunningQuantile belongs to its caller. Ownership: the caller's memory, no
// allocation. Precision: double (rows.h).
#pragma once

#include <cstdint>
#include <span>

#include "moe/rows.h"

namespace swy::moe {

// UniMoE-Audio: 1 + the number of cumulative sums (largest first) below `mass`, at most all. Top-p
// stops where a sum exceeds the mass, this where it reaches it.
std::size_t reach_count(std::span<const double> p, double mass);

// UniMoE-Audio's weights in inference: SparseMixer picks, normalised, times the share that one
// softmax over [picked dynamic, shared] gives to the dynamic ones. dynamic[j] = 0 where not picked;
// shared experts are always on. A null expert is an index like any other with no output.
// Returns the number picked. REQUIRES: scratch of dynamic; chosen of at least the count.
struct UniMoeScores {
  std::span<const double> dynamic, shared;
};
struct UniMoeWeights {
  std::span<double> dynamic, shared;
};
std::size_t unimoe_weights(const UniMoeScores& logits, double mass, double eps,
                           std::span<double> scratch, std::span<std::int32_t> chosen,
                           const UniMoeWeights& out);

// --- DynaMoE.
// numpy's linear percentile. REQUIRES: v not empty, share in [0, 1]; reorders v.
double percentile(std::span<double> v, double share);
// The best of a row whose value is at least `threshold`: at least one, at most id.size(). The rest
// of id is -1. Returns how many.
std::size_t above_threshold(std::span<const double> v, double threshold,
                            std::span<std::int32_t> id);
// The share-quantile of a stream, by steps of +-rate: a threshold over history, which is what lets
// the count vary (a percentile within one token's own values is a fixed k).
struct RunningQuantile {
  double value = 0;
  double share = 0.5;
  double rate = 0.01;
  void see(double x) { value += x > value ? rate * share : -rate * (1 - share); }
};
enum class Schedule : std::uint8_t { kUniform, kDescending, kAscending, kPyramid, kValley, kWave };
// The most experts a token may get in a layer, between kmin and kmax.
std::uint32_t layer_limit(Schedule schedule, std::uint32_t layer, std::uint32_t layers,
                          std::uint32_t kmin, std::uint32_t kmax);

// --- DynMoLE: entropy above the limit: all experts with their probabilities; else the top-p prefix
// (at least k of them), renormalised. weight[j] = 0 where not used. Returns how many are.
struct DynMole {
  double q = 1.1;         // of Tsallis entropy
  double limit = 0.9;     // as a number; see `relative`
  bool relative = false;  // ... or as a share of the largest entropy over this many experts
  double mass = 0.75;
  std::size_t k = 1;
};
std::size_t dynmole_weights(std::span<const double> p, const DynMole& rule,
                            std::span<std::int32_t> scratch, std::span<double> weight);

// --- MAGNET: stage 1 spreads (maximise entropy_of_mean()), stage 2 specialises (minimise
// mean_entropy()). Stage 2 from the step at which the mean row's entropy over its maximum has been
// at least `cover` for `steps` steps in a row; never back.
struct Magnet {
  double cover = 0.9;
  std::uint32_t steps = 1;
  std::uint32_t seen = 0;
  bool specialise = false;
  // REQUIRES: two experts or more. Returns the stage: false spreads, true specialises.
  bool see(std::span<const double> mean_p);
};

}  // namespace swy::moe
