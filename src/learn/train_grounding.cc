// Training of the two networks of a grounding stage; see train_grounding.h.
//
// Loss: mean cross entropy of words + keep * squared weights, minimised by L-BFGS over all words at
// once from small random weights. The second network learns on the first one's logits of the same
// rows: the first has a thousand weights for a hundred thousand words, so its logits there are
// hardly better than elsewhere. Platt scaling, the threshold (best F1 of spans that touch) and the
// curves of spans and answers come from documents that neither network has seen. Cost: iterations x
// words x 6 x inputs x units operations. When it loses: with errors of other kinds than the rows
// have. Test: train_grounding_test.cc.
#include "learn/train_grounding.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/rng.h"
#include "learn/calibrate.h"
#include "learn/examples.h"
#include "learn/lbfgs.h"

namespace swy::learn {
namespace {

using embed::GroundingCurve;
using embed::GroundingInput;
using embed::GroundingNet;
using embed::GroundingStage;
using math::Matrix;

// The features of all words of some rows, row after row.
struct Words {
  std::vector<float> x;  // words x kAllFeatures
  std::vector<std::uint8_t> wrong;
  std::vector<std::uint32_t> sentences;  // counted through all rows, so that none spans two
  std::vector<std::size_t> begin = {0};  // words of row r: begin[r] .. begin[r + 1)
  std::vector<std::uint8_t> wrong_row;
};

bool touches(text::ByteSpan token, const std::vector<GroundingSpan>& spans) {
  return std::any_of(spans.begin(), spans.end(), [&](const GroundingSpan& s) {
    return token.begin < s.end && s.begin < token.end;
  });
}

Status read_words(const GroundingRow& row, const GroundingTraining& options,
                  embed::GroundingScratch& scratch, Words& out) {
  SWY_DO(embed::read_grounding(
      row.text(), {options.encoder.get(), options.detector.get(), options.detector_prompt},
      scratch));
  const std::uint32_t next = out.sentences.empty() ? 0 : out.sentences.back() + 1;
  for (std::size_t i = 0; i < scratch.tokens().size(); ++i) {
    const auto features = scratch.features().row(i);
    out.x.insert(out.x.end(), features.begin(), features.end());
    out.wrong.push_back(touches(scratch.tokens()[i], row.spans) ? 1 : 0);
    out.sentences.push_back(next + scratch.sentences()[i]);
  }
  out.begin.push_back(out.wrong.size());
  out.wrong_row.push_back(row.spans.empty() ? 0 : 1);
  return {};
}

// Rows of `count` floats, `stride` apart.
struct Inputs {
  const float* x = nullptr;
  std::size_t stride = 0;
  std::size_t count = 0;
  std::span<const std::uint8_t> wrong;
};

// The parameters of a net in one vector: hidden, hidden_bias, out, out_bias.
struct Packed {
  std::size_t inputs, units;
  [[nodiscard]] std::size_t size() const { return (inputs + 2) * units + 1; }
  [[nodiscard]] std::size_t bias() const { return inputs * units; }
  [[nodiscard]] std::size_t out() const { return (inputs + 1) * units; }
};

using Units = std::array<float, embed::kMaxGroundingHidden>;

double add_word(const Packed& p, const float* x, bool wrong, std::span<const float> w,
                std::span<float> g) {
  Units h;
  std::copy_n(w.data() + p.bias(), p.units, h.data());
  for (std::size_t i = 0; i < p.inputs; ++i) {
    if (x[i] == 0) continue;
    const float* row = w.data() + i * p.units;
    for (std::size_t u = 0; u < p.units; ++u) h[u] += row[u] * x[i];
  }
  const float* out = w.data() + p.out();
  float z = w[p.size() - 1];
  for (std::size_t u = 0; u < p.units; ++u) z += out[u] * std::max(h[u], 0.0F);
  const float slope = 1 / (1 + std::exp(-z)) - (wrong ? 1.0F : 0.0F);
  g[p.size() - 1] += slope;
  Units back;
  for (std::size_t u = 0; u < p.units; ++u) {
    g[p.out() + u] += slope * std::max(h[u], 0.0F);
    back[u] = h[u] > 0 ? slope * out[u] : 0.0F;
    g[p.bias() + u] += back[u];
  }
  for (std::size_t i = 0; i < p.inputs; ++i) {
    if (x[i] == 0) continue;
    float* row = g.data() + i * p.units;
    for (std::size_t u = 0; u < p.units; ++u) row[u] += back[u] * x[i];
  }
  const double signed_z = wrong ? -z : z;
  return std::max(signed_z, 0.0) + std::log1p(std::exp(-std::fabs(signed_z)));
}

// Fits on standardised inputs and folds the standardisation into the weights.
GroundingNet fit_net(const Inputs& in, std::size_t units, const GroundingTraining& o) {
  const Packed p{in.count, units};
  const std::size_t n = in.wrong.size();
  std::vector<float> spread(p.inputs, 0.0F);
  for (std::size_t i = 0; i < p.inputs; ++i) {
    double sum = 0;
    for (std::size_t r = 0; r < n; ++r) sum += std::pow(in.x[r * in.stride + i], 2.0F);
    const double rms = std::sqrt(sum / static_cast<double>(std::max<std::size_t>(n, 1)));
    spread[i] = rms > 1e-6 ? static_cast<float>(rms) : 1.0F;
  }
  std::vector<float> x(n * p.inputs);  // scaled, not centred: zeros stay zeros and are skipped
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t i = 0; i < p.inputs; ++i) {
      x[r * p.inputs + i] = in.x[r * in.stride + i] / spread[i];
    }
  }
  std::vector<float> w(p.size(), 0.0F);
  base::Rng rng(o.seed, p.inputs, units);
  for (float& v : w) v = static_cast<float>(rng.uniform() - 0.5) * 0.6F;
  const auto loss = [&](std::span<const float> at, std::span<float> g) {
    std::fill(g.begin(), g.end(), 0.0F);
    double sum = 0;
    for (std::size_t r = 0; r < n; ++r) {
      sum += add_word(p, x.data() + r * p.inputs, in.wrong[r] != 0, at, g);
    }
    const auto by = 1 / static_cast<double>(n);
    double squares = 0;
    for (std::size_t k = 0; k < g.size(); ++k) {
      g[k] = static_cast<float>(g[k] * by + 2 * o.keep * at[k]);
      squares += double{at[k]} * at[k];
    }
    return sum * by + o.keep * squares;
  };
  LbfgsOptions how;
  how.max_iterations = o.max_iterations;
  how.tolerance = 1e-5;
  minimize(loss, w, how);
  GroundingNet net;
  net.inputs = p.inputs;
  net.hidden.assign(w.begin(), w.begin() + static_cast<std::ptrdiff_t>(p.bias()));
  for (std::size_t i = 0; i < p.inputs; ++i) {
    for (std::size_t u = 0; u < units; ++u) net.hidden[i * units + u] /= spread[i];
  }
  net.hidden_bias.assign(w.begin() + static_cast<std::ptrdiff_t>(p.bias()),
                         w.begin() + static_cast<std::ptrdiff_t>(p.out()));
  net.out.assign(w.begin() + static_cast<std::ptrdiff_t>(p.out()), w.end() - 1);
  net.out_bias = w.back();
  return net;
}

