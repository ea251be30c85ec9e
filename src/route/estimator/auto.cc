// auto: the default learned estimator: what the table says of prompts like this one, from five
// sides, drawn to the models' means as far as the prompt is strange or the sides were wrong before.
//
// Formula: quality of model m = mean_m + scale * familiarity(x) * mean of d1 .. d5, where d is how
// far from mean_m
//   d1  the prompt's domain (or data set) lets expect: shrunken group means weighted by the groups'
//       probabilities (gaussian_groups.h, group_table.h); left out where there is only one group;
//   d2  a ridge regression on the prompt's features says (prompt_features.h, math/ridge.h);
//   d3  the 60 nearest rows say (cosine of TF-IDF, 2 pseudo-neighbours at the mean);
//   d4  a multi-layer perceptron and d5 an item response model say (math/two_layer.h).
// scale is the slope of what was observed on what is predicted (differences between models only),
// every row predicted without itself; halved, at most three times, while choosing the best
// prediction does worse on these rows than the best single model. familiarity: familiarity.h.
// evidence = familiarity * rows: little of it says that the table does not speak of such prompts.
// quality_var = q (1 - q) / (1 + familiarity * rows of the prompt's groups). Cost, latency and
// answer length are the groups' (group_table.h). The row that the work names in exclude_row is left
// out of the groups' sums and the neighbours, and predicted by the fits that did not see it.
//
// Cost: the encoder, two triangular products of the features' width, the networks, groups x models
// and the postings of the prompt's words. When it loses: what decides is not in the prompt; with
// few rows the fits are noise, which penalties and scale keep small. Source: none of the sides is
// new (see the files); averaging them and shrinking to the best single model follows
// routing-benchmarks.md 4.6. Tests: auto_test.cc. Measured: docs/reference/estimators.md.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "math/ridge.h"
#include "math/two_layer.h"
#include "route/estimator/familiarity.h"
#include "route/estimator/gaussian_groups.h"
#include "route/estimator/group_table.h"
#include "route/estimator/observed.h"
#include "route/estimator/prompt_features.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr std::size_t kNeighbours = 60;
constexpr double kPseudoNeighbours = 2;
constexpr std::size_t kTuningRows = 2000;
constexpr double kMaxScale = 1.25;
constexpr int kHalvings = 3;

math::TwoLayerOptions network(math::HiddenUnit unit) {
  return {.hidden = 32, .unit = unit, .shared = unit == math::HiddenUnit::kSoftplus};
}

struct Options {
  TableOptions source;
  std::string encoder = "static_embedding";
  double shrink = 40;

  void bind(base::OptionBinder& b) {
    source.bind(b);
    b.field("encoder", encoder, "encoder of the regressions' features, by configured or type name");
    b.field("shrink", shrink, {.min = 0, .max = 1e6},
            "pseudo-observations of every domain at the model's mean over the whole table");
  }
};

// The rows as they are read.
struct Rows {
  std::vector<std::string> prompts;
  std::vector<std::uint32_t> tools;
  std::vector<std::vector<text::Feature>> sketches;
  std::vector<std::string> domain, dataset;
  RowIndex index;
  Wording wording;

  void add(const record::OutcomeRow& row) {
    text::Sketch sketch;
    text::sketch_into(row.prompt, sketch);
    prompts.emplace_back(row.prompt);
    tools.push_back(row.tools);
    sketches.emplace_back(sketch.features().begin(), sketch.features().end());
    domain.emplace_back(row.domain);
    dataset.emplace_back(row.dataset);
    index.add(sketch.features());
    wording.add(row.prompt);
  }
};

struct Labels {
  std::vector<std::uint32_t> of;  // by row
  std::size_t count = 0;
};

Labels number(const std::vector<std::string>& names) {
  std::map<std::string_view, std::uint32_t> known;
  Labels labels;
  for (const std::string& n : names)
    labels.of.push_back(
        known.try_emplace(n, static_cast<std::uint32_t>(known.size())).first->second);
  labels.count = known.size();
  return labels;
}

// Domains, or data sets where all rows are of one domain.
Labels groups_of(const Rows& rows) {
  Labels labels = number(rows.domain);
  return labels.count > 1 ? labels : number(rows.dataset);
}

// Qualities less their mean, by model; NaN stays.
std::vector<std::vector<float>> deviations(const Observed& past) {
  std::vector<std::vector<float>> out = past.qualities();
  for (std::size_t m = 0; m < out.size(); ++m) {
    const auto mean = static_cast<float>(past.models()[m].quality.mean_without(kNoRow));
    for (float& v : out[m]) v -= mean;
  }
  return out;
}

