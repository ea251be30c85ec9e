#include "route/estimator/learned.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "route/estimator/prompt_features.h"

namespace swy::route {
namespace {

class Learned final : public Estimator {
 public:
  // column[id]: the model of card `id`, or kNoModel.
  Learned(PromptFeatures features, WeightFile weights, std::unique_ptr<QualityModel> model,
          std::vector<std::size_t> column)
      : features_(std::move(features)),
        model_(std::move(model)),
        column_(std::move(column)),
        version_(weights.hash()),
        type_(std::move(weights.type)),
        models_(std::move(weights.models)),
        calls_(std::move(weights.tensors.find("calls")->second)) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    thread_local std::vector<float> x;
    thread_local std::vector<double> quality, tokens, cost;
    x.resize(features_.dims());
    for (std::vector<double>* v : {&quality, &tokens, &cost}) v->resize(models_.size());
    for (std::size_t m = 0; m < models_.size(); ++m) {
      tokens[m] = static_cast<double>(calls_[4 * m]);
      cost[m] = static_cast<double>(calls_[4 * m + 1]);
    }
    const bool read = features_.read(q.reading, x);
    if (read) model_->predict_all(x, quality, tokens, cost);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t m = column_[q.candidates[i]];
      if (m == kNoModel || q.masked(i)) continue;
      const auto call = [&](std::size_t k) { return static_cast<double>(calls_[4 * m + k]); };
      Belief& b = out[i];
      if (read && call(3) > 0 && !std::isnan(quality[m])) {
        b.quality = std::clamp(quality[m], 0.0, 1.0);
        b.evidence = call(3) / static_cast<double>(features_.dims());
        b.quality_var = b.quality * (1 - b.quality) / (1 + b.evidence);
      }
      believe_calls(q, i, {tokens[m], cost[m], call(2)}, b);
    }
  }
  [[nodiscard]] std::uint64_t version() const override { return version_; }
  [[nodiscard]] Status export_weights(const std::string& path) const override {
    WeightFile file{type_, features_.identity(), models_, {}, {}};
    model_->write(file);
    file.tensors["scales"].assign(features_.scales().begin(), features_.scales().end());
    std::vector<float>& calls = file.tensors["calls"] = calls_;
    for (float& v : calls) v = unknown_to_file(v);
    return file.save(path);
  }

 private:
  PromptFeatures features_;
  std::unique_ptr<QualityModel> model_;
  std::vector<std::size_t> column_;  // by ExpertId
  std::uint64_t version_;
  std::string type_;
  std::vector<std::string> models_;
  std::vector<float> calls_;  // tokens out, USD, seconds, observations by model
};

struct Fitted {
  WeightFile weights;
  std::unique_ptr<QualityModel> model;
  std::vector<std::size_t> column;
};

void add_calls(const ObservedModel& m, std::vector<float>& calls) {
  const PastCalls mean = mean_calls(m, kNoRow);
  for (const double v : {mean.tokens_out, mean.cost_usd, mean.latency_s, m.quality.count})
    calls.push_back(static_cast<float>(v));
}

// The prompts and observations of a table, and what was made of them.
struct Learning {
  std::optional<Observed> past;
  Result<std::unique_ptr<QualityModel>> model = nullptr;
};

Learning fit_stream(const LearnedType& type, const LearnedOptions& o, PromptFeatures& features,
                    base::Mark mark, BuildContext& ctx) {
  auto kept = Observed::load_and_keep(o.source, type.name, mark, ctx,
                                      [](const record::OutcomeRow& /*row*/) {});
  if (!kept) return {};
  const auto prompts = [&](const PromptFeatures::Say& say) -> Status {
    for (const std::uint32_t i : kept->rows) {
      const record::OutcomeRow row = kept->table.row(i);
      SWY_DO(say(row.prompt, row.tools));
    }
    return {};
  };
  const Encoder& encoder = ctx.encoder(features.encoder());
  auto model = type.fit_stream(features.dims(), kept->past, [&](const PromptFeatures::OnRow& f) {
    return features.stream(encoder, prompts, f);
  });
  return {std::move(kept->past), std::move(model)};
}

