// sw_ranking: ratings fitted for every prompt, from comparisons weighted by similarity.
//
// Formula: every row of an outcome table compares the models that it observed (better, equal,
// worse). Its weight is 10 * 10^(cos_i / max cos), cos_i the similarity of the prompt and row i, so
// that the nearest row counts ten times a row that has nothing in common. The most likely
// Bradley-Terry strengths of these weighted comparisons give P(a beats b); quality = the mean of
// P(a beats b) over the other models with outcomes, 1/2 on average. It is a rank, not a probability
// of being right: use it with `threshold` (two models) or for ranking, not with a quality bar.
// Answer length, cost and latency: the model's means. evidence: comparisons of the model.
// Cost: rows x models^2 / 2 sums and some tens of rounds over models^2: milliseconds from about 50
// models on. Loses when rows are many and similarity says little: all weights lie between 10 and
// 100. Unknown: a card without outcomes, and all when only one card has any.
// Source: RouteLLM's similarity-weighted ranking (arXiv 2406.18665); request-routing.md 3.3, 5.1.
// Deviations: sparse words instead of an encoder; no tiers of models (they served 64 models with
// few battles each); comparisons of graded answers instead of votes; a prior. Tests:
// pairwise_test.cc, sw_ranking_test.cc.
#include <algorithm>
#include <cmath>

#include "route/estimator/observed.h"
#include "route/estimator/pairwise.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  TableOptions source;
  double prior = 1;

  void bind(base::OptionBinder& b) {
    source.bind(b);
    b.field("prior", prior, {.min = 0, .max = 1e6},
            "weight of a tie that every two models have besides");
  }
};

class SwRanking final : public Estimator {
 public:
  SwRanking(Observed past, RowIndex index, double prior)
      : past_(std::move(past)), index_(std::move(index)), prior_(prior) {
    const std::size_t n = past_.models().size();
    for (std::size_t a = 0; a < n; ++a) {
      battles_.push_back(0);
      for (std::size_t b = 0; b < n; ++b) {
        for (std::size_t row = 0; a != b && row < past_.rows(); ++row)
          battles_[a] += std::isnan(result_of(score(a, row), score(b, row))) ? 0 : 1;
      }
    }
  }

  void estimate(const Question& q, std::span<Belief> out) const override {
    const std::size_t n = past_.models().size();
    if (n < 2) return;
    // Working memory of one call, kept per thread so that a decision does not allocate.
    thread_local std::vector<double> wins;
    thread_local std::vector<double> strength;
    const std::uint32_t excluded = past_.find(q.work().exclude_row);
    wins.assign(n * n, 0.0);
    strength.resize(n);
    compare(q, excluded, wins);
    bradley_terry(wins, prior_, strength);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const ObservedModel* model = past_.of(q.candidates[i]);
      if (model == nullptr || q.masked(i)) continue;
      const std::size_t a = past_.index_of(*model);
      double sum = 0;
      for (std::size_t b = 0; b < n; ++b)
        sum += a == b ? 0 : strength[a] / (strength[a] + strength[b]);
      out[i].quality = sum / static_cast<double>(n - 1);
      out[i].evidence = battles_[a];
      out[i].quality_var = out[i].quality * (1 - out[i].quality) / (out[i].evidence + 1);
      believe_calls(
          q, i,
          {model->tokens_out.mean_without(excluded), model->cost_usd.mean_without(excluded),
           model->latency_s.mean_without(excluded)},
          out[i]);
    }
  }
  [[nodiscard]] std::uint64_t version() const override { return past_.version(); }

 private:
  [[nodiscard]] float score(std::size_t model, std::size_t row) const {
    return past_.models()[model].quality.value[row];
  }

  void compare(const Question& q, std::uint32_t excluded, std::span<double> wins) const {
    thread_local std::vector<float> similarity;
    similarity.resize(index_.rows());
    index_.similarities(q.reading.sketch().features(), similarity);
    if (excluded != kNoRow) similarity[excluded] = 0;
    const float most = *std::max_element(similarity.begin(), similarity.end());
    const std::size_t n = past_.models().size();
    for (std::size_t row = 0; row < similarity.size(); ++row) {
      if (row == excluded) continue;
      const double near = most > 0 ? static_cast<double>(similarity[row] / most) : 0;
      const double w = 10 * std::pow(10.0, near);
      for (std::size_t a = 0; a < n; ++a) {
        for (std::size_t b = a + 1; b < n; ++b) {
          const double y = result_of(score(a, row), score(b, row));
          if (std::isnan(y)) continue;
          wins[a * n + b] += w * y;
          wins[b * n + a] += w * (1 - y);
        }
      }
    }
  }

  Observed past_;
  RowIndex index_;
  double prior_;
  std::vector<double> battles_;  // by observed model
};

}  // namespace

std::unique_ptr<Estimator> make_sw_ranking(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const std::size_t before = ctx.diag().errors();
  auto learned = load_indexed(o.source, "sw_ranking", node.mark(), ctx);
  if (ctx.diag().errors() != before) return nullptr;
  if (!learned) return std::make_unique<Unlearned>();
  return std::make_unique<SwRanking>(std::move(learned->past), std::move(learned->index), o.prior);
}

}  // namespace swy::route
