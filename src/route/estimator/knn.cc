// knn: what happened on the most similar prompts of an outcome table.
//
// Formula: similarity = cosine of TF-IDF vectors of hashed words and word pairs of the last user
// message (knn_index.h). For every model, of the `neighbours` most similar rows that have an
// observation of it:
//   quality = (n_eff * sum(w y)/sum(w) + shrink * mean) / (n_eff + shrink), n_eff = (sum w)^2 / sum
//   w^2, quality_var = q (1 - q) / (n_eff + shrink + 1), evidence = n_eff,
// with w = 1 (uniform) or the similarity (cosine), and mean the model's mean over the whole table:
// two pseudo-neighbours by default, so that thin evidence falls back to the best single model.
// Answer length and latency are pooled the same way; cost = tokens_in * input + length * output of
// the card when it is priced (raw tokens, today's price), else the pooled cost of the table. Right
// because a missing observation is skipped, not 0, and kNN with enough neighbours is consistent
// whatever the truth (request-routing.md 3.1; "tuned kNN matches learned routers", arXiv
// 2505.12601). Cost: postings of the query's features plus one pass over the rows per group of
// models with the same rows; see docs/reference/estimators.md for measured times. Memory: about 8
// bytes per word of the table. Loses when wording says nothing about difficulty (the usual case
// within one domain), on paraphrases, and on prompts unlike the table: then it says the global
// mean, with evidence near 0 under min_similarity. Unknown: a card without outcomes, and everything
// while there is no table. The row that the work names in exclude_row is never learned from,
// neither as neighbour nor in the mean. Deviations from 3.1: no softmax weights; variance counts
// the pseudo-neighbours instead of adding a constant. Tests: knn_index_test.cc (brute force, T4),
// knn_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "route/estimator/expected_output.h"
#include "route/estimator/knn_index.h"
#include "route/estimator/outcome_tables.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

// Features in more rows than this share are dropped: stop words. Measured:
// docs/reference/estimators.md.
constexpr double kMaxShare = 0.2;
constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);
constexpr std::uint32_t kNoRow = 0xFFFFFFFF;

struct Options {
  std::vector<std::string> table;
  std::int64_t neighbours = 40;
  std::string weights = "cosine";
  double shrink = 2;
  double min_similarity = 0;
  std::vector<std::string> names;
  std::string part = "all";

