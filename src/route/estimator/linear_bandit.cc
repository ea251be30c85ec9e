// linear_bandit: one linear regression per model over what the prompt is like, learned one outcome
// at a time, that says how sure it is.
//
// Formula: q_m(x) = prior_m + theta_m . x, variance noise^2 x'A_m^-1 x, with A_m = ridge I + sum w
// x x' and theta_m = A_m^-1 sum w (r - prior_m) x over the outcomes r of model m
// (math/online_ridge.h). x holds a constant, the first `dims` numbers of the built-in embedding of
// the last user message (its leading principal components) scaled to length 1, and a 1 for every
// signal of `signals` that is true; the whole is scaled to length 1, so that ridge 1 starts every
// model at the variance noise^2. With policy ucb this is LinUCB (Li et al. 2010, arXiv 1003.0146)
// in the disjoint form that LLM routers use (request-routing.md 3.8, 5.10), with thompson it is
// linear Thompson sampling. A prior in place of 0 is PILOT's theta_0 (arXiv 2508.21141): the card's
// quality, or outcome tables, whose rows are learned at a weight that makes all of them worth
// `strength` live outcomes a model. forget < 1 multiplies what was learned by that at every outcome
// (ParetoBandit's geometric forgetting), so that a model that changes is learned anew. hidden > 0:
// a two-layer network (math/two_layer.h) is trained on the tables, and x is what its hidden units
// say of the above, with a constant, scaled to length 1: with policy ucb a variant of NeuralUCB
// (arXiv 1911.04462, and 2603.30035 for LLM routers) on last-layer features, of which only the last
// layer learns on while serving. Right
// because the posterior of a linear model with normal noise is exactly this. Cost: an embedding
// (tens of microseconds at most) plus dims^2 multiplications a model; update dims^2 (with
// forgetting dims^3 / 3 of every model). Loses when quality is not linear in such an x: then it is
// the mean per model plus little, like every linear router. A row that is asked about is left out
// of what was learned from it, exactly. Cost and latency stay unknown on purpose: prices change,
// and `price` knows them. Deviations: rewards are qualities, without the price (5.10, pitfalls);
// variance at most 1/4. Tests: linear_bandit_test.cc, online_ridge_test.cc, conformance_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

#include "base/hash.h"
#include "base/json.h"
#include "math/online_ridge.h"
#include "math/two_layer.h"
#include "route/detail/named.h"
#include "route/estimator/observed.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr double kMostVariance = 0.25;  // of anything in 0..1
constexpr int kFormat = 1;
constexpr std::string_view kKind = "linear_bandit";

struct Options {
  TableOptions source;
  std::int64_t dims = 31;
  std::vector<std::string> signals;
  bool bias = true;
  double ridge = 1;
  double noise = 0.5;
  double prior = kUnknownNumber;
  double strength = 100;
  double forget = 1;
  std::int64_t hidden = 0;
  std::string state;

  void bind(base::OptionBinder& binder) {
    source.bind(binder);
    binder.field("dims", dims, {.min = 0, .max = 256},
                 "numbers of the embedding that are read; 0: none");
    binder.field("signals", signals, "signals that are read too: 1 where true, else 0");
    binder.field("bias", bias, "a constant among the features");
    binder.field("ridge", ridge, {.min = 1e-6, .max = 1e6},
                 "pseudo-outcomes at the prior in every direction");
    binder.field("noise", noise, {.min = 0, .max = 1},
                 "standard deviation of one outcome around its expectation");
    binder.field("prior", prior, {.min = 0, .max = 1},
                 "quality before anything is learned; else the card's default, else 0.5");
    binder.field("strength", strength, {.min = 0, .max = 1e9},
                 "live outcomes that all rows of the tables together are worth, for every model");
    binder.field("forget", forget, {.min = 0.5, .max = 1},
                 "what is left of an outcome after the next one; 1: everything");
    binder.field("hidden", hidden, {.min = 0, .max = 1024},
                 "units of a network, trained on the tables, that features go through; 0: none");
    binder.field("state", state, "file that keeps what is learned while serving");
  }
};