// What is computed of one prompt before the models are looked at. Kept per thread and reused.
struct Sides {
  std::vector<float> share;  // by group
  RowIndex::View near;
  std::vector<Hit> hits;
  std::vector<double> predicted;  // by model, of the regression
  std::vector<double> mlp, irt;   // by model, of the networks
  std::vector<double> deviation;  // by model: the mean of the three sides
};

class Auto final : public Estimator {
 public:
  Auto(Observed past, PromptFeatures features, const math::Matrix& x, Rows& rows, Labels labels,
       double shrink)
      : past_(std::move(past)),
        features_(std::move(features)),
        index_(std::move(rows.index)),
        patterns_(past_.patterns()),
        gaussians_(x, labels.of, labels.count),
        table_(past_, std::move(labels.of), labels.count, shrink),
        ridge_(math::fit_ridge(x, deviations(past_))),
        mlp_(math::fit_two_layer_held_out(x, past_.qualities(), network(math::HiddenUnit::kRelu))),
        irt_(math::fit_two_layer_held_out(x, past_.qualities(),
                                          network(math::HiddenUnit::kSoftplus))),
        wording_(std::move(rows.wording)) {
    index_.finish(kStopWordShare);
    wording_.finish();
    tune(x, rows);
  }

  void estimate(const Question& q, std::span<Belief> out) const override {
    thread_local std::vector<float> x;
    thread_local Sides sides;
    x.resize(features_.dims());
    const bool read = features_.read(q.reading, x);
    if (!read && q.reading.missed() > 0 && !q.reading.wanted().empty()) return;  // asked again
    const std::uint32_t excluded = past_.find(q.work().exclude_row);
    double known = 0;
    sides.share.assign(table_.groups(), 0.0F);
    if (read) {
      const double strangeness = gaussians_.belong(x, sides.share);
      known = familiarity(wording_deviation_.of(wording_.score(
                              q.reading.text(chat::Scope::kLastUser), excluded != kNoRow)),
                          meaning_deviation_.of(-strangeness));
      look(x, q.reading.sketch().features(), excluded, sides);
    } else {
      for (std::size_t g = 0; g < table_.groups(); ++g)
        sides.share[g] = static_cast<float>(table_.size(g) / static_cast<double>(past_.rows()));
      sides.deviation.assign(past_.models().size(), 0.0);
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      const ObservedModel* model = past_.of(q.candidates[i]);
      if (model == nullptr || model->quality.count == 0 || q.masked(i)) continue;
      const std::size_t m = past_.index_of(*model);
      const GroupTable::Mean group = table_.quality(past_, m, sides.share, excluded);
      Belief& b = out[i];
      b.quality = std::clamp(
          model->quality.mean_without(excluded) + scale_ * known * sides.deviation[m], 0.0, 1.0);
      b.evidence = known * model->quality.count;
      b.quality_var = b.quality * (1 - b.quality) / (1 + known * group.evidence);
      believe_calls(q, i, table_.calls(past_, m, sides.share, excluded), b);
    }
  }
  [[nodiscard]] std::uint64_t version() const override { return past_.version(); }

 private:
  // Fills `deviation`. REQUIRES: sides.share is of x.
  void look(std::span<const float> x, std::span<const text::Feature> sketch, std::uint32_t excluded,
            Sides& s) const {
    const auto& models = past_.models();
    s.predicted.resize(models.size());
    s.deviation.resize(models.size());
    s.mlp.resize(models.size());
    s.irt.resize(models.size());
    if (excluded == kNoRow) {
      ridge_.predict(x, s.predicted);
      mlp_.model.predict(x, s.mlp);
      irt_.model.predict(x, s.irt);
    } else {
      const auto take = [&](const math::Matrix& held, std::vector<double>& out) {
        std::copy(held.row(excluded).begin(), held.row(excluded).end(), out.begin());
      };
      take(ridge_.held_out, s.predicted);
      take(mlp_.held_out, s.mlp);
      take(irt_.held_out, s.irt);
    }
    index_.look(sketch, excluded, s.near);
    const bool grouped = table_.groups() > 1;
    for (std::size_t pattern = 0; pattern < patterns_.count; ++pattern) {
      bool selected = false;
      for (std::size_t m = 0; m < models.size(); ++m) {
        const Column& quality = models[m].quality;
        if (patterns_.of[m] != pattern || quality.count == 0) continue;
        if (!selected) index_.nearest(s.near, quality.value, kNeighbours, 0, s.hits);
        selected = true;
        const double mean = quality.mean_without(excluded);
        const double near =
            pool(s.hits, quality.value, Weights::kCosine, kPseudoNeighbours, mean).mean - mean;
        const double group = grouped ? table_.quality(past_, m, s.share, excluded).value - mean : 0;
        s.deviation[m] = (group + s.predicted[m] + near + (s.mlp[m] - mean) + (s.irt[m] - mean)) /
                         (grouped ? 5 : 4);
      }
    }
  }