  void bind(base::OptionBinder& binder) {
    binder.field("table", table, "outcome tables: files, or directories of them");
    binder.field("neighbours", neighbours, {.min = 1, .max = 10'000}, "how many rows are asked");
    binder.field("weights", weights, "cosine: nearer rows count more; or uniform");
    binder.field("shrink", shrink, {.min = 0, .max = 1e6},
                 "pseudo-neighbours at the model's mean over the whole table");
    binder.field("min_similarity", min_similarity, {.min = 0, .max = 1},
                 "rows less similar than this are no neighbours");
    binder.field(
        "names", names,
        "card=name in the table, where they differ; else the card's name or upstream_model");
    binder.field("part", part, "rows to learn from: all, train or dev");
  }
};

// One observed number of one model, by row; NaN where it was not observed.
struct Column {
  std::vector<float> value;
  double sum = 0;
  double count = 0;

  void push(float v) {
    value.push_back(v);
    if (std::isnan(v)) return;
    sum += static_cast<double>(v);
    count += 1;
  }
  // Mean over all rows but one.
  [[nodiscard]] double mean_without(std::uint32_t row) const {
    const bool out = row != kNoRow && !std::isnan(value[row]);
    const double n = count - (out ? 1 : 0);
    return n > 0 ? (sum - (out ? static_cast<double>(value[row]) : 0)) / n : kUnknownNumber;
  }
};

struct Model {
  Column quality;
  Column tokens_out;
  Column cost_usd;
  Column latency_s;
  std::size_t group =
      0;  // models of one group have observations of the same rows, hence the same neighbours
};

struct Learned {
  RowIndex index;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> row_of;  // hash of the id, sorted
  std::vector<std::size_t> column;  // by ExpertId, into models, or kNoColumn
  std::vector<Model> models;
  std::size_t groups = 0;
  std::uint64_t version = 0;

  [[nodiscard]] std::uint32_t find(std::string_view id) const {
    if (id.empty()) return kNoRow;
    const std::uint64_t h = base::hash64(id);
    const auto it = std::lower_bound(row_of.begin(), row_of.end(), std::pair(h, std::uint32_t{0}));
    return it != row_of.end() && it->first == h ? it->second : kNoRow;
  }
};

class Knn final : public Estimator {
 public:
  Knn(Learned learned, const Options& o)
      : learned_(std::move(learned)),
        neighbours_(static_cast<std::size_t>(o.neighbours)),
        weights_(o.weights == "cosine" ? Weights::kCosine : Weights::kUniform),
        shrink_(o.shrink),
        least_(static_cast<float>(o.min_similarity)) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    // Working memory of one call, kept per thread so that a decision does not allocate; nothing is
    // remembered in it.
    thread_local std::vector<float> similarity;
    thread_local std::vector<Hit> hits;
    similarity.resize(learned_.index.rows());
    learned_.index.similarities(q.reading.sketch().features(), similarity);
    const std::uint32_t excluded = learned_.find(q.work().exclude_row);
    if (excluded != kNoRow) similarity[excluded] = 0;
    for (std::size_t group = 0; group < learned_.groups; ++group) {
      bool selected = false;
      for (std::size_t i = 0; i < out.size(); ++i) {
        const Model* model = model_of(q.candidates[i]);
        if (model == nullptr || model->group != group || q.masked(i)) continue;
        if (!selected) select_nearest(similarity, model->quality.value, neighbours_, least_, hits);
        selected = true;
        out[i] = believe(q, i, *model, hits, excluded);
      }
    }
  }
  [[nodiscard]] std::uint64_t version() const override { return learned_.version; }

 private:
  [[nodiscard]] const Model* model_of(ExpertId id) const {
    const std::size_t c = learned_.column[id];
    return c == kNoColumn ? nullptr : &learned_.models[c];
  }

  [[nodiscard]] Pooled pooled(const Column& column, std::span<const Hit> hits,
                              std::uint32_t excluded) const {
    if (column.count == 0) return {kUnknownNumber, 0};
    return pool(hits, column.value, weights_, shrink_, column.mean_without(excluded));
  }

  [[nodiscard]] Belief believe(const Question& q, std::size_t i, const Model& model,
                               std::span<const Hit> hits, std::uint32_t excluded) const {
    Belief b;
    const Pooled quality = pooled(model.quality, hits, excluded);
    b.quality = quality.mean;
    b.evidence = quality.evidence;
    b.quality_var = b.quality * (1 - b.quality) / (quality.evidence + shrink_ + 1);
    b.latency_ms = 1e3 * pooled(model.latency_s, hits, excluded).mean;
    const Card& card = q.card(i);
    if (card.price.known()) {
      const double length = pooled(model.tokens_out, hits, excluded).mean;
      if (!std::isnan(length)) {
        const chat::Request& request = q.reading.request();
        b.cost_micro = expected_cost_micro(request, card, q.reading.tokens_in(),
                                           expected_output(request, card, length));
      }
    } else {
      b.cost_micro = 1e6 * pooled(model.cost_usd, hits, excluded).mean;
    }
    return b;
  }

  Learned learned_;
  std::size_t neighbours_;
  Weights weights_;
  double shrink_;
  float least_;
};

// Nothing is known until outcomes exist.
class Unlearned final : public Estimator {
 public:
  void estimate(const Question& /*q*/, std::span<Belief> /*out*/) const override {}
};

// The table's model for every card: by the option `names`, by the card's name, by its
// upstream_model.
std::vector<std::size_t> match_models(const record::OutcomeTable& table, const Options& options,
                                      base::Mark mark, BuildContext& ctx) {
  const Catalogue& catalogue = ctx.catalogue();
  std::vector<std::size_t> match;
  for (const Card& card : catalogue.cards()) {
    std::size_t m = table.model_index(card.name);
    if (m == record::OutcomeTable::npos) m = table.model_index(card.upstream_model);
    match.push_back(m);
  }
  for (const std::string& pair : options.names) {
    const std::size_t cut = pair.find('=');
    const std::string card = pair.substr(0, cut);
    const auto id = catalogue.find(card);
    const std::string name = cut == std::string::npos ? "" : pair.substr(cut + 1);
    const std::size_t m = table.model_index(name);
    if (!id) {
      ctx.diag().error(
          mark, fmt::format("names: '{}' should be card=name; there is no model '{}'{}", pair, card,
                            base::did_you_mean(card, catalogue.names())));
    } else if (m == record::OutcomeTable::npos) {
      ctx.diag().error(mark, fmt::format("names: the table has no model '{}'{}", name,
                                         base::did_you_mean(name, table.models())));
    } else {
      match[*id] = m;
    }
  }
  return match;
}

// Models with observations of the same rows share one selection of neighbours.
void group_models(Learned& learned) {
  std::vector<std::vector<bool>> seen;
  for (Model& model : learned.models) {
    std::vector<bool> rows;
    rows.reserve(model.quality.value.size());
    for (const float y : model.quality.value) rows.push_back(!std::isnan(y));
    const auto it = std::find(seen.begin(), seen.end(), rows);
    model.group = static_cast<std::size_t>(it - seen.begin());
    if (it == seen.end()) seen.push_back(std::move(rows));
  }
  learned.groups = seen.size();
}

// What was learned, as one number: rows and every observation of them.
std::uint64_t content_hash(const Learned& learned, std::uint64_t prompts) {
  std::uint64_t h = prompts;
  for (const Model& model : learned.models) {
    for (const Column* c : {&model.quality, &model.tokens_out, &model.cost_usd, &model.latency_s}) {
      const auto* bytes = reinterpret_cast<const char*>(c->value.data());
      h = base::hash64({bytes, c->value.size() * sizeof(float)}, h);
    }
  }
  return h;
}

Learned learn(const record::OutcomeTable& table, const Options& options,
              const std::vector<std::size_t>& match) {
  Learned learned;
  std::vector<std::size_t> sources;
  for (const std::size_t m : match) {
    const auto it = std::find(sources.begin(), sources.end(), m);
    const auto at = static_cast<std::size_t>(it - sources.begin());
    learned.column.push_back(m == record::OutcomeTable::npos ? kNoColumn : at);
    if (m != record::OutcomeTable::npos && it == sources.end()) sources.push_back(m);
  }
  learned.models.resize(sources.size());
  text::Sketch sketch;
  std::uint64_t prompts = 0;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const record::OutcomeRow row = table.row(i);
    if (options.part != "all" && row.part != options.part) continue;
    learned.row_of.emplace_back(base::hash64(row.id),
                                static_cast<std::uint32_t>(learned.index.rows()));
    prompts = base::hash64(row.prompt, base::hash64(row.id, prompts));
    text::sketch_into(row.prompt, sketch);
    learned.index.add(sketch.features());
    for (std::size_t c = 0; c < sources.size(); ++c) {
      const record::Cell& cell = table.cell(i, sources[c]);
      learned.models[c].quality.push(cell.quality);
      learned.models[c].tokens_out.push(cell.tokens_out);
      learned.models[c].cost_usd.push(cell.cost_usd);
      learned.models[c].latency_s.push(cell.latency_s);
    }
  }
  std::sort(learned.row_of.begin(), learned.row_of.end());
  learned.index.finish(kMaxShare);
  group_models(learned);
  learned.version = content_hash(learned, prompts);
  return learned;
}