Matrix matrix_of(const Words& words) {
  Matrix m(words.wrong.size(), embed::kAllFeatures);
  std::copy(words.x.begin(), words.x.end(), m.all().begin());
  return m;
}

float logit(float p) {
  const float c = std::clamp(p, 1e-5F, 1 - 1e-5F);
  return std::log(c / (1 - c));
}

// P(positive | score) by Platt on the score's logit, as a curve with knots.
GroundingCurve fit_curve(std::span<const float> score, std::span<const std::uint8_t> positive) {
  GroundingCurve curve;
  if (score.size() < 20) return curve;
  std::vector<float> z(score.size());
  std::transform(score.begin(), score.end(), z.begin(), logit);
  Platt platt = fit_platt(z, positive);
  platt.slope = std::max(platt.slope, 0.0);
  for (int k = 0; k <= 40; ++k) {
    const float p = std::clamp(static_cast<float>(k) / 40, 0.002F, 0.998F);
    curve.x.push_back(p);
    curve.y.push_back(
        static_cast<float>(1 / (1 + std::exp(-(platt.slope * logit(p) + platt.offset)))));
  }
  return curve;
}

bool any_wrong(const Words& words, std::size_t first, std::size_t last) {
  return std::any_of(words.wrong.begin() + static_cast<std::ptrdiff_t>(first),
                     words.wrong.begin() + static_cast<std::ptrdiff_t>(last),
                     [](std::uint8_t w) { return w != 0; });
}

// F1 of runs that touch wrong words and of stretches of wrong words that runs touch.
double touch_f1(const Words& words, std::span<const float> p, float threshold) {
  std::vector<embed::GroundingRun> runs, gold;
  std::vector<float> truth(words.wrong.begin(), words.wrong.end());
  embed::find_runs(p, words.sentences, threshold, runs);
  embed::find_runs(truth, words.sentences, 0.9F, gold);
  double right = 0, found = 0;
  for (const auto& r : runs) right += any_wrong(words, r.first, r.last) ? 1 : 0;
  for (const auto& g : gold) {
    found += std::any_of(runs.begin(), runs.end(),
                         [&](const auto& r) { return r.first < g.last && g.first < r.last; });
  }
  if (runs.empty() || gold.empty() || right + found == 0) return 0;
  const double precision = right / static_cast<double>(runs.size());
  const double recall = found / static_cast<double>(gold.size());
  return 2 * precision * recall / (precision + recall);
}

