// clusters: what happened on the group of prompts that the prompt belongs to.
//
// Formula: groups of the rows of an outcome table, by k-means of their TF-IDF vectors or by the
// table's own domain or dataset; a prompt x belongs to group g with share w_g =
// softmax_g(-sharpness (1 - x.c_g)). For every model
//   quality = sum_g w_g (sum_g y + shrink mean) / (n_g + shrink),   evidence = sum_g w_g n_g,
//   quality_var = q (1 - q) / (evidence + shrink + 1),
// mean being the model's mean over the whole table. Answer length, cost and latency are pooled the
// same way. sharpness 0: the one of 4, 8, 16, 32, 64 with the least squared error on the table's
// own rows, each predicted without itself. The row that the work names in exclude_row is taken out
// of its group's centre and sums exactly. With `by: domain` this is the per-domain table that every
// learned router has to beat. Cost: postings of the prompt's words plus groups x candidates.
// Loses when difficulty varies within a group. Unknown: a card without outcomes.
// Source: Avengers (k-means, mean accuracy per cluster; beta 9), UniRoute (arXiv 2502.08773: one
// cluster's error rates); request-routing.md 3.2, 5.5. Deviations: sparse words instead of an
// encoder; means instead of Avengers' ranks (which throw the gaps away); shrinkage. Tests:
// clusters_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "route/estimator/group_table.h"
#include "route/estimator/text_groups.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr std::size_t kStarts = 2;
constexpr std::size_t kRounds = 20;
constexpr std::size_t kTuningRows = 2000;
constexpr std::array kSharpness = {4.0, 8.0, 16.0, 32.0, 64.0};

struct Options {
  TableOptions source;
  std::string by = "kmeans";
  std::int64_t clusters = 32;
  double sharpness = 0;
  double shrink = 10;
  std::int64_t seed = 1;

  void bind(base::OptionBinder& b) {
    source.bind(b);
    b.field("by", by, "kmeans: groups of similar prompts; domain or dataset: the table's own");
    b.field("clusters", clusters, {.min = 1, .max = 256}, "groups of k-means");
    b.field("sharpness", sharpness, {.min = 0, .max = 1000},
            "how much nearer groups count more; 0: chosen on the table");
    b.field("shrink", shrink, {.min = 0, .max = 1e6},
            "pseudo-observations of every group at the model's mean over the whole table");
    b.field("seed", seed, {.min = 0, .max = 1e9}, "of k-means");
  }
};

class Clusters final : public Estimator {
 public:
  Clusters(Observed past, TfIdf texts, std::vector<std::uint32_t> group, std::size_t groups,
           const Options& o)
      : past_(std::move(past)),
        texts_(std::move(texts)),
        centres_(texts_, group, groups),
        table_(past_, std::move(group), groups, o.shrink),
        sharpness_(o.sharpness),
        shrink_(o.shrink) {
    if (sharpness_ == 0) choose_sharpness();
  }

  void estimate(const Question& q, std::span<Belief> out) const override {
    // Working memory of one call, kept per thread so that a decision does not allocate.
    thread_local std::vector<text::Feature> x;
    thread_local std::vector<float> share;
    texts_.weigh(q.reading.sketch().features(), x);
    const std::uint32_t excluded = past_.find(q.work().exclude_row);
    belong(x, excluded, sharpness_, share);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const ObservedModel* model = past_.of(q.candidates[i]);
      if (model == nullptr || q.masked(i)) continue;
      const std::size_t m = past_.index_of(*model);
      Belief& b = out[i];
      const GroupTable::Mean quality = table_.quality(past_, m, share, excluded);
      b.quality = quality.value;
      b.evidence = quality.evidence;
      b.quality_var = b.quality * (1 - b.quality) / (b.evidence + shrink_ + 1);
      believe_calls(q, i, table_.calls(past_, m, share, excluded), b);
    }
  }
  [[nodiscard]] std::uint64_t version() const override { return past_.version(); }

 private:
  void belong(std::span<const text::Feature> x, std::uint32_t excluded, double sharpness,
              std::vector<float>& share) const {
    thread_local std::vector<float> product;
    product.resize(centres_.size());
    share.resize(centres_.size());
    centres_.products(x, product);
    if (excluded != kNoRow && !texts_.row(excluded).empty()) {
      // The centre of the other rows: (n c - x) / (n - 1), and x.x = 1.
      const std::uint32_t own = table_.group_of(excluded);
      const double n = table_.size(own);
      product[own] =
          n > 1 ? static_cast<float>((n * static_cast<double>(product[own]) - 1) / (n - 1)) : 0.0F;
    }
    shares(product, sharpness, share);
  }

  // Squared error on the table's own rows, each predicted without itself.
  [[nodiscard]] double error_at(double sharpness) const {
    const std::size_t step = 1 + texts_.rows() / kTuningRows;
    std::vector<float> share;
    double error = 0;
    for (std::size_t i = 0; i < texts_.rows(); i += step) {
      const auto row = static_cast<std::uint32_t>(i);
      belong(texts_.row(i), row, sharpness, share);
      for (std::size_t m = 0; m < past_.models().size(); ++m) {
        const Column& quality = past_.models()[m].quality;
        if (std::isnan(quality.value[i]) || quality.count < 2) continue;
        const double d =
            table_.quality(past_, m, share, row).value - static_cast<double>(quality.value[i]);
        error += d * d;
      }
    }
    return error;
  }
  void choose_sharpness() {
    double least = std::numeric_limits<double>::infinity();
    for (const double s : kSharpness) {
      const double error = error_at(s);
      if (error >= least) continue;
      least = error;
      sharpness_ = s;
    }
  }

  Observed past_;
  TfIdf texts_;
  Centres centres_;
  GroupTable table_;
  double sharpness_, shrink_;
};

}  // namespace

std::unique_ptr<Estimator> make_clusters(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const std::size_t before = ctx.diag().errors();
  if (o.by != "kmeans" && o.by != "domain" && o.by != "dataset") {
    ctx.diag().error(node.mark(),
                     fmt::format("by: '{}' should be kmeans, domain or dataset", o.by));
  }
  TfIdf texts;
  text::Sketch sketch;
  std::map<std::string, std::uint32_t, std::less<>> labels;
  std::vector<std::uint32_t> group;
  auto past =
      Observed::load(o.source, "clusters", node.mark(), ctx, [&](const record::OutcomeRow& row) {
        text::sketch_into(row.prompt, sketch);
        texts.add(sketch.features());
        const std::string_view label = o.by == "domain" ? row.domain : row.dataset;
        if (o.by != "kmeans")
          group.push_back(
              labels.try_emplace(std::string(label), static_cast<std::uint32_t>(labels.size()))
                  .first->second);
      });
  if (ctx.diag().errors() != before) return nullptr;
  if (!past) return std::make_unique<Unlearned>();
  texts.finish(kStopWordShare);
  if (o.by == "kmeans")
    group = k_means(texts, static_cast<std::size_t>(o.clusters), kStarts, kRounds,
                    static_cast<std::uint64_t>(o.seed));
  const std::size_t groups = 1 + *std::max_element(group.begin(), group.end());
  return std::make_unique<Clusters>(std::move(*past), std::move(texts), std::move(group), groups,
                                    o);
}

}  // namespace swy::route
