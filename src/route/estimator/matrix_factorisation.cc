// matrix_factorisation: a vector per model and a linear map of the prompt's features into the same
// space; the product says how likely the model succeeds.
//
// Formula: P(success of m) = sigma(p_m . (W x + b) + b_m), rank = hidden; the chance that m beats k
// is sigma of the difference of the two logits. Cost: (features + models) x rank products. When it
// loses: models that differ on a topic that the rank has no room for. Source: variant of RouteLLM's
// mf (arXiv 2406.18665) and EmbedLLM (arXiv 2410.02223); request-routing.md 5.1, 5.4. Deviations:
// trained on outcomes instead of pairs, with weight decay instead of noise on the embedding; model
// vectors are not normalised; biases. Tests: learned_test.cc, math/two_layer_test.cc (known
// answer).
#include "route/estimator/learned.h"

namespace swy::route {
namespace {

struct Options : NetworkOptions {
  void bind(base::OptionBinder& b) { NetworkOptions::bind(b, "rank"); }
};

}  // namespace

std::unique_ptr<Estimator> make_matrix_factorisation(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  return make_learned(network_type("matrix_factorisation", o, math::HiddenUnit::kIdentity, false),
                      o.learned, node, ctx);
}

}  // namespace swy::route