void calibrate(const Words& held, GroundingStage& stage) {
  const Matrix features = matrix_of(held);
  embed::GroundingBuffers buffers;
  embed::score_words(stage, features, held.sentences, buffers);  // slope 1, offset 0
  std::vector<float> z(buffers.words.size());
  std::transform(buffers.words.begin(), buffers.words.end(), z.begin(), logit);
  const Platt platt = fit_platt(z, held.wrong);
  stage.slope = static_cast<float>(platt.slope);
  stage.offset = static_cast<float>(platt.offset);
  embed::score_words(stage, features, held.sentences, buffers);
  double best = -1;
  for (float t = 0.4F; t < 0.81F; t += 0.05F) {  // below, a run would rather be wrong than right
    const double f1 = touch_f1(held, buffers.words, t);
    if (f1 <= best) continue;
    best = f1;
    stage.threshold = t;
  }
  std::vector<embed::GroundingRun> runs;
  embed::find_runs(buffers.words, held.sentences, stage.threshold, runs);
  std::vector<float> score;
  std::vector<std::uint8_t> right;
  for (const auto& r : runs) {
    score.push_back(r.score);
    right.push_back(any_wrong(held, r.first, r.last) ? 1 : 0);
  }
  stage.span = fit_curve(score, right);
  score.clear();
  right.clear();
  for (std::size_t r = 0; r + 1 < held.begin.size(); ++r) {
    if (held.begin[r] == held.begin[r + 1]) continue;
    score.push_back(
        *std::max_element(buffers.words.begin() + static_cast<std::ptrdiff_t>(held.begin[r]),
                          buffers.words.begin() + static_cast<std::ptrdiff_t>(held.begin[r + 1])));
    right.push_back(held.wrong_row[r]);
  }
  stage.answer = fit_curve(score, right);
}

GroundingStage fit_stage(GroundingInput input, const Words& fit, const Words& held,
                         const GroundingTraining& o) {
  GroundingStage stage;
  stage.input = input;
  if (input == GroundingInput::kEncoder) stage.hash = o.encoder->info().content_hash;
  if (input == GroundingInput::kDetector) stage.hash = o.detector->info().content_hash;
  stage.word = fit_net({fit.x.data(), embed::kAllFeatures, embed::feature_count(input), fit.wrong},
                       o.units, o);
  // An identity around net, for the logits of the words alone.
  const Matrix features = matrix_of(fit);
  embed::GroundingBuffers buffers;
  stage.around = {
      embed::kAroundFeatures, std::vector<float>(embed::kAroundFeatures, 0.0F), {0}, {0}, 0};
  embed::score_words(stage, features, fit.sentences, buffers);
  Matrix around;
  embed::around_features(buffers.z, features, fit.sentences, around);
  stage.around = fit_net(
      {around.all().data(), embed::kAroundFeatures, embed::kAroundFeatures, fit.wrong}, 12, o);
  calibrate(held, stage);
  return stage;
}

}  // namespace

Result<embed::GroundingModel> train_grounding(std::span<const GroundingRow> rows,
                                              const GroundingTraining& o) {
  const auto wrong = static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [](const GroundingRow& r) { return !r.spans.empty(); }));
  if (wrong < 50 || rows.size() - wrong < 50) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} rows, {} with spans; at least 50 with and 50 without are needed",
                            rows.size(), wrong));
  }
  const auto tell = [&](const std::string& what) {
    if (o.on_step) o.on_step(what);
  };
  Words fit, held;
  embed::GroundingScratch scratch;
  tell(fmt::format("reading {} rows", rows.size()));
  for (const GroundingRow& row : rows) {
    Words& out = split_point(row.doc, o.seed) < o.calibration_share ? held : fit;
    if (const auto ok = read_words(row, o, scratch, out); !ok) return fail_in(row.id, ok.error());
  }
  if (fit.wrong.empty() || held.wrong.empty()) {
    return fail(ErrorCode::kInvalidArgument, "the rows are of too few documents to hold some out");
  }
  embed::GroundingModel model;
  model.provenance = o.provenance;
  std::vector<GroundingInput> inputs = {GroundingInput::kLexical};
  if (o.encoder != nullptr) inputs.push_back(GroundingInput::kEncoder);
  if (o.detector != nullptr) inputs.push_back(GroundingInput::kDetector);
  for (const GroundingInput input : inputs) {
    tell(fmt::format("fitting stage {} on {} words", static_cast<int>(input), fit.wrong.size()));
    model.stages.push_back(fit_stage(input, fit, held, o));
  }
  SWY_DO(embed::check_model(model));
  return model;
}

}  // namespace swy::learn
