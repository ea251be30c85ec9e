// auto: the default learned estimator: what the table says of prompts like this one, from five
// sides, drawn to the models' means as far as the prompt is strange or the sides were wrong before.
//
// Formula: quality of model m = mean_m + scale * trust(x) * mean of d1 .. d5, where d is
// how far from mean_m
//   d1  the prompt's domain (or data set) lets expect: shrunken group means weighted by the groups'
//       probabilities (gaussian_groups.h, group_table.h); left out where there is only one group;
//   d2  a ridge regression on the prompt's features says (prompt_features.h, math/ridge.h);
//   d3  the 60 nearest rows say (cosine of TF-IDF, 2 pseudo-neighbours at the mean);
//   d4  a multi-layer perceptron and d5 an item response model say (math/two_layer.h).
// scale is the slope, at most 1.25, of what was observed on what is predicted (differences between
// models only), every row predicted without itself and weakened by its own trust, so that
// what the weakening costs on the table's own rows is given back; halved, at most three times,
// while choosing the best prediction does worse on these rows than the best single model.
// trust = (familiarity - 0.3) / 0.7, at least 0; familiarity: familiarity.h.
// evidence = familiarity * rows: little of it says that the table does not speak of such prompts.
// A model of few rows is completed before anything is fitted (completion.h); evidence, scale and
// quality_var know only what was observed of it.
// quality_var = q (1 - q) / (1 + familiarity * rows of the prompt's groups). Cost, latency and
// answer length are the groups' (group_table.h). The row that the work names in exclude_row is left
// out of the groups' sums and the neighbours, and predicted by the fits that did not see it; a
// weight file keeps no ids, so nothing is left out there.
//
// Cost: the encoder, two triangular products of the features' width, the networks, groups x models,
// the postings of the prompt's words and the groups that have its words and its form. When it
// loses: what decides is not in the prompt; with few rows the fits are noise, which penalties and
// scale keep small. Source: none of the sides is new (see the files); averaging them and shrinking
// to the best single model follows routing-benchmarks.md 4.6. Tests: auto_test.cc. Measured:
// docs/reference/estimators.md.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <numeric>

#include "math/ridge.h"
#include "math/two_layer.h"
#include "route/estimator/completion.h"
#include "route/estimator/familiarity.h"
#include "route/estimator/gaussian_groups.h"
#include "route/estimator/group_table.h"
#include "route/estimator/group_terms.h"
#include "route/estimator/labels.h"
#include "route/estimator/learned.h"
#include "route/estimator/observed.h"
#include "route/estimator/prompt_features.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr std::size_t kNeighbours = 60;
constexpr double kPseudoNeighbours = 2;
constexpr std::size_t kTuningRows = 2000;
constexpr double kMaxScale = 1.25;
constexpr double kLeastFamiliar = 0.3;  // below, nothing that was learned is believed
constexpr int kHalvings = 3;
constexpr std::size_t kForeignGroups = 64;  // the largest

// The share of what was learned that is believed of a prompt so familiar.
double trust(double familiarity) {
  return std::max(0.0, familiarity - kLeastFamiliar) / (1 - kLeastFamiliar);
}

math::TwoLayerOptions network(math::HiddenUnit unit) {
  return {.hidden = 32, .unit = unit, .shared = unit == math::HiddenUnit::kSoftplus};
}

struct Options : LearnedOptions {
  double shrink = 40;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
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

// Domains, or data sets where all rows are of one domain.
Labels groups_of(const Rows& rows) {
  Labels labels = numbered(rows.domain);
  return labels.count > 1 ? labels : numbered(rows.dataset);
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
  std::vector<RowIndex::Search> searches;
  std::vector<std::vector<Hit>> hits;  // by pattern
  std::vector<Hit> any_row;            // the nearest, whatever was observed on them
  std::vector<double> predicted;       // by model, of the regression
  std::vector<double> mlp, irt;        // by model, of the networks
  std::vector<double> deviation;       // by model: the mean of the three sides
  std::vector<std::uint32_t> terms;
};

// What the groups say of a prompt's words and form.
struct Terms {
  GroupTerms words{text::kSketchBuckets, 0}, form{kFormTerms, 0};