// What a prompt is turned into.
struct Features {
  std::optional<std::uint16_t> encoder;
  const Encoder* embed = nullptr;  // the plan's; null: dims is 0
  std::size_t dims = 0;
  std::vector<FactId> signals;
  std::vector<std::string> signal_names;
  bool bias = true;
  std::shared_ptr<const math::TwoLayer> net;  // null: the features are read as they are

  [[nodiscard]] std::size_t read() const { return dims + signals.size() + (bias ? 1 : 0); }
  [[nodiscard]] std::size_t size() const { return net ? net->hidden + 1 : read(); }

  // Names everything that gives a number its meaning.
  [[nodiscard]] std::string hash() const {
    std::string text = fmt::format("{} {} {}", bias, dims, embed ? embed->content_hash() : "");
    for (const std::string& s : signal_names) text += " " + s;
    if (net) {
      const auto bytes = [](const std::vector<float>& v) {
        return std::string_view(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(float));
      };
      text +=
          fmt::format(" net {}", base::hash64(bytes(net->in), base::hash64(bytes(net->in_bias))));
    }
    return base::hex64(base::hash64(text));
  }

  // What the network's hidden units say of x, in its place.
  void pass(std::vector<double>& x) const {
    if (!net) return;
    thread_local std::vector<double> raw;
    raw = x;
    x.assign(net->hidden, 0.0);
    for (std::size_t h = 0; h < net->hidden; ++h) {
      double sum = static_cast<double>(net->in_bias[h]);
      for (std::size_t d = 0; d < raw.size(); ++d)
        sum += static_cast<double>(net->in[h * raw.size() + d]) * raw[d];
      x[h] = std::max(sum, 0.0);
    }
    x.push_back(1);
    unit(x);
  }

  // Scales x to length 1; the zero vector stays.
  static void unit(std::span<double> x) {
    double sum = 0;
    for (const double v : x) sum += v * v;
    if (sum == 0) return;
    for (double& v : x) v /= std::sqrt(sum);
  }

  // facts: truth of signal k.
  template <typename Facts>
  void fill(std::span<const float> vector, Facts&& facts, std::vector<double>& x) const {
    x.assign(vector.begin(), vector.begin() + static_cast<std::ptrdiff_t>(dims));
    unit(x);
    for (std::size_t k = 0; k < signals.size(); ++k) x.push_back(facts(k) ? 1.0 : 0.0);
    if (bias) x.push_back(1);
    unit(x);
  }

  // False: the encoding is not there yet (decide() provides it and asks again).
  bool of(const Question& q, std::vector<double>& x) const {
    std::span<const float> vector = kZero;
    if (embed != nullptr) {
      const Encoding* there = q.reading.encoding({*encoder, chat::Scope::kLastUser});
      if (there == nullptr) return false;
      // What could not be encoded is the constant alone.
      if (there->state == Encoding::State::kReady) vector = there->values;
    }
    fill(vector, [&](std::size_t k) { return q.fact(signals[k]).truth == Truth::kTrue; }, x);
    pass(x);
    return true;
  }

  // The same for a reading that nobody asked yet: encodes on this thread.
  void of_now(const Question& q, std::vector<double>& x) const {
    if (of(q, x)) return;
    std::vector<float> vector(embed->dims());
    const EncodingKey key{*encoder, chat::Scope::kLastUser};
    const std::string_view text = q.reading.text(key.scope);
    const bool ok = embed->encode(std::span(&text, 1), vector).has_value();
    q.reading.provide(key, ok ? Encoding::State::kReady : Encoding::State::kFailed,
                      ok ? std::span<const float>(vector) : std::span<const float>());
    (void)of(q, x);
  }

 private:
  static constexpr std::array<float, 256> kZero{};  // as many as dims can be
};

