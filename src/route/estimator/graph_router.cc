// graph_router: a model is what the edges of a graph say of it, told by a small trained network.
//
// Formula: math/graph_router.h over the prompt's features. Tasks are the table's domains, an edge
// is an outcome (quality, cost). quality = the predicted value; cost and answer length = the
// model's means times the predicted factor. A model that training has not seen joins by the rows of
// `table`, without training. Trained by switchyard-train (apps/switchyard-train/graph_train.cc says
// how); this program has no automatic differentiation and reads weights. Cost: features x (hidden +
// tasks) + models x 4 hidden. When it loses: many rows and few models, where nearest rows say more.
// Source: variant of GraphRouter (arXiv 2410.03834); request-routing.md 4.7. Deviations:
// math/graph_router.cc; labels are outcomes, not the best model at fixed prices, so prices stay in
// the policy. Tests: graph_router_test.cc, math/graph_router_test.cc (known answers).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "route/estimator/learned.h"
#include "route/trained.h"

namespace swy::route {
namespace {

constexpr std::size_t kMostHidden = 256;
constexpr std::size_t kMostTasks = 1024;

struct Options : LearnedOptions {
  std::int64_t hidden = 16;
  double rate = 0.005;
  double decay = 0.0001;
  std::int64_t steps = 2000;
  std::int64_t seed = 1;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("hidden", hidden, {.min = 1, .max = kMostHidden},
            "numbers of a prompt, and of a task; a model has twice as many");
    b.field("rate", rate, {.min = 0.0001, .max = 1}, "learning rate (Adam)");
    b.field("decay", decay, {.min = 0, .max = 1}, "penalty on squared weights");
    b.field("steps", steps, {.min = 1, .max = 100'000},
            "at most; it ends when held-out rows are predicted no better");
    b.field("seed", seed, {.min = 0, .max = 1e9}, "of starting weights and of what is hidden");
  }
  [[nodiscard]] GraphTraining training() const {
    return {static_cast<std::size_t>(hidden), rate, decay, static_cast<std::size_t>(steps),
            static_cast<std::uint64_t>(seed)};
  }
};

class Graph final : public QualityModel {
 public:
  explicit Graph(math::GraphRouter graph) : graph_(std::move(graph)) {}
  void predict(std::span<const float> x, std::span<double> quality) const override {
    graph_.predict(x, quality, {});
  }
  void predict_all(std::span<const float> x, std::span<double> quality,
                   std::span<double> tokens_out, std::span<double> cost_usd) const override {
    thread_local std::vector<double> factor;
    factor.resize(quality.size());
    graph_.predict(x, quality, factor);
    for (std::size_t m = 0; m < factor.size(); ++m) {
      tokens_out[m] *= factor[m];
      cost_usd[m] *= factor[m];
    }
  }
  void join(const math::Matrix& x, const ObservedModel& model) override {
    graph_.join(x, model.quality.value, model.cost_usd.value);
  }
  void write(WeightFile& out) const override {
    const auto values = graph_.parameters();
    const auto shapes = graph_.shapes();
    for (std::size_t p = 0; p < values.size(); ++p)
      out.tensors[std::string(shapes[p].first)] = *values[p];
    out.tensors["shape"] = {static_cast<float>(graph_.half), static_cast<float>(graph_.tasks)};
    out.tensors["centres"] = graph_.centres;
    out.tensors["told"] = {graph_.sharpness, graph_.cost_mean, graph_.cost_deviation,
                           graph_.value_mean};
    out.tensors["states"] = graph_.states;
    out.tensors["biases"] = graph_.biases;
  }

 private:
  math::GraphRouter graph_;
};

Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
  math::GraphRouter g;
  SWY_TRY(const auto shape, w.tensor("shape", 2));
  if (!(shape[0] >= 1 && shape[0] <= kMostHidden && shape[1] >= 1 && shape[1] <= kMostTasks))
    return fail(ErrorCode::kParse, "graph_router: weights without a graph");
  g.dims = dims;
  g.half = static_cast<std::size_t>(shape[0]);
  g.tasks = static_cast<std::size_t>(shape[1]);
  g.outputs = w.models.size();
  const auto shapes = g.shapes();
  const auto values = g.parameters();
  for (std::size_t p = 0; p < values.size(); ++p) {
    SWY_TRY(*values[p], w.tensor(shapes[p].first, shapes[p].second));
  }
  SWY_TRY(g.centres, w.tensor("centres", g.tasks * dims));
  SWY_TRY(const auto told, w.tensor("told", 4));
  g.sharpness = told[0];
  g.cost_mean = told[1];
  g.cost_deviation = told[2];
  g.value_mean = told[3];
  SWY_TRY(g.states, w.tensor("states", g.outputs * math::GraphRouter::kHeads * g.width()));
  SWY_TRY(g.biases, w.tensor("biases", g.outputs));
  return std::make_unique<Graph>(std::move(g));
}

// Answer sizes by mean 1: what a call cost, or where the table has no costs its tokens out.
std::vector<float> sizes_of(const ObservedModel& m) {
  const Column& of = m.cost_usd.count > 0 ? m.cost_usd : m.tokens_out;
  std::vector<float> size = of.value;
  const double mean = of.mean_without(kNoRow);
  for (float& v : size)
    v = mean > 0 ? v / static_cast<float>(mean) : std::numeric_limits<float>::quiet_NaN();
  return size;
}

std::unique_ptr<QualityModel> train_on(TrainGraph train, const LearnedRows& rows,
                                       const GraphTraining& options) {
  std::vector<std::vector<float>> quality, cost, size;
  for (const ObservedModel& m : rows.models) {
    quality.push_back(m.quality.value);
    cost.push_back(m.cost_usd.value);
    size.push_back(sizes_of(m));
  }
  const std::vector<std::string_view> domains(rows.domains.begin(), rows.domains.end());
  return std::make_unique<Graph>(train({rows.x, domains, quality, cost, size}, options));
}

}  // namespace

std::unique_ptr<Estimator> make_graph_router_by(TrainGraph train, const base::Doc& node,
                                                BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  LearnedType type{.name = "graph_router", .fit = {}, .read = read};
  type.joins = true;
  if (train != nullptr)
    type.fit_rows = [train, options = o.training()](const LearnedRows& rows) {
      return train_on(train, rows, options);
    };
  return make_learned(type, o, node, ctx);
}

std::unique_ptr<Estimator> make_graph_router(const base::Doc& node, BuildContext& ctx) {
  return make_graph_router_by(nullptr, node, ctx);
}

}  // namespace swy::route
