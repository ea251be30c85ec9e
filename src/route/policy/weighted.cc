// weighted: a random split by fixed shares, for canaries and for comparing models on live traffic.
//
// Formula: p_i = w_i / sum of w over unmasked candidates; w from the option `weights` by model
// name. Without `weights` every candidate counts 1; with it, a candidate that is not named gets 0.
// Right because the shares among the candidates that remain keep their ratios whichever others a
// guard forbids. Cost: O(candidates), reads no belief. Loses against any policy that reads the
// prompt, by design: it is the control group. Propensity: exactly p_i. When every unmasked
// candidate has weight 0 they share equally, and the reason says so. Deviation: none. Tests:
// weighted_test.cc, conformance_test.cc.
#include <fmt/format.h>

#include "route/detail/named.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  base::NumberMap weights;

  void bind(base::OptionBinder& binder) {
    binder.field("weights", weights,
                 "model name: share. Not named: 0. Left out altogether: all equal");
  }
};

class Weighted final : public Policy {
 public:
  // weight: by ExpertId.
  explicit Weighted(std::vector<double> weight) : weight_(std::move(weight)) {}

  void weigh(const Question& q, std::span<const Belief> /*beliefs*/,
             Distribution& out) const override {
    double sum = 0;
    for (std::size_t i = 0; i < q.candidates.size(); ++i) {
      out.score[i] = weight_[q.candidates[i]];
      if (!q.masked(i)) sum += out.score[i];
    }
    const double equal = sum > 0 ? 0 : 1.0 / static_cast<double>(count_unmasked(q));
    for (std::size_t i = 0; i < q.candidates.size(); ++i) {
      if (!q.masked(i)) out.probability[i] = sum > 0 ? out.score[i] / sum : equal;
    }
    if (sum > 0) {
      out.why.append("drawn by fixed weights");
    } else {
      out.why.append("every candidate left has weight 0: drawn equally");
    }
  }

 private:
  std::vector<double> weight_;
};

}  // namespace

std::unique_ptr<Policy> make_weighted(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  const Catalogue& catalogue = ctx.catalogue();
  std::vector<double> weight(catalogue.size(), options.weights.empty() ? 1.0 : 0.0);
  const std::size_t before = ctx.diag().errors();
  for (const auto& [name, value] : options.weights) {
    const auto id = model_named(name, "weights", node.mark(), ctx);
    if (!id) continue;
    if (!(value >= 0) || std::isinf(value)) {
      ctx.diag().error(node.mark(),
                       fmt::format("weights: '{}' must have a finite weight of 0 or more", name));
    } else {
      weight[*id] = value;
    }
  }
  if (ctx.diag().errors() != before) return nullptr;
  return std::make_unique<Weighted>(std::move(weight));
}

}  // namespace swy::route
