// first: the first candidate that no guard forbids, in the order in which the rule lists them.
//
// Formula: p(first unmasked) = 1. Right when the rule itself has already decided and the rest of
// the list is a fallback for what guards forbid. Cost: O(candidates), reads no belief. Loses
// whenever quality or price should count. Propensity: deterministic, 1. Deviation from the
// invariants of request-routing.md section 2: the order of the list is the policy, so permuting it
// changes the choice; an unknown quality is no obstacle because quality is not read. Tests:
// first_test.cc, conformance_test.cc.
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  void bind(base::OptionBinder& /*binder*/) {}
};

class First final : public Policy {
 public:
  void weigh(const Question& q, std::span<const Belief> /*beliefs*/,
             Distribution& out) const override {
    const std::size_t first = first_unmasked(q);
    for (std::size_t i = 0; i < out.score.size(); ++i) out.score[i] = -static_cast<double>(i);
    out.probability[first] = 1;
    out.why.append(q.card(first).name);
    out.why.append(first == 0 ? " is listed first" : " is the first that no guard forbids");
  }
};

}  // namespace

std::unique_ptr<Policy> make_first(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  return std::make_unique<First>();
}

}  // namespace swy::route