  static Terms of(const Rows& rows, const Labels& labels) {
    Terms t{{text::kSketchBuckets, labels.count}, {kFormTerms, labels.count}};
    std::vector<std::uint32_t> ids;
    for (std::size_t i = 0; i < labels.of.size(); ++i) {
      t.words.add(ids_of(rows.sketches[i], ids), labels.of[i]);
      form_terms(rows.prompts[i], ids);
      t.form.add(ids, labels.of[i]);
    }
    t.words.finish();
    t.form.finish();
    return t;
  }
  void say(std::string_view text, std::span<const text::Feature> sketch, Left left,
           std::vector<std::uint32_t>& ids, Signs& out) const {
    out.words = words.score(ids_of(sketch, ids), left);
    form_terms(text, ids);
    out.form_words = form.score(ids, left);
  }

 private:
  static std::span<const std::uint32_t> ids_of(std::span<const text::Feature> sketch,
                                               std::vector<std::uint32_t>& ids) {
    ids.clear();
    for (const text::Feature& f : sketch) ids.push_back(f.id);
    return ids;
  }
};

// What was learned.
struct Parts {
  Observed past;
  std::vector<float> seen;  // by model: the share of its outcomes that were observed
  PromptFeatures features;
  RowIndex index;
  GaussianGroups gaussians;
  GroupTable table;
  double shrink = 0;
  math::RidgeModel ridge = {};
  math::HeldOutTwoLayer mlp = {}, irt = {};
  Wording wording = {};
  Terms terms = {};
  Familiarity familiarity = {};
  double scale = 0;
};

class Auto final : public Estimator {
 public:
  Auto(Parts parts, std::vector<std::string> models)
      : past_(std::move(parts.past)),
        seen_(std::move(parts.seen)),
        features_(std::move(parts.features)),
        index_(std::move(parts.index)),
        patterns_(past_.patterns()),
        gaussians_(std::move(parts.gaussians)),
        table_(std::move(parts.table)),
        shrink_(parts.shrink),
        ridge_(std::move(parts.ridge)),
        mlp_(std::move(parts.mlp)),
        irt_(std::move(parts.irt)),
        wording_(std::move(parts.wording)),
        terms_(std::move(parts.terms)),
        familiarity_(parts.familiarity),
        scale_(parts.scale),
        models_(std::move(models)) {}

