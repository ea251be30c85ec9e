// What policies share: the house tie-break, the best of a list of scores, what stands in for an
// unknown number, how sure a belief is, the price of money, and the two ends of a deterministic
// choice (all probability on one candidate; nothing known). For the files of this
// folder only.
//
// Threading: pure functions. Ownership: everything borrowed for the call. No allocation.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "base/options.h"
#include "switchyard/route.h"

namespace swy::route {

inline constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();

// Order of equals: lower cost (unknown last), then lower ExpertId.
inline bool wins_tie(const Question& q, std::span<const Belief> beliefs, std::size_t a,
                     std::size_t b) {
  const double cost_a = beliefs[a].cost_micro;
  const double cost_b = beliefs[b].cost_micro;
  const bool known_a = !std::isnan(cost_a);
  const bool known_b = !std::isnan(cost_b);
  if (known_a != known_b) return known_a;
  if (known_a && cost_a != cost_b) return cost_a < cost_b;
  return q.candidates[a] < q.candidates[b];
}

// The unmasked candidate of the highest known score, ties by wins_tie; `except` is passed over.
// kNobody when none is known.
inline std::size_t best_by(const Question& q, std::span<const Belief> beliefs,
                           std::span<const double> score, std::size_t except = kNobody) {
  std::size_t best = kNobody;
  for (std::size_t i = 0; i < score.size(); ++i) {
    if (i == except || q.masked(i) || std::isnan(score[i])) continue;
    if (best == kNobody || score[i] > score[best] ||
        (score[i] == score[best] && wins_tie(q, beliefs, i, best))) {
      best = i;
    }
  }
  return best;
}

// The candidate that served the work's session before; kNobody without one, or when it may not be
// chosen.
inline std::size_t previous_candidate(const Question& q) {
  if (q.work().previous == kNoExpert) return kNobody;
  for (std::size_t i = 0; i < q.candidates.size(); ++i) {
    if (q.candidates[i] == q.work().previous) return q.masked(i) ? kNobody : i;
  }
  return kNobody;
}

// The highest value that is known of an unmasked candidate: what an unknown one counts as. NaN:
// none is known.
inline double worst_known(const Question& q, std::span<const Belief> beliefs,
                          double Belief::* value) {
  double worst = kUnknownNumber;
  for (std::size_t i = 0; i < beliefs.size(); ++i) {
    const double v = beliefs[i].*value;
    if (!q.masked(i) && !std::isnan(v) && !(worst >= v)) worst = v;
  }
  return worst;
}

// How sure a belief is of its quality, for policies that explore: its variance, else what so many
// observations would leave, else nothing is doubted. An unknown quality is anything from 0 to 1.
struct Doubt {
  double mean = 0.5;
  double sd = 0.28867513459481287;  // of the uniform distribution: sqrt(1/12)
};
inline Doubt doubt_of(const Belief& b) {
  if (std::isnan(b.quality)) return {};
  double variance = b.quality_var;
  if (std::isnan(variance)) variance = b.quality * (1 - b.quality) / (b.evidence + 1);
  return {b.quality, variance > 0 ? std::sqrt(variance) : 0.0};
}

// What money is worth to a policy; the same two options in all that weigh it.
struct MoneyOptions {
  double cost = 0.3;
  double cost_unit = 0.01;
  void bind(base::OptionBinder& binder) {
    binder.field("cost", cost, {.min = 0, .max = 1e12}, "worth of one cost_unit of expected cost");
    binder.field("cost_unit", cost_unit, {.min = 1e-9, .max = 1e9}, "USD that `cost` speaks of");
  }
  [[nodiscard]] double per_micro() const { return cost / (cost_unit * 1e6); }
};

// REQUIRES: at least one unmasked candidate.
inline std::size_t first_unmasked(const Question& q) {
  std::size_t i = 0;
  while (q.masked(i)) ++i;
  return i;
}

inline std::size_t count_unmasked(const Question& q) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < q.candidates.size(); ++i) n += q.masked(i) ? 0 : 1;
  return n;
}

// The end of a policy that knows nothing of any candidate: the first one in the order of the
// configuration.
inline void choose_unknowing(const Question& q, std::string_view what, Distribution& out) {
  const std::size_t first = first_unmasked(q);
  out.probability[first] = 1;
  out.why.append("nothing known of the ");
  out.why.append(what);
  out.why.append(" of any candidate: ");
  out.why.append(q.card(first).name);
  out.why.append(" is the first");
}

}  // namespace swy::route
