// mlp: one hidden layer over the prompt's features, a probability of success per model.
//
// Formula: math/two_layer.h with relu. Cost: (features + models) x hidden products. When it loses:
// few rows; the linear estimator is then as good. Source: the parametric baselines of RouterBench
// (arXiv 2403.12031) and of "Rethinking predictive modeling" (arXiv 2505.12601);
// request-routing.md 5.5. Deviation: trained on all models at once. Tests: learned_test.cc,
// math/two_layer_test.cc.
#include "route/estimator/learned.h"

namespace swy::route {
namespace {

struct Options : NetworkOptions {
  void bind(base::OptionBinder& b) { NetworkOptions::bind(b, "hidden units"); }
};

}  // namespace

std::unique_ptr<Estimator> make_mlp(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  return make_learned(network_type("mlp", o, math::HiddenUnit::kRelu, false), o.learned, node, ctx);
}

}  // namespace swy::route
