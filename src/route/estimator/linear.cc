// linear: ridge regression of every model's quality on the prompt's features.
//
// Formula: math/ridge.h; the penalty with the least squared error on held-out folds. Cost: features
// x models products. When it loses: outcomes that turn on more than directions of the embedding;
// see auto for what it is worth beside domains and neighbours. Source: Hoerl and Kennard 1970; the
// quality half of CARROT (arXiv 2502.03261) with a linear regressor; request-routing.md 5.5. Tests:
// learned_test.cc, math/ridge_test.cc.
#include "math/ridge.h"
#include "route/estimator/learned.h"

namespace swy::route {
namespace {

struct Options : LearnedOptions {};

class Linear final : public QualityModel {
 public:
  explicit Linear(math::RidgeModel model) : model_(std::move(model)) { model_.held_out = {}; }
  void predict(std::span<const float> x, std::span<double> quality) const override {
    model_.predict(x, quality);
  }
  void write(WeightFile& out) const override {
    out.tensors["weights"] = model_.weights;
    out.tensors["bias"] = model_.bias;
  }

 private:
  math::RidgeModel model_;
};

Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
  math::RidgeModel m;
  m.dims = dims;
  m.outputs = w.models.size();
  SWY_TRY(m.weights, w.tensor("weights", m.outputs * dims));
  SWY_TRY(m.bias, w.tensor("bias", m.outputs));
  return std::make_unique<Linear>(std::move(m));
}

}  // namespace

std::unique_ptr<Estimator> make_linear(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const LearnedType type{"linear",
                         [](const math::Matrix& x, std::span<const std::vector<float>> quality) {
                           return std::make_unique<Linear>(math::fit_ridge(x, quality));
                         },
                         read};
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
