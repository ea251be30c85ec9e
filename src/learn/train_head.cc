// Training of a head: features, stages, calibration, thresholds.
//
// Cheap stage: idf_b = ln((1 + n) / (1 + df_b)) + 1 over the rows' buckets (as scikit-learn's),
// rounded to bytes before learning so that learning sees what serving sees; weights of buckets that
// no row has are 0. Linear: one fit over grams and static embedding together. Encoder stage: its
// own fit; the cheap logits join with the weight that calibration rows like best. Both stages:
// temperature (softmax) or Platt (a sigmoid per label), then a curve on the top probability from
// kCurveRows rows on (calibrate.h). unsure_below: the lowest threshold with at most `cascade_loss`
// less accuracy than the encoder on every row, or, when that asks too often, the one that asks
// `encoder_share` of the calibration rows. When it loses: labels that change with time; nothing
// here weighs rows by age. Tests: train_head_test.cc.
#include "learn/train_head.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include "embed/grams.h"
#include "learn/calibrate.h"
#include "learn/contrastive.h"
#include "learn/figures.h"
#include "learn/heads/folds.h"
#include "learn/logistic.h"

namespace swy::learn {
namespace {

using embed::HeadData;
using embed::HeadStage;

// Rows times labels, the cost of a fit, from which a fifth calibrates: two fits in place of six.
constexpr std::size_t kSplitCells = 400'000;
constexpr std::size_t kCurveRows = 300;  // fewer calibration rows would be followed into noise
constexpr std::size_t kScopeKnots = 200;

// Gram columns of a head in training.
struct GramTable {
  std::vector<std::uint8_t> idf;  // by bucket
  float step = 0;
  std::vector<std::uint32_t> column;     // by bucket; kNone where no row has it
  std::vector<std::uint32_t> bucket_of;  // by column
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
};

GramTable make_table(const TrainData& data, std::span<const std::uint32_t> rows, unsigned bits) {
  GramTable t;
  const std::size_t buckets = std::size_t{1} << bits;
  std::vector<std::uint32_t> df(buckets, 0);
  std::vector<std::uint32_t> last(buckets, 0);
  embed::Grams grams;
  std::uint32_t serial = 0;
  for (const std::uint32_t r : rows) {
    grams.read(data.examples.rows[r].text);
    ++serial;
    for (const embed::Gram& g : grams.all()) {
      const std::size_t b = g.hash & (buckets - 1);
      if (last[b] == serial) continue;
      last[b] = serial;
      ++df[b];
    }
  }
  const double n = static_cast<double>(rows.size());
  t.step = static_cast<float>((std::log(1 + n) + 1) / 255);
  t.idf.resize(buckets);
  t.column.assign(buckets, GramTable::kNone);
  for (std::size_t b = 0; b < buckets; ++b) {
    const double idf = std::log((1 + n) / (1.0 + df[b])) + 1;
    t.idf[b] = static_cast<std::uint8_t>(std::lround(idf / static_cast<double>(t.step)));
    if (df[b] == 0) continue;
    t.column[b] = static_cast<std::uint32_t>(t.bucket_of.size());
    t.bucket_of.push_back(static_cast<std::uint32_t>(b));
  }
  return t;
}

// Appends the gram cells of a text as head.cc weighs them.
void add_cells(const embed::Grams& grams, const GramTable& t, Features& out) {
  const std::size_t first = out.cells.size();
  double squares = 0;
  for (const embed::Gram& g : grams.all()) {
    const std::size_t b = g.hash & (t.idf.size() - 1);
    const float x = (1.0F + std::log(static_cast<float>(std::min(g.count, 63U)))) *
                    static_cast<float>(t.idf[b]) * t.step;
    squares += static_cast<double>(x) * static_cast<double>(x);
    if (t.column[b] != GramTable::kNone) out.cells.push_back({t.column[b], x});
  }
  const auto scale = static_cast<float>(squares == 0 ? 0 : 1 / std::sqrt(squares));
  for (std::size_t i = first; i < out.cells.size(); ++i) out.cells[i].value *= scale;
}

// Rows are numbered by their place in `rows` from here on.
struct Job {
  const TrainData& data;
  std::span<const std::uint32_t> rows;
  const TrainOptions& options;
  std::size_t labels;
  Targets targets;
  Rounds rounds;
  std::function<void()> on_step;
};

// A stage that can be fitted on some rows and applied to others.
class Learner {
 public:
  virtual ~Learner() = default;
  virtual void fit(std::span<const std::uint32_t> rows) = 0;
  virtual void logits(std::uint32_t row, std::span<float> out) const = 0;
  virtual void write(HeadStage& stage) const = 0;
};

class LinearLearner final : public Learner {
 public:
  LinearLearner(const Job& job, bool grams, const Embedded& embedded, double c)
      : job_(job), dims_(embedded.dims), c_(c) {
    if (grams) table_ = make_table(job.data, job.rows, job.options.gram_bits);
    features_.sparse_columns = table_ ? table_->bucket_of.size() : 0;
    features_.dense_columns = dims_;
    embed::Grams reader;
    for (const std::uint32_t r : job.rows) {
      if (table_) {
        reader.read(job.data.examples.rows[r].text);
        add_cells(reader, *table_, features_);
      }
      features_.begin.push_back(features_.cells.size());
      if (dims_ == 0) continue;
      const auto row = embedded.row(r);
      features_.dense.insert(features_.dense.end(), row.begin(), row.end());
    }
  }

