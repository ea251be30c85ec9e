// trees: gradient-boosted regression trees of every model's quality on the prompt's features.
//
// Formula: math/boosted_trees.h. Cost: models x rounds x depth steps. When it loses: outcomes that
// follow directions of the embedding smoothly, as they mostly do; `linear` is then as good and
// `auto` better. Source: the XGBoost baseline of the router libraries; Friedman 2001;
// request-routing.md 5.5. Deviations: rounds are the same for all models. Tests: trees_test.cc,
// math/boosted_trees_test.cc.
#include <fmt/format.h>

#include <cmath>

#include "math/boosted_trees.h"
#include "route/estimator/learned.h"

namespace swy::route {
namespace {

struct Options : LearnedOptions {
  std::int64_t rounds = 60;
  std::int64_t depth = 3;
  double rate = 0.1;
  std::int64_t leaf_rows = 20;
  double l2 = 10;
  double columns = 0.1;
  std::int64_t seed = 1;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("rounds", rounds, {.min = 1, .max = 1000},
            "trees per model, at most; it ends when held-out rows are predicted no better");
    b.field("depth", depth, {.min = 1, .max = 8}, "questions that a tree asks");
    b.field("rate", rate, {.min = 0.001, .max = 1}, "share of what is left that a tree explains");
    b.field("leaf_rows", leaf_rows, {.min = 1, .max = 1e6}, "rows that a leaf has at least");
    b.field("l2", l2, {.min = 0, .max = 1e6}, "pseudo-rows without effect in every leaf");
    b.field("columns", columns, {.min = 0.01, .max = 1}, "share of the features a tree looks at");
    b.field("seed", seed, {.min = 0, .max = 1e9}, "of the features a tree looks at");
  }
};

class Trees final : public QualityModel {
 public:
  explicit Trees(math::BoostedTrees model) : model_(std::move(model)) {}
  void predict(std::span<const float> x, std::span<double> quality) const override {
    model_.predict(x, quality);
  }
  void write(WeightFile& out) const override {
    out.tensors["depth"] = {static_cast<float>(model_.depth)};
    out.tensors["base"] = model_.base;
    out.tensors["feature"].assign(model_.feature.begin(), model_.feature.end());
    out.tensors["threshold"] = model_.threshold;
    out.tensors["leaf"] = model_.leaf;
  }

 private:
  math::BoostedTrees model_;
};

Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
  math::BoostedTrees m;
  m.dims = dims;
  m.outputs = w.models.size();
  SWY_TRY(const auto depth, w.tensor("depth", 1));
  if (!(depth[0] >= 1 && depth[0] <= 8 && depth[0] == std::floor(depth[0])))
    return fail(ErrorCode::kParse, fmt::format("trees: a depth of {}", depth[0]));
  m.depth = static_cast<std::size_t>(depth[0]);
  const auto leaf = w.tensors.find("leaf");
  const std::size_t leaves = leaf == w.tensors.end() ? 0 : leaf->second.size();
  m.rounds = leaves / std::max<std::size_t>(m.outputs * m.leaves(), 1);
  const std::size_t trees = m.outputs * m.rounds;
  SWY_TRY(m.base, w.tensor("base", m.outputs));
  SWY_TRY(m.leaf, w.tensor("leaf", trees * m.leaves()));
  SWY_TRY(m.threshold, w.tensor("threshold", trees * m.inner()));
  SWY_TRY(const auto feature, w.tensor("feature", trees * m.inner()));
  for (const float f : feature) {
    if (!(f >= 0 && f < static_cast<float>(dims)))
      return fail(ErrorCode::kParse, fmt::format("trees: feature {} of {}", f, dims));
    m.feature.push_back(static_cast<std::uint32_t>(f));
  }
  return std::make_unique<Trees>(std::move(m));
}

}  // namespace

std::unique_ptr<Estimator> make_trees(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const math::BoostOptions boost{.rounds = static_cast<std::size_t>(o.rounds),
                                 .depth = static_cast<std::size_t>(o.depth),
                                 .rate = o.rate,
                                 .leaf_rows = static_cast<std::size_t>(o.leaf_rows),
                                 .l2 = o.l2,
                                 .columns = o.columns,
                                 .seed = static_cast<std::uint64_t>(o.seed)};
  const LearnedType type{
      "trees",
      [boost](const math::Matrix& x, std::span<const std::vector<float>> quality) {
        return std::make_unique<Trees>(math::fit_boosted_trees(x, quality, boost));
      },
      read};
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