Learning fit_matrix(const LearnedType& type, const LearnedOptions& o, PromptFeatures& features,
                    base::Mark mark, BuildContext& ctx) {
  std::vector<std::string> prompts;
  std::vector<std::string> domains;
  std::vector<std::uint32_t> tools;
  auto past = Observed::load(o.source, type.name, mark, ctx, [&](const record::OutcomeRow& row) {
    prompts.emplace_back(row.prompt);
    domains.emplace_back(row.domain);
    tools.push_back(row.tools);
  });
  if (!past) return {};
  auto x = features.fit(ctx.encoder(features.encoder()), prompts, tools);
  if (!x) return {std::move(past), tl::unexpected(std::move(x).error())};
  auto model = type.fit_rows
                   ? type.fit_rows({*x, past->models(), domains, past->names(ctx.catalogue())})
                   : type.fit(*x, past->qualities());
  return {std::move(past), std::move(model)};
}

// nullopt: an error was reported, or there is nothing to learn from yet.
std::optional<Fitted> fit(const LearnedType& type, const LearnedOptions& o,
                          PromptFeatures& features, base::Mark mark, BuildContext& ctx) {
  if (!type.fit && !type.fit_rows && !type.fit_stream) {
    ctx.diag().error(mark, fmt::format("{}: name its weights, a file of `switchyard-train router "
                                       "--type {}`: this program cannot train it",
                                       type.name, type.name));
    return std::nullopt;
  }
  auto [past, model] = type.fit_stream ? fit_stream(type, o, features, mark, ctx)
                                       : fit_matrix(type, o, features, mark, ctx);
  if (!model) {
    ctx.diag().error(mark, fmt::format("{}: {}", type.name, model.error().message));
    return std::nullopt;
  }
  if (!past) return std::nullopt;
  Fitted f;
  f.weights.type = type.name;
  f.weights.features = features.identity();
  f.weights.models = past->names(ctx.catalogue());
  for (std::size_t c = 0; c < ctx.catalogue().size(); ++c) {
    const ObservedModel* m = past->of(static_cast<ExpertId>(c));
    f.column.push_back(m == nullptr ? kNoModel : past->index_of(*m));
  }
  std::vector<float> calls;
  for (const ObservedModel& m : past->models()) add_calls(m, calls);
  f.model = std::move(*model);
  f.model->write(f.weights);
  f.weights.tensors["calls"] = std::move(calls);
  f.weights.tensors["scales"].assign(features.scales().begin(), features.scales().end());
  return f;
}

// Whether the option `names`' "card=name" is about one of these models.
bool names_a(std::span<const std::string> models, std::string_view pair) {
  const std::size_t cut = pair.find('=');
  return cut != std::string_view::npos &&
         std::find(models.begin(), models.end(), pair.substr(cut + 1)) != models.end();
}

Result<Fitted> load(const LearnedType& type, const std::string& path, PromptFeatures& features,
                    const LearnedOptions& o, base::Mark mark, BuildContext& ctx) {
  Fitted f;
  SWY_TRY(f.weights, load_weights(type.name, path, features));
  SWY_TRY(f.model, type.read(f.weights, features.dims()));
  SWY_TRY(auto calls, f.weights.tensor("calls", 4 * f.weights.models.size()));
  for (float& v : calls) v = unknown_from_file(v);
  f.weights.tensors["calls"] = std::move(calls);
  // With a table beside it, some of `names` may be about that.
  std::vector<std::string> names = o.source.names;
  if (type.joins && !o.source.table.empty())
    std::erase_if(names, [&](const std::string& pair) { return !names_a(f.weights.models, pair); });
  f.column = match_cards(f.weights.models, names, mark, ctx);
  return f;
}

// What a table says of one model, at some of its rows.
ObservedModel at_rows(const ObservedModel& all, std::span<const std::size_t> rows) {
  ObservedModel some;
  for (const std::size_t i : rows) {
    some.quality.push(all.quality.value[i]);
    some.tokens_out.push(all.tokens_out.value[i]);
    some.cost_usd.push(all.cost_usd.value[i]);
    some.latency_s.push(all.latency_s.value[i]);
  }
  return some;
}

