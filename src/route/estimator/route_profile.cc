// route_profile: a model is the profile that a graph of queries, domains and models gives it.
//
// Formula: math/route_profile.h over the prompt's features; domains are the table's, or groups of
// like prompts. A model that the weights have not seen joins by the rows of `table`, without
// training. Cost: features x (models + domains). When it loses: many rows and few models. Source:
// variant of RouteProfile (request-routing.md 4.8), training-free profiles of embeddings;
// deviations: math/route_profile.cc; no text describes a model. Beside `graph_router`: nothing is
// trained by gradients, so this program fits it; beside `uniroute`: domains that are known, and
// directions of the features, not only groups. Tests: route_profile_test.cc,
// math/route_profile_test.cc (known answer).
#include "math/route_profile.h"

#include "math/cluster_map.h"
#include "route/estimator/labels.h"
#include "route/estimator/learned.h"

namespace swy::route {
namespace {

constexpr std::size_t kRounds = 30;  // of k-means, at most

struct Options : LearnedOptions {
  std::int64_t hops = 1;
  std::int64_t groups = 0;
  double shrink = 10;
  std::int64_t seed = 1;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("hops", hops, {.min = 1, .max = 8},
            "1: a model is its prompts; each more: a prompt is drawn half way to its domain first");
    b.field("groups", groups, {.min = 0, .max = 1024},
            "groups of like prompts in place of the table's domains; 0: the domains");
    b.field(
        "shrink", shrink, {.min = 0, .max = 1e6},
        "pseudo-observations of a model, and of it in every domain, at what all models have there");
    b.field("seed", seed, {.min = 0, .max = 1e9}, "of the groups");
  }
};

class Profiles final : public QualityModel {
 public:
  explicit Profiles(math::RouteProfile model) : model_(std::move(model)) {}
  void predict(std::span<const float> x, std::span<double> quality) const override {
    model_.predict(x, quality);
  }
  void join(const math::Matrix& x, const ObservedModel& model) override {
    model_.join(x, model.quality.value);
  }
  void write(WeightFile& out) const override {
    out.tensors["told"] = {model_.sharpness, model_.by_domain, model_.by_query,
                           model_.shrink,    model_.hops,      model_.common_mean};
    out.tensors["mean"] = model_.mean;
    out.tensors["centres"] = model_.centres;
    out.tensors["spread"] = model_.spread;
    out.tensors["common"] = model_.common;
    out.tensors["profiles"] = model_.profiles;
  }

 private:
  math::RouteProfile model_;
};

Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
  math::RouteProfile p;
  p.dims = dims;
  p.outputs = w.models.size();
  const auto centres = w.tensors.find("centres");
  p.domains = centres == w.tensors.end() ? 0 : centres->second.size() / dims;
  if (p.domains == 0) return fail(ErrorCode::kParse, "route_profile: weights without domains");
  SWY_TRY(const auto told, w.tensor("told", 6));
  p.sharpness = told[0];
  p.by_domain = told[1];
  p.by_query = told[2];
  p.shrink = told[3];
  p.hops = told[4];
  p.common_mean = told[5];
  SWY_TRY(p.mean, w.tensor("mean", dims));
  SWY_TRY(p.centres, w.tensor("centres", p.domains * dims));
  SWY_TRY(p.spread, w.tensor("spread", dims * dims));
  SWY_TRY(p.common, w.tensor("common", p.domains + dims));
  SWY_TRY(p.profiles, w.tensor("profiles", p.outputs * p.stride()));
  return std::make_unique<Profiles>(std::move(p));
}

std::unique_ptr<QualityModel> fit(const LearnedRows& rows, const Options& o) {
  const std::vector<std::uint32_t> domain =
      o.groups == 0 ? numbered(rows.domains).of
                    : math::dense_k_means(rows.x, static_cast<std::size_t>(o.groups), kRounds,
                                          static_cast<std::uint64_t>(o.seed));
  std::vector<std::vector<float>> quality;
  for (const ObservedModel& m : rows.models) quality.push_back(m.quality.value);
  return std::make_unique<Profiles>(math::fit_route_profile(
      rows.x, domain, quality, {.shrink = o.shrink, .hops = static_cast<std::size_t>(o.hops)}));
}

}  // namespace

std::unique_ptr<Estimator> make_route_profile(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  LearnedType type{
      .name = "route_profile", .fit = {}, .read = read, .fit_rows = [o](const LearnedRows& rows) {
        return fit(rows, o);
      }};
  type.joins = true;
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
