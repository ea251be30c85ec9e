// thompson: every candidate as often as it may be the best of them, given how sure its belief is.
//
// Formula: one draw q_i ~ N(quality, (width sd)^2) of every candidate, and the candidate of the
// highest q_i - cost * c_i / cost_unit: Thompson sampling (request-routing.md 3.8; vLLM-SR's
// RL-driven selection, arXiv 2603.04444). The policy does not draw: it states P(i is the highest),
// integrated by math/argmax.h with fixed nodes, and the core draws from that, so the recorded
// propensity is the probability of the draw and off-policy estimates are exact. Right because
// choosing a candidate with the probability that it is the best explores what may still be better
// and nothing else; regret grows with the logarithm of the number of rounds. Cost: O(candidates)
// plus the integral, microseconds for a handful of near equals. Loses when variances are wrong:
// beliefs without variance or evidence are taken as certain, and a shared error of the estimator is
// not in them. An unknown quality is N(1/2, 1/12). Unknown cost counts as the worst known, as in
// utility. Deviation: normal instead of beta posteriors, because beliefs carry a mean and a
// variance. Propensity: as stated, from 0 to 1. Tests: thompson_test.cc, argmax_test.cc,
// conformance_test.cc.
#include <vector>

#include "math/argmax.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  double width = 1;
  MoneyOptions money;

  void bind(base::OptionBinder& binder) {
    binder.field("width", width, {.min = 0, .max = 100},
                 "how wide to draw, in standard deviations of the belief; 0: the best believed");
    money.bind(binder);
  }
};

class Thompson final : public Policy {
 public:
  explicit Thompson(const Options& o) : width_(o.width), per_micro_(o.money.per_micro()) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    thread_local std::vector<math::Normal> drawn;  // working memory, nothing is remembered in it
    thread_local std::vector<double> chance;
    drawn.clear();
    const double worst = worst_known(q, beliefs, &Belief::cost_micro);
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i)) continue;
      const Doubt d = doubt_of(beliefs[i]);
      const double cost = std::isnan(beliefs[i].cost_micro) ? worst : beliefs[i].cost_micro;
      out.score[i] = d.mean - (std::isnan(cost) ? 0.0 : per_micro_ * cost);
      drawn.push_back({out.score[i], width_ * d.sd});
    }
    const std::size_t leader = best_by(q, beliefs, out.score);
    if (certain(drawn)) {
      out.probability[leader] = 1;
    } else {
      chance.resize(drawn.size());
      math::argmax_probabilities(drawn, chance);
      std::size_t next = 0;
      for (std::size_t i = 0; i < beliefs.size(); ++i) {
        if (!q.masked(i)) out.probability[i] = chance[next++];
      }
    }
    out.why.append(q.card(leader).name);
    out.why.append(" leads; it is the best with probability ");
    out.why.append_number(out.probability[leader]);
  }

 private:
  static bool certain(std::span<const math::Normal> drawn) {
    for (const math::Normal& n : drawn) {
      if (n.sd > 0) return false;
    }
    return true;
  }
  double width_;
  double per_micro_;
};

}  // namespace

std::unique_ptr<Policy> make_thompson(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  return std::make_unique<Thompson>(options);
}

}  // namespace swy::route