  void fit(std::span<const std::uint32_t> rows) override {
    model_ = fit_logistic(features_, job_.targets, job_.labels, rows,
                          {.c = c_,
                           .one_vs_rest = job_.options.one_vs_rest,
                           .max_iterations = job_.options.max_iterations},
                          job_.on_step);
    // Serving reads bytes: calibration must see the same weights.
    scale_.assign(features_.sparse_columns, 0);
    for (std::size_t col = 0; col < features_.sparse_columns; ++col) {
      float* w = model_.weights.data() + col * model_.stride;
      float top = 0;
      for (std::size_t c = 0; c < job_.labels; ++c) top = std::max(top, std::fabs(w[c]));
      const float scale = scale_[col] = top / 127;
      for (std::size_t c = 0; c < job_.labels; ++c) {
        w[c] = scale == 0 ? 0 : scale * std::round(w[c] / scale);
      }
    }
  }

  void logits(std::uint32_t row, std::span<float> out) const override {
    std::vector<float> z;
    model_.logits(features_, row, z);
    std::copy_n(z.begin(), out.size(), out.begin());
  }

  void write(HeadStage& s) const override {
    s.dims = dims_;
    s.bias.assign(model_.bias.begin(),
                  model_.bias.begin() + static_cast<std::ptrdiff_t>(job_.labels));
    s.weights.resize(job_.labels * dims_);
    for (std::size_t d = 0; d < dims_; ++d) {
      const auto row = model_.row(features_.sparse_columns + d);
      for (std::size_t c = 0; c < job_.labels; ++c) s.weights[c * dims_ + d] = row[c];
    }
    if (!table_) return;
    s.gram_bits = job_.options.gram_bits;
    s.gram_idf = table_->idf;
    s.gram_idf_step = table_->step;
    s.gram_scale.assign(table_->idf.size(), 0);
    s.gram_weights.assign(table_->idf.size() * job_.labels, 0);
    for (std::size_t col = 0; col < scale_.size(); ++col) {
      const std::size_t b = table_->bucket_of[col];
      s.gram_scale[b] = scale_[col];
      const auto row = model_.row(col);
      for (std::size_t c = 0; c < job_.labels && scale_[col] != 0; ++c) {
        s.gram_weights[b * job_.labels + c] =
            static_cast<std::int8_t>(std::lround(row[c] / scale_[col]));
      }
    }
  }

 private:
  const Job& job_;
  std::size_t dims_;
  double c_;
  std::optional<GramTable> table_;
  Features features_;
  LinearModel model_;
  std::vector<float> scale_;
};

class PrototypeLearner final : public Learner {
 public:
  PrototypeLearner(const Job& job, const Embedded& embedded) : job_(job), embedded_(embedded) {}

  void fit(std::span<const std::uint32_t> rows) override {
    std::vector<float> points;
    std::vector<std::uint32_t> labels;
    for (const std::uint32_t i : rows) {
      const auto row = embedded_.row(job_.rows[i]);
      for (const std::uint32_t label : job_.targets.of(i)) {
        points.insert(points.end(), row.begin(), row.end());
        labels.push_back(label);
      }
    }
    const EmbeddedRows in{points, embedded_.dims, labels, job_.labels};
    model_ = job_.options.type == HeadType::kPrototype
                 ? fit_prototypes(in)
                 : fit_contrastive(in, {.seed = job_.options.seed}, job_.on_step);
  }

