// eagle: an Elo rating over all outcomes, blended with one over the nearest prompts.
//
// Formula: every row of an outcome table is a battle of every two models that it observed (better,
// equal, worse), in the order of the rows: R_a += K (y - E), E = 1 / (1 + 10^((R_b - R_a) / 400)),
// from 1500. Local ratings start again from 1500 over the `neighbours` most similar rows, the least
// similar first, so that the nearest has the last word. R = global * R_global + (1 - global) *
// R_local; quality = 1 / (1 + 10^((1500 - R) / 400)), the chance against a model of average rating:
// a rank, not a probability of being right. Answer length, cost and latency: the model's means.
// Cost: neighbours x models^2 / 2 updates. Loses against means of outcomes where answers are
// graded: Elo forgets by K, depends on the order by construction, and twenty rows are few. Unknown:
// a card without outcomes. The row that exclude_row names is no neighbour; the global rating keeps
// it. Source: Eagle (arXiv 2409.15518); request-routing.md 3.4, 5.9 (reconstructed there, so this
// is a variant). Deviations: sparse words instead of an encoder; the order of the neighbours is
// ours. Tests: pairwise_test.cc, eagle_test.cc.
#include <algorithm>
#include <cmath>

#include "route/estimator/observed.h"
#include "route/estimator/pairwise.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr double kStart = 1500;

struct Options {
  TableOptions source;
  std::int64_t neighbours = 20;
  double k = 32;
  double global = 0.5;

  void bind(base::OptionBinder& b) {
    source.bind(b);
    b.field("neighbours", neighbours, {.min = 0, .max = 10'000}, "rows of the local rating");
    b.field("k", k, {.min = 0.1, .max = 1000}, "points at stake in a battle");
    b.field("global", global, {.min = 0, .max = 1}, "share of the global rating");
  }
};

class Eagle final : public Estimator {
 public:
  Eagle(Observed past, RowIndex index, const Options& o)
      : past_(std::move(past)),
        index_(std::move(index)),
        global_(past_.models().size(), kStart),
        neighbours_(static_cast<std::size_t>(o.neighbours)),
        k_(o.k),
        share_(o.global) {
    for (std::size_t row = 0; row < past_.rows(); ++row) battle(row, global_);
  }

  void estimate(const Question& q, std::span<Belief> out) const override {
    // Working memory of one call, kept per thread so that a decision does not allocate.
    thread_local RowIndex::View view;
    thread_local std::vector<Hit> hits;
    thread_local std::vector<double> local;
    const std::uint32_t excluded = past_.find(q.work().exclude_row);
    index_.look(q.reading.sketch().features(), excluded, view);
    index_.nearest(view, {}, neighbours_, 0, hits);
    local.assign(global_.size(), kStart);
    for (std::size_t i = hits.size(); i-- > 0;) battle(hits[i].row, local);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const ObservedModel* model = past_.of(q.candidates[i]);
      if (model == nullptr || q.masked(i) || model->quality.count == 0) continue;
      const std::size_t m = past_.index_of(*model);
      out[i].quality = elo_expected(share_ * global_[m] + (1 - share_) * local[m], kStart);
      out[i].evidence = static_cast<double>(hits.size());
      believe_calls(
          q, i,
          {model->tokens_out.mean_without(excluded), model->cost_usd.mean_without(excluded),
           model->latency_s.mean_without(excluded)},
          out[i]);
    }
  }
  [[nodiscard]] std::uint64_t version() const override { return past_.version(); }

 private:
  void battle(std::size_t row, std::span<double> rating) const {
    const auto& models = past_.models();
    for (std::size_t a = 0; a < models.size(); ++a) {
      for (std::size_t b = a + 1; b < models.size(); ++b) {
        const double y = result_of(models[a].quality.value[row], models[b].quality.value[row]);
        if (!std::isnan(y)) elo_update(rating[a], rating[b], y, k_);
      }
    }
  }

  Observed past_;
  RowIndex index_;
  std::vector<double> global_;  // by observed model
  std::size_t neighbours_;
  double k_, share_;
};

}  // namespace

std::unique_ptr<Estimator> make_eagle(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const std::size_t before = ctx.diag().errors();
  auto learned = load_indexed(o.source, "eagle", node.mark(), ctx);
  if (ctx.diag().errors() != before) return nullptr;
  if (!learned) return std::make_unique<Unlearned>();
  return std::make_unique<Eagle>(std::move(learned->past), std::move(learned->index), o);
}

}  // namespace swy::route