// The models of the table that the weights do not have. Errors are reported.
void join(const LearnedType& type, const LearnedOptions& o, const PromptFeatures& features,
          base::Mark mark, BuildContext& ctx, Fitted& f) {
  LearnedOptions source = o;
  std::erase_if(source.source.names,
                [&](const std::string& pair) { return names_a(f.weights.models, pair); });
  std::vector<std::string> prompts, probes;
  std::vector<std::uint32_t> tools, probe_tools;
  const auto past =
      Observed::load(source.source, type.name, mark, ctx, [&](const record::OutcomeRow& row) {
        prompts.emplace_back(row.prompt);
        tools.push_back(row.tools);
      });
  if (!past) return;
  std::vector<std::size_t> rows;
  const auto is_new = [&](ExpertId id) { return f.column[id] == kNoModel && past->of(id); };
  for (std::size_t i = 0; i < past->rows(); ++i) {
    bool wanted = false;
    for (std::size_t c = 0; c < f.column.size() && !wanted; ++c)
      wanted = is_new(static_cast<ExpertId>(c)) &&
               !std::isnan(past->of(static_cast<ExpertId>(c))->quality.value[i]);
    if (!wanted) continue;
    rows.push_back(i);
    probes.push_back(std::move(prompts[i]));
    probe_tools.push_back(tools[i]);
  }
  const auto x = features.apply(ctx.encoder(features.encoder()), probes, probe_tools);
  if (!x) return ctx.diag().error(mark, fmt::format("{}: {}", type.name, x.error().message));
  std::vector<float>& calls = f.weights.tensors["calls"];
  for (std::size_t c = 0; c < f.column.size(); ++c) {
    const auto id = static_cast<ExpertId>(c);
    if (!is_new(id)) continue;
    const ObservedModel probed = at_rows(*past->of(id), rows);
    f.model->join(*x, probed);
    f.column[c] = f.weights.models.size();
    f.weights.models.push_back(ctx.catalogue()[id].name);
    add_calls(*past->of(id), calls);
  }
  f.model->write(f.weights);  // another version than without them
}

}  // namespace

void LearnedOptions::bind(base::OptionBinder& b) {
  source.bind(b);
  b.field("weights", weights, "a file of `switchyard train router`, instead of a table");
  b.field("encoder", encoder, "encoder of the features, by configured or type name");
}

Result<WeightFile> load_weights(std::string_view type, const std::string& path,
                                PromptFeatures& features) {
  SWY_TRY(auto weights, WeightFile::load(path));
  if (weights.type != type)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: weights of {}, not of {}", path, weights.type, type));
  if (weights.features != features.identity())
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: fitted on the features {}, here they are {}; train it again or "
                            "name the encoder that it was fitted with",
                            path, weights.features, features.identity()));
  SWY_TRY(auto scales, weights.tensor("scales", 2 * PromptFeatures::kCounts));
  features.set_scales(std::move(scales));
  return weights;
}

bool one_source(std::string_view type, const LearnedOptions& o, base::Mark mark,
                BuildContext& ctx) {
  if (o.weights.empty() || o.source.table.empty()) return true;
  ctx.diag().error(mark, fmt::format("{}: table or weights, not both", type));
  return false;
}

void write_network(const math::TwoLayer& net, const std::string& prefix, WeightFile& out) {
  out.tensors[prefix + "in"] = net.in;
  out.tensors[prefix + "in_bias"] = net.in_bias;
  out.tensors[prefix + "out"] = net.out;
  out.tensors[prefix + "out_bias"] = net.out_bias;
  if (net.has_shared) out.tensors[prefix + "shared"] = net.shared;
}