  void logits(std::uint32_t row, std::span<float> out) const override {
    const auto e = embedded_.row(job_.rows[row]);
    std::vector<float> z(e.begin(), e.end());
    if (model_.projected != 0) {
      z.assign(model_.projected, 0);
      double squares = 0;
      for (std::size_t k = 0; k < z.size(); ++k) {
        for (std::size_t d = 0; d < e.size(); ++d) {
          z[k] += model_.projection[k * e.size() + d] * e[d];
        }
        squares += static_cast<double>(z[k]) * static_cast<double>(z[k]);
      }
      for (float& v : z) v /= static_cast<float>(std::max(std::sqrt(squares), 1e-12));
    }
    for (std::size_t c = 0; c < out.size(); ++c) {
      out[c] = 0;
      for (std::size_t k = 0; k < z.size(); ++k) out[c] += model_.weights[c * z.size() + k] * z[k];
    }
  }

  void write(HeadStage& s) const override {
    s.dims = embedded_.dims;
    s.projected = model_.projected;
    s.projection = model_.projection;
    s.weights = model_.weights;
    s.bias.assign(job_.labels, 0);
  }

 private:
  const Job& job_;
  const Embedded& embedded_;
  Prototypes model_;
};

// Fits `learner` on all rows and returns the logits of the cases (cases x labels), each from a fit
// that has not seen it.
std::vector<float> fit_apart(const Job& job, Learner& learner) {
  std::vector<float> out(job.rounds.cases.size() * job.labels);
  for (const Rounds::Round& round : job.rounds.rounds) {
    learner.fit(round.learn);
    for (const std::uint32_t i : round.judge) {
      learner.logits(job.rounds.cases[i], std::span(out).subspan(i * job.labels, job.labels));
    }
  }
  std::vector<std::uint32_t> all(job.rows.size());
  for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
  learner.fit(all);
  return out;
}

// ---- calibration

struct Judged {  // of the cases
  std::vector<float> confidence;
  std::vector<std::uint8_t> right;
  [[nodiscard]] double accuracy() const {
    double sum = 0;
    for (const std::uint8_t r : right) sum += r;
    return right.empty() ? 0 : sum / static_cast<double>(right.size());
  }
};

bool holds(std::span<const std::uint32_t> labels, std::uint32_t label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

std::vector<std::uint32_t> truth_of(const Job& job, std::span<const std::uint32_t> rows) {
  std::vector<std::uint32_t> out;
  for (const std::uint32_t r : rows) {
    const auto labels = job.targets.of(r);
    out.push_back(labels.empty() ? 0 : labels[0]);
  }
  return out;
}

void fit_probabilities(const Job& job, std::span<const float> logits, HeadStage& s) {
  const auto& rows = job.rounds.cases;
  s.slope.assign(job.labels, 1);
  s.offset.assign(job.labels, 0);
  if (!job.options.one_vs_rest) {
    const auto t = fit_temperature(logits, job.labels, truth_of(job, rows));
    s.slope.assign(job.labels, static_cast<float>(1 / t));
    return;
  }
  std::vector<float> score(rows.size());
  std::vector<std::uint8_t> positive(rows.size());
  for (std::uint32_t c = 0; c < job.labels; ++c) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      score[i] = logits[i * job.labels + c];
      positive[i] = holds(job.targets.of(rows[i]), c) ? 1 : 0;
    }
    const Platt p = fit_platt(score, positive);
    s.slope[c] = static_cast<float>(p.slope);
    s.offset[c] = static_cast<float>(p.offset);
  }
}

// Probabilities as head.cc gives them; the energy of a row in `energies`.
Judged judge(const Job& job, std::span<const float> logits, const HeadStage& s,
             std::vector<float>& energies) {
  const auto& rows = job.rounds.cases;
  Judged out;
  std::vector<double> p(job.labels);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto z = logits.subspan(i * job.labels, job.labels);
    double raw = 0, sum = 0;
    const auto raw_top = static_cast<double>(*std::max_element(z.begin(), z.end()));
    for (const float v : z) raw += std::exp(static_cast<double>(v) - raw_top);
    energies.push_back(
        static_cast<float>(job.options.one_vs_rest ? raw_top : raw_top + std::log(raw)));
    double top = -std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < job.labels; ++c) {
      p[c] = static_cast<double>(s.slope[c]) * static_cast<double>(z[c]) +
             static_cast<double>(s.offset[c]);
      top = std::max(top, p[c]);
    }
    for (double& v : p)
      sum += v = job.options.one_vs_rest ? 1 / (1 + std::exp(-v)) : std::exp(v - top);
    const auto best = std::max_element(p.begin(), p.end());
    out.confidence.push_back(static_cast<float>(job.options.one_vs_rest ? *best : *best / sum));
    out.right.push_back(
        holds(job.targets.of(rows[i]), static_cast<std::uint32_t>(best - p.begin())) ? 1 : 0);
  }
  return out;
}

