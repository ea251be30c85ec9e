// sticky: stay with the model that served the session before, unless the inner policy sees clearly
// more in another one.
//
// Formula: with previous model p unmasked and b the unmasked candidate of the highest inner score
// s: p keeps the session unless s_b - s_p > margin; otherwise, and without a session, the inner
// policy's distribution. Right because a switch loses the provider's prefix cache and the
// conversation's voice; the margin is what that is worth, in the unit of the inner policy's score
// (utility: points of quality at weight 1). It is useful around policies whose scores measure
// worth, such as utility; around `first` the scores are list positions and only margin: inf (always
// keep) makes sense. Cost: the inner policy's plus O(candidates). Loses when the topic changes
// within a session by less than the margin shows. A previous model whose score is unknown is left,
// unless nothing is known of any candidate or the margin is infinite: then it stays. Propensity: 1
// when it stays, else the inner policy's. A guard that forbids the previous model ends the stay.
// Deviation from vLLM-SR's session rules (request-routing.md 4.1): one margin instead of eight
// additive terms. Tests: sticky_test.cc, conformance_test.cc.
#include <algorithm>

#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  double margin = 0.05;
  const base::Doc* inner = nullptr;

  void bind(base::OptionBinder& binder) {
    binder.field("margin", margin, {.min = 0},
                 "score by which another model must lead before the session moves; inf: never");
    binder.node("inner", inner, "the policy that decides without a session, for example utility");
  }
};

class Sticky final : public Policy {
 public:
  Sticky(double margin, std::unique_ptr<Policy> inner)
      : margin_(margin), inner_(std::move(inner)) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    inner_->weigh(q, beliefs, out);
    const std::size_t previous = find_previous(q);
    if (previous == kNobody) return;
    const std::size_t best = best_by(q, beliefs, out.score);
    if (!stays(out.score, previous, best)) {
      out.why.append("; the session moves");
      return;
    }
    std::fill(out.probability.begin(), out.probability.end(), 0.0);
    out.probability[previous] = 1;
    out.why.clear();
    out.why.append(q.card(previous).name);
    out.why.append(" keeps the session");
    if (best != kNobody && best != previous && !std::isnan(out.score[previous])) {
      out.why.append(": ");
      out.why.append(q.card(best).name);
      out.why.append(" leads by ");
      out.why.append_number(out.score[best] - out.score[previous]);
      out.why.append(", margin ");
      out.why.append_number(margin_);
    }
  }
  [[nodiscard]] std::span<const FactId> needs() const override { return inner_->needs(); }

 private:
  static std::size_t find_previous(const Question& q) {
    const auto it = std::find(q.candidates.begin(), q.candidates.end(), q.work().previous);
    if (q.work().previous == kNoExpert || it == q.candidates.end()) return kNobody;
    const auto i = static_cast<std::size_t>(it - q.candidates.begin());
    return q.masked(i) ? kNobody : i;
  }

  [[nodiscard]] bool stays(std::span<const double> score, std::size_t previous,
                           std::size_t best) const {
    if (best == kNobody || std::isinf(margin_)) return true;
    return score[best] - score[previous] <= margin_;  // false when the previous one's is unknown
  }

  double margin_;
  std::unique_ptr<Policy> inner_;
};

}  // namespace

std::unique_ptr<Policy> make_sticky(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  if (options.inner == nullptr) {
    ctx.diag().error(node.mark(), "sticky: say which policy decides, for example inner: utility");
    return nullptr;
  }
  auto inner = ctx.policy(*options.inner);
  if (!inner) return nullptr;
  return std::make_unique<Sticky>(options.margin, std::move(inner));
}

}  // namespace swy::route