class LinearBandit final : public Estimator {
 public:
  LinearBandit(Features features, const Options& o, std::vector<double> prior)
      : features_(std::move(features)),
        noise_(o.noise),
        forget_(o.forget),
        file_(o.state),
        prior_(std::move(prior)),
        arms_(prior_.size(), math::OnlineRidge(features_.size(), o.ridge)) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    thread_local std::vector<double> x;  // working memory, nothing is remembered in it
    if (!features_.of(q, x)) return;
    const std::uint32_t excluded = past_ ? past_->find(q.work().exclude_row) : kNoRow;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (q.masked(i)) continue;
      const ExpertId id = q.candidates[i];
      auto said = arms_[id].predict(x);
      double evidence = arms_[id].examples();
      if (const auto seen = from_table(id, excluded)) {
        said = math::OnlineRidge::without(said, *seen - prior_[id], weight_[id]);
        evidence -= weight_[id];
      }
      out[i].quality = std::clamp(prior_[id] + said.mean, 0.0, 1.0);
      out[i].quality_var = std::min(noise_ * noise_ * said.leverage, kMostVariance);
      out[i].evidence = std::max(evidence, 0.0);
    }
  }
  [[nodiscard]] std::span<const FactId> needs() const override { return features_.signals; }
  [[nodiscard]] std::uint64_t version() const override {
    std::uint64_t h = base::hash64(features_.hash());
    for (const auto& arm : arms_) {
      for (const std::span<const double> v : {arm.moment(), arm.gram()})
        h = base::hash64({reinterpret_cast<const char*>(v.data()), v.size_bytes()}, h);
    }
    return h;
  }

  // Says what one made from the saved file would say, to the last bit.
  [[nodiscard]] std::unique_ptr<Estimator> copy() const override {
    auto same = std::make_unique<LinearBandit>(*this);
    for (math::OnlineRidge& arm : same->arms_) arm.settle();
    return same;
  }
  void update(const Question& q, std::size_t candidate, const Outcome& o) override {
    if (!(o.quality >= 0 && o.quality <= 1)) return;
    std::vector<double> x;
    features_.of_now(q, x);
    if (forget_ < 1) {
      for (auto& arm : arms_) arm.forget(forget_);
    }
    const ExpertId id = q.candidates[candidate];
    arms_[id].learn(x, o.quality - prior_[id]);
  }
  [[nodiscard]] Status save() const override;

  // Learns the rows of the tables; rows[r] is the embedding of row r.
  void learn_table(Observed past, const std::vector<std::vector<double>>& rows, double strength) {
    weight_.assign(arms_.size(), 0.0);
    for (std::size_t id = 0; id < arms_.size(); ++id) {
      const ObservedModel* model = past.of(static_cast<ExpertId>(id));
      if (model == nullptr || model->quality.count == 0) continue;
      weight_[id] = std::min(1.0, strength / model->quality.count);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const auto y = static_cast<double>(model->quality.value[r]);
        if (!std::isnan(y)) arms_[id].learn(rows[r], y - prior_[id], weight_[id]);
      }
    }
    past_ = std::make_shared<const Observed>(std::move(past));
  }
  // False after an error was reported. A file that does not exist yet is fine.
  bool restore(const std::string& path, base::Mark mark, BuildContext& ctx);
  void name_arms(const Catalogue& catalogue) { names_ = catalogue.names(); }
  void keep_at(std::string path) { file_ = std::move(path); }

 private:
  // What the table says of this model on that row, when it was learned.
  [[nodiscard]] std::optional<double> from_table(ExpertId id, std::uint32_t row) const {
    if (row == kNoRow) return std::nullopt;
    const ObservedModel* model = past_->of(id);
    if (model == nullptr || std::isnan(model->quality.value[row])) return std::nullopt;
    return static_cast<double>(model->quality.value[row]);
  }

  Features features_;
  double noise_;
  double forget_;
  std::string file_;
  std::vector<double> prior_;  // by ExpertId, as all below
  std::vector<math::OnlineRidge> arms_;
  std::vector<double> weight_;  // of a row of the tables
  std::vector<std::string> names_;
  std::shared_ptr<const Observed> past_;  // null: nothing learned from tables
};