Result<math::TwoLayer> read_network(const WeightFile& w, const std::string& prefix,
                                    std::size_t dims, math::HiddenUnit unit, bool shared) {
  math::TwoLayer net;
  net.dims = dims;
  net.outputs = w.models.size();
  net.unit = unit;
  net.has_shared = shared;
  const auto bias = w.tensors.find(prefix + "in_bias");
  net.hidden = bias == w.tensors.end() ? 0 : bias->second.size();
  SWY_TRY(net.in_bias, w.tensor(prefix + "in_bias", net.hidden));
  SWY_TRY(net.in, w.tensor(prefix + "in", net.hidden * dims));
  SWY_TRY(net.out, w.tensor(prefix + "out", net.outputs * net.hidden));
  SWY_TRY(net.out_bias, w.tensor(prefix + "out_bias", net.outputs));
  if (shared) {
    SWY_TRY(net.shared, w.tensor(prefix + "shared", dims + 1));
  }
  return net;
}

std::unique_ptr<Estimator> make_learned(const LearnedType& type, const LearnedOptions& o,
                                        const base::Doc& node, BuildContext& ctx) {
  const std::size_t before = ctx.diag().errors();
  if (!type.joins && !one_source(type.name, o, node.mark(), ctx)) return nullptr;
  auto features = PromptFeatures::make(o.encoder, node.mark(), ctx);
  if (!features) return nullptr;
  std::optional<Fitted> fitted;
  if (o.weights.empty()) {
    fitted = fit(type, o, *features, node.mark(), ctx);
  } else {
    const auto path = std::filesystem::path(ctx.directory()) / o.weights;
    auto loaded = load(type, path.string(), *features, o, node.mark(), ctx);
    if (loaded) {
      fitted = std::move(*loaded);
      if (!o.source.table.empty()) join(type, o, *features, node.mark(), ctx, *fitted);
    } else {
      ctx.diag().error(node.mark(), loaded.error().message);
    }
  }
  if (ctx.diag().errors() != before) return nullptr;
  if (!fitted) return std::make_unique<Unlearned>();
  return std::make_unique<Learned>(std::move(*features), std::move(fitted->weights),
                                   std::move(fitted->model), std::move(fitted->column));
}

namespace {

class Network final : public QualityModel {
 public:
  explicit Network(math::TwoLayer net) : net_(std::move(net)) {}
  void predict(std::span<const float> x, std::span<double> quality) const override {
    net_.predict(x, quality);
  }
  void write(WeightFile& out) const override { write_network(net_, "", out); }

 private:
  math::TwoLayer net_;
};

}  // namespace

void TrainingOptions::bind(base::OptionBinder& b, std::string_view seed_means) {
  b.field("rate", rate, {.min = 0.0001, .max = 1}, "learning rate (Adam)");
  b.field("decay", decay, {.min = 0, .max = 1}, "penalty on squared weights");
  b.field("epochs", epochs, {.min = 1, .max = 10'000},
          "at most; it ends when held-out rows are predicted no better");
  b.field("seed", seed, {.min = 0, .max = 1e9}, std::string(seed_means).c_str());
}

math::DescentOptions TrainingOptions::descent() const {
  return {.rate = rate,
          .decay = decay,
          .epochs = static_cast<std::size_t>(epochs),
          .seed = static_cast<std::uint64_t>(seed)};
}

void NetworkOptions::bind(base::OptionBinder& b, std::string_view hidden_means) {
  learned.bind(b);
  b.field("hidden", hidden, {.min = 1, .max = 4096}, std::string(hidden_means).c_str());
  training.bind(b, "of starting weights and order");
}

LearnedType network_type(std::string_view name, const NetworkOptions& o, math::HiddenUnit unit,
                         bool shared) {
  const math::DescentOptions descent = o.training.descent();
  const math::TwoLayerOptions options{.hidden = static_cast<std::size_t>(o.hidden),
                                      .unit = unit,
                                      .shared = shared,
                                      .rate = descent.rate,
                                      .decay = descent.decay,
                                      .epochs = descent.epochs,
                                      .patience = descent.patience,
                                      .seed = descent.seed};
  return {name,
          [options](const math::Matrix& x, std::span<const std::vector<float>> quality) {
            return std::make_unique<Network>(math::fit_two_layer(x, quality, options));
          },
          [unit, shared](const WeightFile& w,
                         std::size_t dims) -> Result<std::unique_ptr<QualityModel>> {
            SWY_TRY(auto net, read_network(w, "", dims, unit, shared));
            return std::make_unique<Network>(std::move(net));
          }};
}

}  // namespace swy::route