bool valid(const Options& options, base::Mark mark, base::Diagnostics& diag) {
  const std::size_t before = diag.errors();
  if (options.table.empty()) {
    diag.error(mark, "knn: say which outcome table to learn from, for example table: outcomes/");
  }
  if (options.weights != "uniform" && options.weights != "cosine") {
    diag.error(mark, fmt::format("weights: '{}' should be uniform or cosine", options.weights));
  }
  if (options.part != "all" && options.part != "train" && options.part != "dev") {
    diag.error(mark, fmt::format("part: '{}' should be all, train or dev", options.part));
  }
  return diag.errors() == before;
}

}  // namespace

std::unique_ptr<Estimator> make_knn(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options) || !valid(options, node.mark(), ctx.diag())) return nullptr;
  const std::size_t before = ctx.diag().errors();
  const auto table = load_tables(options.table, node.mark(), ctx);
  if (ctx.diag().errors() != before) return nullptr;
  if (!table) return std::make_unique<Unlearned>();
  const auto match = match_models(*table, options, node.mark(), ctx);
  if (ctx.diag().errors() != before) return nullptr;
  Learned learned = learn(*table, options, match);
  if (learned.index.rows() == 0) {
    ctx.diag().note(node.mark(),
                    fmt::format("knn: no row of part {}: nothing is known yet", options.part));
    return std::make_unique<Unlearned>();
  }
  for (std::size_t id = 0; id < match.size(); ++id) {
    if (learned.column[id] == kNoColumn) {
      ctx.diag().note(node.mark(), fmt::format("knn: no outcomes of model '{}': it stays unknown",
                                               ctx.catalogue().cards()[id].name));
    }
  }
  return std::make_unique<Knn>(std::move(learned), options);
}

}  // namespace swy::route