// ---- what is kept in a file
// ------------------------------------------------------------------------------------------

void write_numbers(base::JsonWriter& w, std::string_view name, std::span<const double> values) {
  w.key(name).begin_array();
  for (const double v : values) w.number(v);
  w.end_array();
}

std::vector<double> read_numbers(const base::Json& object, std::string_view name) {
  std::vector<double> out;
  if (const auto list = object.find(name)) {
    list->each([&](const base::Json& v) { out.push_back(v.as_number().value_or(kUnknownNumber)); });
  }
  return out;
}

Status LinearBandit::save() const {
  if (file_.empty()) return {};
  std::string text;
  base::JsonWriter w(text);
  w.begin_object()
      .field("kind", kKind)
      .field("format", kFormat)
      .field("features", features_.hash())
      .key("models")
      .begin_array();
  for (std::size_t id = 0; id < arms_.size(); ++id) {
    w.begin_object()
        .field("name", names_[id])
        .field("prior", prior_[id])
        .field("examples", arms_[id].examples());
    write_numbers(w, "moment", arms_[id].moment());
    write_numbers(w, "gram", arms_[id].gram());
    w.end_object();
  }
  w.end_array().end_object();
  text += '\n';
  const std::string fresh = file_ + ".new";
  std::ofstream out(fresh, std::ios::binary);
  out << text;
  out.close();
  if (!out || std::rename(fresh.c_str(), file_.c_str()) != 0)
    return fail(ErrorCode::kIo, fmt::format("cannot write {}", file_));
  return {};
}

bool LinearBandit::restore(const std::string& path, base::Mark mark, BuildContext& ctx) {
  const auto text = base::read_file(path);
  if (!text) {
    ctx.diag().note(mark, fmt::format("{} does not exist yet: it will be written", path));
    return true;
  }
  const auto refuse = [&](const std::string& why) {
    ctx.diag().error(mark, fmt::format("{}: {}", path, why));
    return false;
  };
  base::JsonDoc doc;
  const auto root = doc.parse(*text);
  if (!root || root->string_or("kind", "") != kKind || root->integer_or("format", 0) != kFormat)
    return refuse(fmt::format("is no {} file of format {}", kKind, kFormat));
  const std::string_view theirs = root->string_or("features", "");
  if (theirs != features_.hash()) {
    return refuse(
        fmt::format("was learned over other features ({}, these are {}); name another file "
                    "or go back to the options it was learned with",
                    theirs, features_.hash()));
  }
  const auto models = root->find("models");
  bool sound = models.has_value();
  std::size_t known = 0;
  if (models) {
    models->each([&](const base::Json& m) {
      const auto id = ctx.catalogue().find(m.string_or("name", ""));
      if (!id) return;  // a model that is no longer configured
      // Moments are of r - prior; a prior that changed moves them by its difference times sum w x,
      // which is not kept: such a model starts anew.
      if (m.number_or("prior", kUnknownNumber) != prior_[*id]) return;
      sound = sound && arms_[*id].restore(read_numbers(m, "gram"), read_numbers(m, "moment"),
                                          m.number_or("examples", kUnknownNumber));
      ++known;
    });
  }
  if (!sound) return refuse("its numbers are damaged");
  ctx.diag().note(mark, fmt::format("{}: goes on from what was learned of {} models", path, known));
  return true;
}

// ---- making one
// ------------------------------------------------------------------------------------------------------

