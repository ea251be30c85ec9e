// cheapest_passing: the cheapest candidate whose expected quality reaches a bar; when none does,
// the best.
//
// Formula: pass_i = q_i - margin * sqrt(var_i) >= quality; choose argmin cost among the passing.
// Right when "good enough" is what the caller wants and the price of more is not worth stating;
// BEST-Route's rule (request-routing.md 5.3). Cost: O(candidates), no allocation. Loses to
// `utility` near the bar: a model just below it is refused however cheap, one just above is taken
// however dear. Unknown quality never passes; with a margin, unknown variance does not pass either
// (it cannot be shown). Unknown cost is dearer than every known one. Score, for ranking: passing 2
// + 1/(1 + cost in cents), others their quality. Propensity: deterministic, 1. Deviations: one bar
// for all models, none fitted. Tests: cheapest_passing_test.cc, conformance_test.cc.
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr double kMicroPerCent = 1e4;

struct Options {
  double quality = 0.7;
  double margin = 0;

  void bind(base::OptionBinder& binder) {
    binder.field("quality", quality, {.min = 0, .max = 1}, "the bar for expected quality");
    binder.field("margin", margin, {.min = 0, .max = 100},
                 "standard deviations that the quality must lie above the bar");
  }
};

class CheapestPassing final : public Policy {
 public:
  explicit CheapestPassing(const Options& o) : bar_(o.quality), margin_(o.margin) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i)) continue;
      const double cost = beliefs[i].cost_micro;
      const double cheap = std::isnan(cost) ? 0 : 1 / (1 + cost / kMicroPerCent);
      out.score[i] = passes(beliefs[i]) ? 2 + cheap : beliefs[i].quality;
    }
    const std::size_t best = best_by(q, beliefs, out.score);
    if (best == kNobody) return choose_unknowing(q, "quality", out);
    out.probability[best] = 1;
    out.why.append(q.card(best).name);
    const bool passed = passes(beliefs[best]);
    out.why.append(passed ? " is the cheapest that passes: quality "
                          : " is the best, none passes: quality ");
    out.why.append_number(beliefs[best].quality);
    out.why.append(", bar ");
    out.why.append_number(bar_);
    if (passed && std::isnan(beliefs[best].cost_micro)) out.why.append("; its cost is unknown");
  }

 private:
  [[nodiscard]] bool passes(const Belief& b) const {
    if (margin_ == 0) return b.quality >= bar_;
    return b.quality - margin_ * std::sqrt(b.quality_var) >= bar_;  // false for NaN
  }

  double bar_;
  double margin_;
};

}  // namespace

std::unique_ptr<Policy> make_cheapest_passing(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  return std::make_unique<CheapestPassing>(options);
}

}  // namespace swy::route
