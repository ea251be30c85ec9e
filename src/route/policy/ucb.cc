// ucb: the candidate that may be the best: expected quality plus what is still doubted of it, less
// its price.
//
// Formula: argmax quality + alpha * sd - cost * c / cost_unit: optimism in the face of uncertainty
// (LinUCB's rule over any estimator that says how sure it is; request-routing.md 3.8, 5.10). With
// the estimator `linear_bandit` it is LinUCB. Right because a candidate is tried while it may be
// the best, and every try makes it surer: regret O(sqrt(T)) up to logarithms. Cost: O(candidates).
// Loses with delayed feedback, when it tries the same one many times before it learns, and in what
// off-policy evaluation can say: it is deterministic (wrap it in `epsilon`, or use `thompson`). An
// unknown quality counts as 1/2 with the deviation of a uniform one, so new models are tried.
// Unknown cost counts as the worst known. A dominated candidate of the same variance changes
// nothing. Propensity: 1. Deviations: none. Tests: ucb_test.cc, conformance_test.cc.
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  double alpha = 1;
  MoneyOptions money;

  void bind(base::OptionBinder& binder) {
    binder.field("alpha", alpha, {.min = 0, .max = 100},
                 "optimism: standard deviations added to the expected quality");
    money.bind(binder);
  }
};

class Ucb final : public Policy {
 public:
  explicit Ucb(const Options& o) : alpha_(o.alpha), per_micro_(o.money.per_micro()) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    const double worst = worst_known(q, beliefs, &Belief::cost_micro);
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i)) continue;
      const Doubt d = doubt_of(beliefs[i]);
      const double cost = std::isnan(beliefs[i].cost_micro) ? worst : beliefs[i].cost_micro;
      out.score[i] = d.mean + alpha_ * d.sd - (std::isnan(cost) ? 0.0 : per_micro_ * cost);
    }
    const std::size_t best = best_by(q, beliefs, out.score);
    const Doubt d = doubt_of(beliefs[best]);
    out.probability[best] = 1;
    out.why.append(q.card(best).name);
    out.why.append(" may be the best: quality ");
    out.why.append_number(d.mean);
    out.why.append(" + ");
    out.why.append_number(alpha_ * d.sd);
    out.why.append(", utility ");
    out.why.append_number(out.score[best]);
  }

 private:
  double alpha_;
  double per_micro_;
};

}  // namespace

std::unique_ptr<Policy> make_ucb(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  return std::make_unique<Ucb>(options);
}

}  // namespace swy::route
