// irt: item response theory: what a prompt asks for, how hard it is, and what every model can.
//
// Formula: P(success of m) = sigma(a(x) . theta_m - b(x) + c_m), discriminations a(x) = softplus(A
// x + a0) >= 0, difficulty b(x) linear, abilities theta_m (2PL, as many dimensions as hidden;
// hidden 1 is the classical model). Cost: as mlp. When it loses: where a plain logistic regression
// does: the specification's reproduction found that control ahead. Source: variant of IRT-Router
// (arXiv 2506.01048); request-routing.md 5.4. Deviations: abilities are free vectors, not functions
// of a profile; no neighbour warm-up. Tests: learned_test.cc, math/two_layer_test.cc (known
// answer).
#include "route/estimator/learned.h"

namespace swy::route {
namespace {

struct Options : NetworkOptions {
  void bind(base::OptionBinder& b) { NetworkOptions::bind(b, "dimensions of ability"); }
};

}  // namespace

std::unique_ptr<Estimator> make_irt(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  return make_learned(network_type("irt", o, math::HiddenUnit::kSoftplus, true), o.learned, node,
                      ctx);
}

}  // namespace swy::route