void fit_scope(std::vector<float> energies, HeadStage& s) {
  std::sort(energies.begin(), energies.end());
  const std::size_t knots = std::min(kScopeKnots, energies.size());
  for (std::size_t k = 0; k < knots; ++k) {
    const std::size_t at = knots == 1 ? 0 : k * (energies.size() - 1) / (knots - 1);
    s.scope.push_back(energies[at]);
  }
}

Judged calibrate(const Job& job, std::span<const float> logits, HeadStage& s) {
  fit_probabilities(job, logits, s);
  std::vector<float> energies;
  Judged j = judge(job, logits, s, energies);
  fit_scope(std::move(energies), s);
  if (j.confidence.size() < kCurveRows) return j;
  Curve curve = fit_confidence(j.confidence, j.right);
  for (float& v : j.confidence) v = curve.at(v);
  s.isotonic_x = std::move(curve.x);
  s.isotonic_y = std::move(curve.y);
  return j;
}

// The weight of the cheap logits beside the encoder's that gives the calibrating rows the highest
// likelihood at its own best temperature; softmax only, others take the mean.
float fit_cheap_weight(const Job& job, std::span<const float> cheap, std::vector<float>& encoder) {
  static constexpr std::array<float, 8> kWeights = {0, 0.1F, 0.2F, 0.35F, 0.5F, 0.75F, 1, 1.5F};
  const auto truth = truth_of(job, job.rounds.cases);
  float best = job.options.one_vs_rest ? 0.5F : 0;
  double lowest = std::numeric_limits<double>::infinity();
  std::vector<float> sum(encoder.size());
  for (const float w : kWeights) {
    if (job.options.one_vs_rest) break;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = encoder[i] + w * cheap[i];
    const double t = fit_temperature(sum, job.labels, truth);
    double nll = 0;
    for (std::size_t r = 0; r < truth.size(); ++r) {
      const float* z = &sum[r * job.labels];
      const auto top = static_cast<double>(*std::max_element(z, z + job.labels));
      double mass = 0;
      for (std::size_t c = 0; c < job.labels; ++c) {
        mass += std::exp((static_cast<double>(z[c]) - top) / t);
      }
      nll += std::log(mass) - (static_cast<double>(z[truth[r]]) - top) / t;
    }
    if (nll < lowest) lowest = nll, best = w;
  }
  for (std::size_t i = 0; i < encoder.size(); ++i) encoder[i] += best * cheap[i];
  return best;
}

float fit_unsure(const Judged& cheap, const Judged& encoder, const TrainOptions& options) {
  std::vector<std::size_t> order(cheap.confidence.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return cheap.confidence[a] < cheap.confidence[b];
  });
  const auto n = static_cast<double>(order.size());
  const double wanted = encoder.accuracy() - options.cascade_loss;
  double accuracy = cheap.accuracy();
  float threshold = 0;
  for (std::size_t i = 0; i < order.size() && accuracy < wanted;) {
    // Rows of equal confidence go together.
    const float at = cheap.confidence[order[i]];
    std::size_t j = i;
    double gain = 0;
    for (; j < order.size() && cheap.confidence[order[j]] == at; ++j) {
      gain +=
          static_cast<double>(encoder.right[order[j]]) - static_cast<double>(cheap.right[order[j]]);
    }
    if (static_cast<double>(j) > options.encoder_share * n) break;
    accuracy += gain / n;
    threshold = std::nextafter(at, 2.0F);
    i = j;
  }
  return threshold;
}