std::optional<Features> features_of(const Options& o, base::Mark mark, BuildContext& ctx) {
  Features f;
  f.bias = o.bias;
  f.signal_names = o.signals;
  for (const std::string& name : o.signals) {
    const auto id = signal_named(name, "signals", mark, ctx);
    if (!id) return std::nullopt;
    f.signals.push_back(*id);
  }
  if (o.dims > 0) {
    f.encoder = ctx.encoder("static_embedding", mark);
    if (!f.encoder) return std::nullopt;
    f.embed = &ctx.encoder(*f.encoder);
    f.dims = std::min(static_cast<std::size_t>(o.dims), f.embed->dims());
  }
  if (f.size() == 0) {
    ctx.diag().error(mark, "linear_bandit: nothing to learn from: give dims, signals or bias");
    return std::nullopt;
  }
  if (o.hidden > 0 && o.source.table.empty()) {
    ctx.diag().error(mark, "linear_bandit: hidden needs a table to train its network on");
    return std::nullopt;
  }
  if (!o.source.table.empty() && !o.signals.empty()) {
    ctx.diag().error(mark,
                     "linear_bandit: tables do not say what signals would have said; leave out "
                     "table or signals");
    return std::nullopt;
  }
  return f;
}

std::vector<double> priors(const Options& o, const Catalogue& catalogue) {
  std::vector<double> prior;
  for (const Card& card : catalogue.cards()) {
    double p = 0.5;
    for (const auto& [domain, quality] : card.quality) {
      if (domain == "default") p = quality;
    }
    prior.push_back(std::isnan(o.prior) ? p : o.prior);
  }
  return prior;
}

struct Taught {
  Observed past;
  std::vector<std::vector<double>> rows;  // features of every row
};

// nullopt: an error was reported, or there is nothing to learn from yet.
std::optional<Taught> read_tables(const Options& o, const Features& f, base::Mark mark,
                                  BuildContext& ctx) {
  const std::size_t before = ctx.diag().errors();
  std::vector<std::vector<double>> rows;
  std::vector<float> vector(f.embed == nullptr ? f.dims : f.embed->dims());
  auto past = Observed::load(o.source, kKind, mark, ctx, [&](const record::OutcomeRow& row) {
    if (f.embed != nullptr) {
      vector.assign(f.embed->dims(), 0.0F);
      const std::string_view text = row.prompt;
      (void)f.embed->encode(std::span(&text, 1), vector);
    }
    f.fill(vector, [](std::size_t) { return false; }, rows.emplace_back());
  });
  if (ctx.diag().errors() != before || !past) return std::nullopt;
  return Taught{std::move(*past), std::move(rows)};
}

// Trains the network and has the rows go through it.
void train_network(std::int64_t hidden, Features& f, Taught& taught) {
  math::Matrix x(taught.rows.size(), f.read());
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t d = 0; d < x.cols(); ++d) x.row(i)[d] = static_cast<float>(taught.rows[i][d]);
  f.net = std::make_shared<const math::TwoLayer>(math::fit_two_layer(
      x, taught.past.qualities(), {.hidden = static_cast<std::size_t>(hidden)}));
  for (std::vector<double>& row : taught.rows) f.pass(row);
}

}  // namespace

std::unique_ptr<Estimator> make_linear_bandit(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  auto features = features_of(options, node.mark(), ctx);
  if (!features) return nullptr;
  std::string path;
  if (!options.state.empty()) path = (ctx.directory() + "/").append(options.state);
  if (options.state.starts_with('/')) path = options.state;
  const bool kept = !path.empty() && base::read_file(path).has_value();
  const std::size_t before = ctx.diag().errors();
  std::optional<Taught> taught;
  if (!options.source.table.empty() && (!kept || options.hidden > 0))
    taught = read_tables(options, *features, node.mark(), ctx);
  if (ctx.diag().errors() != before) return nullptr;
  if (options.hidden > 0) {
    if (!taught) return std::make_unique<Unlearned>();  // there is no network yet
    train_network(options.hidden, *features, *taught);
  }
  auto bandit = std::make_unique<LinearBandit>(std::move(*features), options,
                                               priors(options, ctx.catalogue()));
  bandit->name_arms(ctx.catalogue());
  bandit->keep_at(path);
  if (taught && !kept) bandit->learn_table(std::move(taught->past), taught->rows, options.strength);
  if (!path.empty() && !bandit->restore(path, node.mark(), ctx)) return nullptr;
  return bandit;
}

}  // namespace swy::route
