// uniroute: a model is the vector of its error rates over groups of prompts.
//
// Formula: math/cluster_map.h over the prompt's features; quality = 1 - sum_k phi_k(x) Psi_k(m),
// Psi_k(m) the error rate of m in group k, drawn to m's over all rows by `shrink` pseudo-rows; phi
// the nearest group, or with `map: learned` softmax(theta x) trained by log loss. A new model needs
// only outcomes on some rows of the table. Cost: groups x (features + models). When it loses: where
// difficulty varies within a group. Source: UniRoute (arXiv 2502.08773); request-routing.md 5.5.
// Deviations: the groups are made on the rows that are learned from, not on a validation set of
// their own; shrinkage; theta starts at the centres. Beside `clusters`: dense features instead of
// words, one group instead of shares, the learned map, a weight file; the excluded row is not left
// out. Tests: uniroute_test.cc, math/cluster_map_test.cc (known answer).
#include <fmt/format.h>

#include "math/cluster_map.h"
#include "route/estimator/learned.h"

namespace swy::route {
namespace {

struct Options : LearnedOptions {
  std::int64_t clusters = 32;
  std::string map = "nearest";
  double shrink = 10;
  std::int64_t seed = 1;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("clusters", clusters, {.min = 1, .max = 1024}, "groups of prompts");
    b.field("map", map,
            "nearest: a prompt belongs to the nearest group; learned: to all by shares");
    b.field("shrink", shrink, {.min = 0, .max = 1e6},
            "pseudo-observations of every group at the model's mean over the whole table");
    b.field("seed", seed, {.min = 0, .max = 1e9}, "of the groups");
  }
};

class UniRoute final : public QualityModel {
 public:
  explicit UniRoute(math::ClusterMap model) : model_(std::move(model)) {}
  void predict(std::span<const float> x, std::span<double> quality) const override {
    model_.predict(x, quality);
  }
  void write(WeightFile& out) const override {
    out.tensors["learned"] = {model_.learned ? 1.0F : 0.0F};
    out.tensors["map"] = model_.map;
    out.tensors["means"] = model_.means;
  }

 private:
  math::ClusterMap model_;
};

Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
  math::ClusterMap m;
  m.dims = dims;
  m.outputs = w.models.size();
  SWY_TRY(const auto learned, w.tensor("learned", 1));
  m.learned = learned[0] != 0;
  const auto map = w.tensors.find("map");
  m.groups = map == w.tensors.end() ? 0 : map->second.size() / (dims + 1);
  if (m.groups == 0) return fail(ErrorCode::kParse, "uniroute: weights without groups");
  SWY_TRY(m.map, w.tensor("map", m.groups * (dims + 1)));
  SWY_TRY(m.means, w.tensor("means", m.outputs * m.groups));
  return std::make_unique<UniRoute>(std::move(m));
}

}  // namespace

std::unique_ptr<Estimator> make_uniroute(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (o.map != "nearest" && o.map != "learned") {
    ctx.diag().error(node.mark(), fmt::format("map: '{}' should be nearest or learned", o.map));
    return nullptr;
  }
  const math::ClusterMapOptions fit{.groups = static_cast<std::size_t>(o.clusters),
                                    .learned = o.map == "learned",
                                    .shrink = o.shrink,
                                    .seed = static_cast<std::uint64_t>(o.seed),
                                    .descent = {.seed = static_cast<std::uint64_t>(o.seed)}};
  const LearnedType type{
      "uniroute",
      [fit](const math::Matrix& x, std::span<const std::vector<float>> quality) {
        return std::make_unique<UniRoute>(math::fit_cluster_map(x, quality, fit));
      },
      read};
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