Status check_rows(const Job& job) {
  std::vector<std::size_t> count(job.labels, 0);
  for (std::uint32_t i = 0; i < job.rows.size(); ++i) {
    for (const std::uint32_t label : job.targets.of(i)) ++count[label];
  }
  for (std::size_t c = 0; c < job.labels; ++c) {
    if (count[c] >= 2) continue;
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("label \"{}\" has {} example{} to learn from; two are the least",
                            job.data.examples.labels[c], count[c], count[c] == 1 ? "" : "s"));
  }
  return {};
}

std::unique_ptr<Learner> make_learner(const Job& job, const Embedded& embedded, bool encoder) {
  if (job.options.type != HeadType::kLinear) {
    return std::make_unique<PrototypeLearner>(job, embedded);
  }
  const bool grams = !encoder && job.options.grams;
  return std::make_unique<LinearLearner>(job, grams, embedded,
                                         encoder ? job.options.encoder_c : job.options.c);
}

std::string_view type_name(HeadType type) {
  if (type == HeadType::kLinear) return "linear";
  return type == HeadType::kPrototype ? "prototype" : "contrastive";
}

void train_stages(const Job& job, bool cheap_stage, HeadData& head) {
  std::vector<float> cheap_logits;
  Judged cheap;
  if (cheap_stage) {
    const auto learner = make_learner(job, job.data.static_embedding, false);
    cheap_logits = fit_apart(job, *learner);
    learner->write(head.cheap.emplace());
    cheap = calibrate(job, cheap_logits, *head.cheap);
  }
  if (job.data.encoder.dims == 0) return;
  const auto learner = make_learner(job, job.data.encoder, true);
  auto logits = fit_apart(job, *learner);
  HeadStage& s = head.encoder.emplace();
  learner->write(s);
  if (cheap_stage) s.cheap_weight = fit_cheap_weight(job, cheap_logits, logits);
  const Judged encoder = calibrate(job, logits, s);
  if (cheap_stage) head.unsure_below = fit_unsure(cheap, encoder, job.options);
}

}  // namespace

Result<HeadData> train_head(const TrainData& data, std::span<const std::uint32_t> rows,
                            const TrainOptions& options, const OnProgress& on_progress) {
  std::vector<std::uint32_t> kept;
  for (const std::uint32_t r : rows) {
    const Example& e = data.examples.rows[r];
    if (!e.out_of_scope && (options.one_vs_rest || e.labels.size() == 1)) kept.push_back(r);
  }
  Job job{data, kept, options, data.examples.labels.size(), {}, {}, {}};
  for (const std::uint32_t r : kept) job.targets.add(data.examples.rows[r].labels);
  SWY_DO(check_rows(job));
  const bool grams = options.type == HeadType::kLinear && options.grams;
  const bool cheap_stage = grams || data.static_embedding.dims != 0;
  if (!cheap_stage && data.encoder.dims == 0) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a {} head needs an embedding: the static one or an encoder",
                            type_name(options.type)));
  }
  const bool split = kept.size() * data.examples.labels.size() >= kSplitCells;
  job.rounds = make_rounds(data.examples, kept, job.targets, split, options.seed);
  const std::size_t fits = (job.rounds.rounds.size() + 1) *
                           ((cheap_stage ? 1U : 0U) + (data.encoder.dims != 0 ? 1U : 0U));
  std::uint64_t done = 0;
  job.on_step = [&] {
    if (on_progress) on_progress(++done, fits * static_cast<std::uint64_t>(options.max_iterations));
  };
  HeadData head;
  head.name = options.name;
  head.type = std::string(type_name(options.type));
  head.labels = data.examples.labels;
  head.multilabel = options.one_vs_rest;
  head.static_hash = data.static_embedding.dims != 0 ? data.static_embedding.hash : "";
  head.encoder_hash = data.encoder.hash;
  head.encoder_name = data.encoder.name;
  head.provenance = options.provenance;
  head.abstain_below = 0.5F;        // below, the best label is more likely wrong than right
  head.out_of_scope_above = 0.98F;  // one in fifty in-scope texts is that strange
  train_stages(job, cheap_stage, head);
  SWY_DO(embed::check_head(head));
  return head;
}

}  // namespace swy::learn
