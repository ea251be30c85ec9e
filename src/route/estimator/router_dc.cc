// router_dc: prompts and models in one space, near each other where the model answers well.
//
// Formula: math/dual_contrastive.h on the prompt's features; quality = (1 + cosine) / 2: a rank,
// not a probability of being right. Cost: features x hidden + hidden x models. When it loses:
// prompts that all models solve or none, of which the loss says nothing. Source: variant of
// RouterDC (arXiv 2409.19886); request-routing.md 5.3. Deviations: fixed features and a trained
// projection in place of a trained encoder; recorded outcomes; other rows are drawn once. Tests:
// router_dc_test.cc, math/dual_contrastive_test.cc (known answer, finite differences).
#include "math/dual_contrastive.h"
#include "route/estimator/learned.h"

namespace swy::route {
namespace {

struct Options : NetworkOptions {
  void bind(base::OptionBinder& b) { NetworkOptions::bind(b, "dimensions of the space"); }
};

class RouterDc final : public QualityModel {
 public:
  explicit RouterDc(math::DualContrastive model) : model_(std::move(model)) {}
  void predict(std::span<const float> x, std::span<double> quality) const override {
    thread_local std::vector<float> s;
    s.resize(quality.size());
    model_.cosines(x, s);
    for (std::size_t m = 0; m < s.size(); ++m) quality[m] = (1 + static_cast<double>(s[m])) / 2;
  }
  void write(WeightFile& out) const override {
    out.tensors["hidden"] = {static_cast<float>(model_.hidden)};
    out.tensors["weights"] = model_.weights;
  }

 private:
  math::DualContrastive model_;
};

}  // namespace

std::unique_ptr<Estimator> make_router_dc(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const math::DescentOptions descent = o.training.descent();
  const math::DualContrastiveOptions fit{
      .hidden = static_cast<std::size_t>(o.hidden), .seed = descent.seed, .descent = descent};
  const LearnedType type{
      "router_dc",
      [fit](const math::Matrix& x, std::span<const std::vector<float>> quality) {
        return std::make_unique<RouterDc>(math::fit_dual_contrastive(x, quality, fit));
      },
      [](const WeightFile& w, std::size_t dims) -> Result<std::unique_ptr<QualityModel>> {
        SWY_TRY(const auto hidden, w.tensor("hidden", 1));
        if (!(hidden[0] >= 1 && hidden[0] <= 4096))
          return fail(ErrorCode::kParse, "router_dc: weights without a space");
        math::DualContrastive m{dims, static_cast<std::size_t>(hidden[0]), w.models.size(), {}};
        SWY_TRY(m.weights, w.tensor("weights", m.hidden * (dims + m.outputs)));
        return std::make_unique<RouterDc>(std::move(m));
      }};
  return make_learned(type, o.learned, node, ctx);
}

}  // namespace swy::route