  static std::unique_ptr<Auto> fit(Observed past, PromptFeatures features, const math::Matrix& x,
                                   Rows& rows, double shrink, std::vector<std::string> models) {
    Labels labels = groups_of(rows);
    const auto real = past.complete(labels);
    GaussianGroups gaussians(x, labels.of, labels.count, PromptFeatures::kCounts);
    Terms terms = Terms::of(rows, labels);
    GroupTable table(past, std::move(labels.of), labels.count, shrink);
    rows.index.finish(kStopWordShare);
    rows.wording.finish();
    std::vector<float> seen(past.models().size(), 1.0F);
    for (std::size_t m = 0; m < seen.size(); ++m) {
      if (real[m].empty()) continue;
      const auto had = static_cast<double>(count_observed(real[m]));
      seen[m] = static_cast<float>(had / past.models()[m].quality.count);
    }
    Parts p{std::move(past),
            std::move(seen),
            std::move(features),
            std::move(rows.index),
            std::move(gaussians),
            std::move(table),
            shrink};
    p.ridge = math::fit_ridge(x, deviations(p.past));
    const auto qualities = p.past.qualities();
    p.mlp = math::fit_two_layer_held_out(x, qualities, network(math::HiddenUnit::kRelu));
    p.irt = math::fit_two_layer_held_out(x, qualities, network(math::HiddenUnit::kSoftplus));
    p.wording = std::move(rows.wording);
    p.terms = std::move(terms);
    auto made = std::make_unique<Auto>(std::move(p), std::move(models));
    made->tune(x, rows, real);
    return made;
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
      const Left left = excluded == kNoRow ? Left{} : Left{table_.group_of(excluded)};
      const Lies lies = gaussians_.belong(x, sides.share, left);
      look(x, q.reading.sketch().features(), excluded, sides);
      const std::string_view text = q.reading.text(chat::Scope::kLastUser);
      Signs signs = signs_of(wording_.score(text, excluded != kNoRow), lies, sides);
      terms_.say(text, q.reading.sketch().features(), left, sides.terms, signs);
      known = familiarity_.of(signs);
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
          model->quality.mean_without(excluded) + scale_ * trust(known) * sides.deviation[m], 0.0,
          1.0);
      const double seen = known * static_cast<double>(seen_[m]);
      b.evidence = seen * model->quality.count;
      b.quality_var = b.quality * (1 - b.quality) / (1 + seen * group.evidence);
      believe_calls(q, i, table_.calls(past_, m, sides.share, excluded), b);
    }
  }
  [[nodiscard]] std::uint64_t version() const override { return past_.version(); }
  [[nodiscard]] Status export_weights(const std::string& path) const override {
    WeightFile file{"auto", features_.identity(), models_, {}, {}};
    write_past(file);
    file.tensors["scales"].assign(features_.scales().begin(), features_.scales().end());
    index_.write(file);
    gaussians_.write(file);
    file.tensors["ridge.weights"] = ridge_.weights;
    file.tensors["ridge.bias"] = ridge_.bias;
    write_network(mlp_.model, "mlp.", file);
    write_network(irt_.model, "irt.", file);
    wording_.write(file);
    terms_.words.write("words", file);
    terms_.form.write("form", file);
    file.put_doubles("tuned", std::array{shrink_, scale_});
    file.put_doubles("familiarity", familiarity_.numbers());
    return file.save(path);
  }
  // column[id]: the model of card `id`, or kNoModel.
  static Result<std::unique_ptr<Auto>> read(const WeightFile& file, PromptFeatures features,
                                            std::vector<std::size_t> column) {
    SWY_TRY(const auto tuned, file.doubles("tuned", 2));
    SWY_TRY(auto past, read_past(file, std::move(column)));
    SWY_TRY(auto index, RowIndex::read(file));
    SWY_TRY(auto gaussians, GaussianGroups::read(file, features.dims(), PromptFeatures::kCounts));
    SWY_TRY(auto group, file.integers("groups.of", past.rows()));
    if (past.rows() == 0 || index.rows() != past.rows() || tuned[0] < 0 ||
        *std::max_element(group.begin(), group.end()) >= gaussians.groups())
      return fail(ErrorCode::kParse, "weights of auto: the parts are not of one table");
    const std::size_t groups = gaussians.groups();
    GroupTable table(past, std::move(group), groups, tuned[0]);
    SWY_TRY(auto seen, file.tensor("past.seen", file.models.size()));
    Parts p{std::move(past),  std::move(seen),      std::move(features),
            std::move(index), std::move(gaussians), std::move(table),
            tuned[0]};
    p.ridge.dims = p.features.dims();
    p.ridge.outputs = file.models.size();
    SWY_TRY(p.ridge.weights, file.tensor("ridge.weights", p.ridge.dims * p.ridge.outputs));
    SWY_TRY(p.ridge.bias, file.tensor("ridge.bias", p.ridge.outputs));
    SWY_TRY(p.mlp.model, read_network(file, "mlp.", p.ridge.dims, math::HiddenUnit::kRelu, false));
    SWY_TRY(p.irt.model,
            read_network(file, "irt.", p.ridge.dims, math::HiddenUnit::kSoftplus, true));
    SWY_TRY(p.wording, Wording::read(file));
    SWY_TRY(p.terms.words, GroupTerms::read("words", file, text::kSketchBuckets, groups));
    SWY_TRY(p.terms.form, GroupTerms::read("form", file, kFormTerms, groups));
    p.scale = tuned[1];
    SWY_TRY(const auto numbers, file.doubles("familiarity", Familiarity::kNumbers));
    p.familiarity = Familiarity(std::span(numbers).first<Familiarity::kNumbers>());
    return std::make_unique<Auto>(std::move(p), file.models);
  }

 private:
  static std::array<std::pair<const char*, Column ObservedModel::*>, 4> observed() {
    return {{{"past.quality", &ObservedModel::quality},
             {"past.tokens_out", &ObservedModel::tokens_out},
             {"past.cost_usd", &ObservedModel::cost_usd},
             {"past.latency_s", &ObservedModel::latency_s}}};
  }
  void write_past(WeightFile& file) const {
    for (const auto& [name, column] : observed()) {
      std::vector<float>& all = file.tensors[name];
      for (const ObservedModel& m : past_.models())
        for (const float v : (m.*column).value) all.push_back(unknown_to_file(v));
    }
    file.tensors["past.seen"] = seen_;
    const std::uint64_t v = past_.version();
    file.words["past.version"] = {static_cast<std::uint32_t>(v),
                                  static_cast<std::uint32_t>(v >> 32U)};
    std::vector<std::uint32_t>& group = file.words["groups.of"];
    for (std::size_t row = 0; row < past_.rows(); ++row) group.push_back(table_.group_of(row));
  }
  static Result<Observed> read_past(const WeightFile& file, std::vector<std::size_t> column) {
    SWY_TRY(const auto version, file.integers("past.version", 2));
    SWY_TRY(const auto group, file.integers("groups.of", WeightFile::kAny));
    std::vector<ObservedModel> models(file.models.size());
    for (const auto& [name, of] : observed()) {
      SWY_TRY(const auto all, file.tensor(name, models.size() * group.size()));
      for (std::size_t m = 0; m < models.size(); ++m) {
        for (std::size_t row = 0; row < group.size(); ++row)
          (models[m].*of).push(unknown_from_file(all[m * group.size() + row]));
      }
    }
    return Observed(std::move(models), std::move(column), group.size(),
                    version[0] | std::uint64_t{version[1]} << 32U);
  }

  // Fills `hits` and `any_row`. REQUIRES: s.near is of the prompt.
  void search(Sides& s) const {
    if (s.hits.size() < patterns_.count) s.hits.resize(patterns_.count);
    s.searches.assign(1, {{}, kNearRows, 0, &s.any_row});
    for (std::size_t pattern = 0; pattern < patterns_.count; ++pattern) {
      const auto first = std::find(patterns_.of.begin(), patterns_.of.end(), pattern);
      const Column& quality =
          past_.models()[static_cast<std::size_t>(first - patterns_.of.begin())].quality;
      if (quality.count > 0)
        s.searches.push_back({quality.value, kNeighbours, 0, &s.hits[pattern]});
    }
    index_.nearest(s.near, s.searches);
  }

  // Fills `deviation` and what search() does. REQUIRES: sides.share is of x.
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
    search(s);
    for (std::size_t m = 0; m < models.size(); ++m) {
      const Column& quality = models[m].quality;
      if (quality.count == 0) continue;
      const double mean = quality.mean_without(excluded);
      const double near =
          pool(s.hits[patterns_.of[m]], quality.value, Weights::kCosine, kPseudoNeighbours, mean)
              .mean -
          mean;
      const double group = grouped ? table_.quality(past_, m, s.share, excluded).value - mean : 0;
      s.deviation[m] = (group + s.predicted[m] + near + (s.mlp[m] - mean) + (s.irt[m] - mean)) /
                       (grouped ? 5 : 4);
    }
  }

  // By model and row, as observed.
  using Outcomes = std::vector<std::vector<float>>;
  [[nodiscard]] float outcome(const Outcomes& real, std::size_t m, std::size_t row) const {
    return real[m].empty() ? past_.models()[m].quality.value[row] : real[m][row];
  }

  struct Tuned {
    std::vector<std::size_t> row;
    std::vector<std::vector<double>> deviation;  // by row, by model
  };

  void tune(const math::Matrix& x, const Rows& rows, const Outcomes& real) {
    Tuned t;
    std::vector<Signs> inside;
    Sides s;
    s.share.resize(table_.groups());
    const std::size_t step = 1 + x.rows() / kTuningRows;
    for (std::size_t i = 0; i < x.rows(); i += step) {
      const Left left{table_.group_of(i)};
      const Lies lies = gaussians_.belong(x.row(i), s.share, left);
      look(x.row(i), rows.sketches[i], static_cast<std::uint32_t>(i), s);
      inside.push_back(signs_of(wording_.score(rows.prompts[i], true), lies, s));
      terms_.say(rows.prompts[i], rows.sketches[i], left, s.terms, inside.back());
      t.row.push_back(i);
      t.deviation.push_back(s.deviation);
    }
    familiarity_ = Familiarity::fit(inside, as_foreign(x, rows));
    for (std::size_t k = 0; k < inside.size(); ++k) {
      const double share = trust(familiarity_.of(inside[k]));
      for (double& d : t.deviation[k]) d *= share;
    }
    scale_ = slope(t, real);
    for (int h = 0; h < kHalvings && !pays(t, real, scale_); ++h) scale_ /= 2;
  }

  // REQUIRES: s.any_row is of the prompt.
  static Signs signs_of(Wording::Score wording, Lies lies, const Sides& s) {
    return {.wording = wording.wording,
            .unseen = wording.unseen,
            .meaning = -lies.strangeness,
            .near = nearness(s.any_row),
            .sureness = lies.sureness,
            .form = lies.form};
  }

  // Rows of every group, of the large ones no more than of the small, as if it were not there.
  [[nodiscard]] std::vector<Signs> as_foreign(const math::Matrix& x, const Rows& rows) const {
    std::vector<Signs> out;
    std::vector<std::vector<std::uint32_t>> of(table_.groups());
    for (std::uint32_t i = 0; i < x.rows(); ++i) of[table_.group_of(i)].push_back(i);
    std::sort(of.begin(), of.end(),
              [](const auto& a, const auto& b) { return a.size() > b.size(); });
    of.resize(std::min(of.size(), kForeignGroups));
    if (of.size() < 2) return out;
    Sides s;
    s.share.resize(table_.groups());
    for (const std::vector<std::uint32_t>& group : of) {
      Wording own;
      std::vector<float> column(past_.rows(), 0.0F);  // NaN: as if the row were not there
      for (const std::uint32_t i : group) {
        own.add(rows.prompts[i]);
        column[i] = std::numeric_limits<float>::quiet_NaN();
      }
      const std::size_t step = 1 + group.size() * of.size() / kTuningRows;
      for (std::size_t k = 0; k < group.size(); k += step) {
        const std::uint32_t i = group[k];
        index_.look(rows.sketches[i], i, s.near);
        index_.nearest(s.near, column, kNearRows, 0, s.any_row);
        const Left left{table_.group_of(i), true};
        const Lies lies = gaussians_.belong(x.row(i), s.share, left);
        out.push_back(signs_of(wording_.score(rows.prompts[i], false, &own), lies, s));
        terms_.say(rows.prompts[i], rows.sketches[i], left, s.terms, out.back());
      }
    }
    return out;
  }

  // Of what was observed on what is predicted, both less their mean over the models of the row.
  [[nodiscard]] double slope(const Tuned& t, const Outcomes& real) const {
    double product = 0;
    double square = 0;
    for (std::size_t k = 0; k < t.row.size(); ++k) {
      double mean_y = 0;
      double mean_d = 0;
      double n = 0;
      const auto each = [&](const auto& f) {
        for (std::size_t m = 0; m < past_.models().size(); ++m) {
          const Column& quality = past_.models()[m].quality;
          const float y = outcome(real, m, t.row[k]);
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
  [[nodiscard]] bool pays(const Tuned& t, const Outcomes& real, double scale) const {
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
      const auto y = [&](std::size_t m) { return outcome(real, m, t.row[k]); };
      std::size_t chosen = best;
      for (std::size_t m = 0; m < models.size(); ++m)
        if (!std::isnan(y(m)) && predicted(m) > predicted(chosen)) chosen = m;
      if (std::isnan(y(chosen)) || std::isnan(y(best))) continue;
      sum += static_cast<double>(y(chosen)) - static_cast<double>(y(best));
    }
    return sum >= 0;
  }

  Observed past_;  // completed
  std::vector<float> seen_;
  PromptFeatures features_;
  RowIndex index_;
  Observed::Patterns patterns_;
  GaussianGroups gaussians_;
  GroupTable table_;
  double shrink_;
  math::RidgeModel ridge_;
  math::HeldOutTwoLayer mlp_, irt_;
  Wording wording_;
  Terms terms_;
  Familiarity familiarity_;
  double scale_ = 0;
  std::vector<std::string> models_;  // their names in a weight file
};

Result<std::unique_ptr<Auto>> load(const Options& o, PromptFeatures features, base::Mark mark,
                                   BuildContext& ctx) {
  const auto path = std::filesystem::path(ctx.directory()) / o.weights;
  SWY_TRY(const auto file, load_weights("auto", path.string(), features));
  auto column = match_cards(file.models, o.source.names, mark, ctx);
  auto made = Auto::read(file, std::move(features), std::move(column));
  if (!made) return fail_in(path.string(), made.error());
  return made;
}

}  // namespace

std::unique_ptr<Estimator> make_auto(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o) || !one_source("auto", o, node.mark(), ctx)) return nullptr;
  const std::size_t before = ctx.diag().errors();
  auto features = PromptFeatures::make(o.encoder, node.mark(), ctx);
  if (!features) return nullptr;
  if (!o.weights.empty()) {
    auto loaded = load(o, std::move(*features), node.mark(), ctx);
    if (!loaded) ctx.diag().error(node.mark(), loaded.error().message);
    return ctx.diag().errors() == before ? std::move(*loaded) : nullptr;
  }
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
  auto models = past->names(ctx.catalogue());
  return Auto::fit(std::move(*past), std::move(*features), *x, rows, o.shrink, std::move(models));
}

}  // namespace swy::route
