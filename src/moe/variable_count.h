// How many experts a token gets: UniMoE-Audio's count and weights, DynaMoE's thresholds and
// schedules, DynMoLE's entropy rule, MAGNET's trigger.
//
// When to use: where a fixed k wastes work on easy tokens. Top-p and BlockFFN are moe::assign's.
// Threading: pure; RunningQuantile belongs to its caller. Ownership: the caller's memory, no
// allocation. Precision: double (rows.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "moe/checked.h"
#include "moe/rows.h"

namespace swy::moe {

// UniMoE-Audio's weights in inference: SparseMixer picks, normalised, times the share that one
// softmax over [picked dynamic, shared] gives to the dynamic ones. dynamic[j] = 0 where not picked;
// shared experts are always on. Picks: 1 + the number of cumulative sums of softmax, largest first,
// below `mass` (Spec::past_top_p = false is the same count). A null expert is an index like any
// other with no output. Returns the number picked. Wants: scratch of dynamic; chosen of at least
// the count.
struct UniMoeScores {
  std::span<const double> dynamic, shared;
};
struct UniMoeWeights {
  std::span<double> dynamic, shared;
};
Checked<std::size_t> unimoe_weights(const UniMoeScores& logits, double mass, double eps,
                                    std::span<double> scratch, std::span<std::int32_t> chosen,
                                    const UniMoeWeights& out);

// The same for a batch with limits, in three steps. (1) A token's picks, normalised.
Checked<std::size_t> unimoe_pick(std::span<const double> dynamic, double mass, double eps,
                                 std::span<double> scratch, std::span<std::int32_t> chosen,
                                 std::span<double> weight);
// (2) Every expert keeps the `capacity` takers (weight > 0) of largest rank (the probabilities or
// the logits, of equals the earlier token) or, with an absent rank, the first. The others' weights
// become 0; what a token has left is divided by its sum + 1e-6. Returns how many were dropped.
// Wants: scratch of tokens.
constexpr std::size_t unimoe_capacity(std::size_t tokens, std::size_t experts, double factor,
                                      std::size_t least = 8) {
  if (experts == 0) return least;
  const double each = factor * static_cast<double>(tokens) / static_cast<double>(experts);
  const auto whole = static_cast<std::size_t>(each);
  return std::max(least, whole + (static_cast<double>(whole) < each ? 1 : 0));
}
Checked<std::size_t> unimoe_drop(Rows<double> weight, Rows<const double> rank, std::size_t capacity,
                                 std::span<std::uint32_t> scratch);
// (3) The weights times the share that the experts still picked have beside the shared ones.
Status unimoe_share(const UniMoeScores& logits, const UniMoeWeights& out);

// --- DynaMoE.
// numpy's linear percentile. Wants: v not empty, share in [0, 1]; reorders v.
Checked<double> percentile(std::span<double> v, double share);
// The share-quantile of a stream, by steps of +-rate: a threshold over history for
// Select::kThreshold (kmin 1, kmax layer_limit()), which is what lets
// the count vary (a percentile within one token's own values is a fixed k).
struct RunningQuantile {
  double value = 0;
  double share = 0.5;
  double rate = 0.01;
  void see(double x) { value += x > value ? rate * share : -rate * (1 - share); }
};
enum class LayerSchedule : std::uint8_t {
  kUniform,
  kDescending,
  kAscending,
  kPyramid,
  kValley,
  kWave
};
// The most experts a token may get in a layer, between kmin and kmax.
Checked<std::uint32_t> layer_limit(LayerSchedule schedule, std::uint32_t layer,
                                   std::uint32_t layers, std::uint32_t kmin, std::uint32_t kmax);

// --- DynMoLE: entropy above the limit: all experts with their probabilities; else the top-p prefix
// (at least k of them), renormalised. weight[j] = 0 where not used. Returns how many are.
struct DynMole {
  double q = 1.1;         // of Tsallis entropy
  double limit = 0.9;     // as a number; see `relative`
  bool relative = false;  // ... or as a share of the largest entropy over this many experts
  double mass = 0.75;
  std::size_t k = 1;
};
Checked<std::size_t> dynmole_weights(std::span<const double> p, const DynMole& rule,
                                     std::span<double> weight);

// --- MAGNET: stage 1 spreads (maximise entropy_of_mean()), stage 2 specialises (minimise
// mean_entropy()). Stage 2 from the step at which the mean row's entropy over its maximum has been
// at least `cover` for `steps` steps in a row; never back.
struct Magnet {
  double cover = 0.9;
  std::uint32_t steps = 1;
  std::uint32_t seen = 0;
  bool specialise = false;
  // Wants: two experts or more. Returns the stage: false spreads, true specialises.
  Checked<bool> see(std::span<const double> mean_p);
};

}  // namespace swy::moe
