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
// 2505.12601). Cost: knn_index.cc; one search per group of models with the same rows; see
// docs/reference/estimators.md for measured times. Memory: about 8 bytes per word of the table.
// Loses when wording says nothing about difficulty (the usual case within one domain), on
// paraphrases, and on prompts unlike the table: then it says the global mean, with evidence near 0
// under min_similarity. Unknown: a card without outcomes, and everything while there is no table.
// The row that the work names in exclude_row is never learned from, neither as neighbour nor in the
// mean. Deviations from 3.1: no softmax weights; variance counts the pseudo-neighbours instead of
// adding a constant. Tests: knn_index_test.cc (brute force, T4), knn_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "route/estimator/knn_index.h"
#include "route/estimator/observed.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  TableOptions source;
  std::int64_t neighbours = 40;
  std::string weights = "cosine";
  double shrink = 2;
  double min_similarity = 0;

  void bind(base::OptionBinder& binder) {
    source.bind(binder);
    binder.field("neighbours", neighbours, {.min = 1, .max = 10'000}, "how many rows are asked");
    binder.field("weights", weights, "cosine: nearer rows count more; or uniform");
    binder.field("shrink", shrink, {.min = 0, .max = 1e6},
                 "pseudo-neighbours at the model's mean over the whole table");
    binder.field("min_similarity", min_similarity, {.min = 0, .max = 1},
                 "rows less similar than this are no neighbours");
  }
};

class Knn final : public Estimator {
 public:
  Knn(Observed past, RowIndex index, const Options& o)
      : past_(std::move(past)),
        index_(std::move(index)),
        patterns_(past_.patterns()),
        neighbours_(static_cast<std::size_t>(o.neighbours)),
        weights_(o.weights == "cosine" ? Weights::kCosine : Weights::kUniform),
        shrink_(o.shrink),
        least_(static_cast<float>(o.min_similarity)) {
    cells_.reserve(past_.rows() * kColumns * past_.models().size());
    for (std::size_t row = 0; row < past_.rows(); ++row) {
      for (const ObservedModel& m : past_.models())
        for (const Column* c : columns_of(m)) cells_.push_back(c->value[row]);
    }
  }

  void estimate(const Question& q, std::span<Belief> out) const override {
    // Working memory of one call, kept per thread so that a decision does not allocate; nothing is
    // remembered in it.
    thread_local RowIndex::View view;
    thread_local std::vector<std::vector<Hit>> hits;  // by pattern
    thread_local std::vector<RowIndex::Search> searches;
    thread_local std::vector<PoolSums> sums;
    const std::uint32_t excluded = past_.find(q.work().exclude_row);
    if (hits.size() < patterns_.count) hits.resize(patterns_.count);
    searches.clear();
    each_pattern(
        q, [&](std::size_t pattern, std::size_t /*i*/, const ObservedModel& m, bool first) {
          if (!first) return;
          const bool everywhere = m.quality.count == static_cast<double>(past_.rows());
          searches.push_back({everywhere ? std::span<const float>{} : std::span(m.quality.value),
                              neighbours_, least_, &hits[pattern]});
        });
    index_.look(q.reading.sketch().features(), excluded, view);
    index_.nearest(view, searches);
    each_pattern(q, [&](std::size_t pattern, std::size_t i, const ObservedModel& m, bool first) {
      if (first) add_up(hits[pattern], pattern, sums);
      out[i] = believe(q, i, m, sums, excluded);
    });
  }
  [[nodiscard]] std::uint64_t version() const override { return past_.version(); }

 private:
  static constexpr std::size_t kColumns = 4;
  static std::array<const Column*, kColumns> columns_of(const ObservedModel& m) {
    return {&m.quality, &m.tokens_out, &m.cost_usd, &m.latency_s};
  }
  // f(pattern, candidate, model, whether it is the first of its pattern) for every candidate that
  // is asked about and known, by pattern.
  template <typename F>
  void each_pattern(const Question& q, F f) const {
    for (std::size_t pattern = 0; pattern < patterns_.count; ++pattern) {
      bool first = true;
      for (std::size_t i = 0; i < q.candidates.size(); ++i) {
        const ObservedModel* model = past_.of(q.candidates[i]);
        if (model == nullptr || patterns_.of[past_.index_of(*model)] != pattern || q.masked(i))
          continue;
        f(pattern, i, *model, first);
        first = false;
      }
    }
  }
  // Of the models of a pattern.
  void add_up(std::span<const Hit> hits, std::size_t pattern, std::vector<PoolSums>& sums) const {
    const std::size_t models = past_.models().size();
    sums.assign(kColumns * models, {});
    for (std::size_t h = 0; h < hits.size(); ++h) {
      const float* y = cells_.data() + hits[h].row * kColumns * models;
      const double w = weight_of(hits[h], weights_);
      for (std::size_t m = 0; m < models; ++m) {
        if (patterns_.of[m] != pattern) continue;
        for (std::size_t c = kColumns * m; c < kColumns * (m + 1); ++c) sums[c].add(y[c], w);
      }
    }
  }

  [[nodiscard]] Belief believe(const Question& q, std::size_t i, const ObservedModel& model,
                               std::span<const PoolSums> sums, std::uint32_t excluded) const {
    std::array<Pooled, kColumns> pooled{};
    const auto columns = columns_of(model);
    for (std::size_t c = 0; c < kColumns; ++c) {
      const PoolSums& of = sums[kColumns * past_.index_of(model) + c];
      pooled[c] = columns[c]->count == 0 ? Pooled{kUnknownNumber, 0}
                                         : of.pooled(shrink_, columns[c]->mean_without(excluded));
    }
    Belief b;
    b.quality = pooled[0].mean;
    b.evidence = pooled[0].evidence;
    b.quality_var = b.quality * (1 - b.quality) / (pooled[0].evidence + shrink_ + 1);
    believe_calls(q, i, {pooled[1].mean, pooled[2].mean, pooled[3].mean}, b);
    return b;
  }

  Observed past_;
  RowIndex index_;
  Observed::Patterns patterns_;
  // By row, then model, then column: the numbers of a neighbour are beside each other.
  std::vector<float> cells_;
  std::size_t neighbours_;
  Weights weights_;
  double shrink_;
  float least_;
};

}  // namespace

std::unique_ptr<Estimator> make_knn(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  const std::size_t before = ctx.diag().errors();
  if (options.weights != "uniform" && options.weights != "cosine") {
    ctx.diag().error(node.mark(),
                     fmt::format("weights: '{}' should be uniform or cosine", options.weights));
  }
  auto learned = load_indexed(options.source, "knn", node.mark(), ctx);
  if (ctx.diag().errors() != before) return nullptr;
  if (!learned) return std::make_unique<Unlearned>();
  return std::make_unique<Knn>(std::move(learned->past), std::move(learned->index), options);
}

}  // namespace swy::route