  struct Tuned {
    std::vector<std::size_t> row;
    std::vector<std::vector<double>> deviation;  // by row, by model
  };

  void tune(const math::Matrix& x, const Rows& rows) {
    Tuned t;
    std::vector<double> wording, meaning;
    Sides s;
    s.share.resize(table_.groups());
    const std::size_t step = 1 + x.rows() / kTuningRows;
    for (std::size_t i = 0; i < x.rows(); i += step) {
      meaning.push_back(-gaussians_.belong(x.row(i), s.share));
      wording.push_back(wording_.score(rows.prompts[i], true));
      look(x.row(i), rows.sketches[i], static_cast<std::uint32_t>(i), s);
      t.row.push_back(i);
      t.deviation.push_back(s.deviation);
    }
    wording_deviation_ = Deviation(std::move(wording));
    meaning_deviation_ = Deviation(std::move(meaning));
    scale_ = slope(t);
    for (int h = 0; h < kHalvings && !pays(t, scale_); ++h) scale_ /= 2;
  }

  // Of what was observed on what is predicted, both less their mean over the models of the row.
  [[nodiscard]] double slope(const Tuned& t) const {
    double product = 0;
    double square = 0;
    for (std::size_t k = 0; k < t.row.size(); ++k) {
      double mean_y = 0;
      double mean_d = 0;
      double n = 0;
      const auto each = [&](const auto& f) {
        for (std::size_t m = 0; m < past_.models().size(); ++m) {
          const Column& quality = past_.models()[m].quality;
          const float y = quality.value[t.row[k]];
          if (!std::isnan(y))
            f(static_cast<double>(y) - quality.mean_without(kNoRow), t.deviation[k][m]);
        }
      };
      each([&](double y, double d) { mean_y += y, mean_d += d, n += 1; });
      if (n < 2 && past_.models().size() > 1) continue;
      const double alone = past_.models().size() > 1 ? 1 : 0;
      each([&](double y, double d) {
        const double dc = d - alone * mean_d / n;
        product += (y - alone * mean_y / n) * dc;
        square += dc * dc;
      });
    }
    return square > 0 ? std::clamp(product / square, 0.0, kMaxScale) : 0;
  }

  // Choosing the best prediction is no worse than the best single model.
  [[nodiscard]] bool pays(const Tuned& t, double scale) const {
    const auto& models = past_.models();
    std::vector<double> mean;
    for (const ObservedModel& m : models) {
      const double v = m.quality.mean_without(kNoRow);
      mean.push_back(std::isnan(v) ? -1.0 : v);
    }
    const auto best =
        static_cast<std::size_t>(std::max_element(mean.begin(), mean.end()) - mean.begin());
    double sum = 0;
    for (std::size_t k = 0; k < t.row.size(); ++k) {
      const auto predicted = [&](std::size_t m) { return mean[m] + scale * t.deviation[k][m]; };
      const auto y = [&](std::size_t m) { return models[m].quality.value[t.row[k]]; };
      std::size_t chosen = best;
      for (std::size_t m = 0; m < models.size(); ++m)
        if (!std::isnan(y(m)) && predicted(m) > predicted(chosen)) chosen = m;
      if (std::isnan(y(chosen)) || std::isnan(y(best))) continue;
      sum += static_cast<double>(y(chosen)) - static_cast<double>(y(best));
    }
    return sum >= 0;
  }

  Observed past_;
  PromptFeatures features_;
  RowIndex index_;
  Observed::Patterns patterns_;
  GaussianGroups gaussians_;
  GroupTable table_;
  math::RidgeModel ridge_;
  math::HeldOutTwoLayer mlp_, irt_;
  Wording wording_;
  Deviation wording_deviation_, meaning_deviation_;
  double scale_ = 0;
};

}  // namespace

std::unique_ptr<Estimator> make_auto(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const std::size_t before = ctx.diag().errors();
  auto features = PromptFeatures::make(o.encoder, node.mark(), ctx);
  if (!features) return nullptr;
  Rows rows;
  auto past = Observed::load(o.source, "auto", node.mark(), ctx,
                             [&](const record::OutcomeRow& row) { rows.add(row); });
  if (ctx.diag().errors() != before) return nullptr;
  if (!past) return std::make_unique<Unlearned>();
  const auto x = features->fit(ctx.encoder(features->encoder()), rows.prompts, rows.tools);
  if (!x) {
    ctx.diag().error(node.mark(), fmt::format("auto: {}", x.error().message));
    return nullptr;
  }
  return std::make_unique<Auto>(std::move(*past), std::move(*features), *x, rows, groups_of(rows),
                                o.shrink);
}

}  // namespace swy::route
