// utility: the candidate with the highest quality minus the price of its cost, latency and risk, in
// absolute units.
//
// Formula: U = quality*q - cost*c/cost_unit - latency*l/latency_unit - risk*p_fail, with the
// weights and units as options (defaults 1, 0.3, 0, 0; one cent; ten seconds): at cost 0.3 one cent
// is worth 0.3 of quality. Maximising q - lambda c request by request is the optimal policy for a
// mean budget, up to mixing at the breakpoint (request-routing.md 3.7), so sweeping `cost` from 0
// (best quality) to infinity (cheapest) draws the whole cost-quality curve. Units are absolute,
// never min-max over the candidates, so that adding a dominated candidate cannot change a choice
// (section 6, vLLM-SR and Avengers pitfalls). Cost: O(candidates), no allocation. Loses when
// beliefs are badly calibrated: a quality that is 0.1 too high buys 0.1. Unknown quality: never
// chosen, unless the quality weight is 0. Unknown cost, latency or risk under a positive weight:
// counted as the worst that is known among the unmasked candidates, and the reason says so; when no
// candidate's is known the term drops for all. (So a dominated candidate is harmless among known
// costs only: a dearer one moves the stand-in.) Propensity: deterministic, 1. Tests:
// utility_test.cc (3.7 on the T4 fixture, units, unknowns), conformance_test.cc.
#include <array>

#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  double quality = 1.0;
  double cost = 0.3;
  double latency = 0;
  double risk = 0;
  double cost_unit = 0.01;
  double latency_unit = 10;

  void bind(base::OptionBinder& binder) {
    const base::Range weight{.min = 0, .max = 1e12};
    const base::Range unit{.min = 1e-9, .max = 1e9};
    binder.field("quality", quality, weight, "worth of one point of expected quality (0 to 1)");
    binder.field("cost", cost, weight, "worth of one cost_unit of expected cost");
    binder.field("latency", latency, weight, "worth of one latency_unit of expected latency");
    binder.field("risk", risk, weight, "worth of a certain failure");
    binder.field("cost_unit", cost_unit, unit, "USD that `cost` speaks of");
    binder.field("latency_unit", latency_unit, unit, "seconds that `latency` speaks of");
  }
};

// One term that counts against a candidate.
struct Term {
  double per_unit;  // utility lost per unit of the belief
  double Belief::* value;
  std::string_view name;
};

class Utility final : public Policy {
 public:
  explicit Utility(const Options& o)
      : quality_(o.quality),
        terms_{Term{o.cost / (o.cost_unit * 1e6), &Belief::cost_micro, "cost"},
               Term{o.latency / (o.latency_unit * 1e3), &Belief::latency_ms, "latency"},
               Term{o.risk, &Belief::p_fail, "risk"}} {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (!q.masked(i)) out.score[i] = quality_ > 0 ? quality_ * beliefs[i].quality : 0.0;
    }
    std::array<double, 3> worst{};
    for (std::size_t t = 0; t < terms_.size(); ++t) {
      worst[t] = terms_[t].per_unit > 0 ? worst_known(q, beliefs, terms_[t].value) : kUnknownNumber;
      if (std::isnan(worst[t])) continue;
      for (std::size_t i = 0; i < beliefs.size(); ++i) {
        const double value = beliefs[i].*terms_[t].value;
        out.score[i] -= terms_[t].per_unit * (std::isnan(value) ? worst[t] : value);
      }
    }
    const std::size_t best = best_by(q, beliefs, out.score);
    if (best == kNobody) return choose_unknowing(q, "quality", out);
    out.probability[best] = 1;
    explain(q, beliefs, best, worst, out);
  }

 private:
  void explain(const Question& q, std::span<const Belief> beliefs, std::size_t best,
               const std::array<double, 3>& worst, Distribution& out) const {
    out.why.append(q.card(best).name);
    out.why.append(" has the highest utility ");
    out.why.append_number(out.score[best]);
    const std::size_t second = best_by(q, beliefs, out.score, best);
    if (second != kNobody) {
      out.why.append(", next ");
      out.why.append(q.card(second).name);
      out.why.append(" ");
      out.why.append_number(out.score[second]);
    }
    for (std::size_t t = 0; t < terms_.size(); ++t) {
      if (terms_[t].per_unit == 0) continue;
      if (std::isnan(worst[t])) {
        out.why.append("; no ");
        out.why.append(terms_[t].name);
        out.why.append(" is known");
      } else if (std::isnan(beliefs[best].*terms_[t].value)) {
        out.why.append("; its ");
        out.why.append(terms_[t].name);
        out.why.append(" is unknown: counted as the worst");
      }
    }
  }

  double quality_;
  std::array<Term, 3> terms_;
};

}  // namespace

std::unique_ptr<Policy> make_utility(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  if (options.quality + options.cost + options.latency + options.risk <= 0) {
    ctx.diag().error(node.mark(),
                     "utility: every weight is 0; give quality, cost, latency or risk a weight");
    return nullptr;
  }
  return std::make_unique<Utility>(options);
}

}  // namespace swy::route
