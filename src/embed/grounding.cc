// The pipeline: evidence, probabilities, runs, explanations; see grounding.h and
// docs/reference/grounding.md.
//
// Explanation of a run without support, first that holds: entailed (an entailment checkpoint says
// so: counted as supported); contradicted (the checkpoint says so, or a value of the same kind
// stands in its place in the nearest sentences, or the same words stand there with the negation
// other than here, or the opposite word does); else not found. The rival that counts is the one
// with the highest agreement in the run, at least kClearRival. Test: grounding_test.cc.
#include "embed/grounding.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/doc.h"
#include "embed/builtin.h"
#include "embed/grounding/align.h"
#include "text/utf8.h"

namespace swy::embed {
namespace {

using grounding::Alignment;
using grounding::Item;
using grounding::kNowhere;
using grounding::Sentence;

constexpr float kClearRival = 0.3F;
constexpr std::size_t kMaxPairs = 32;  // asked of the entailment checkpoint an answer
constexpr std::size_t kMaxPremiseBytes = 1500;
constexpr std::size_t kDetectorColumn = kEncoderFeatures;
constexpr std::size_t kOtherUnitColumn = 17, kOppositeColumn = 23;
static_assert(kGroundingFeatures[kOppositeColumn] == "opposite");
static_assert(kGroundingFeatures[kOtherUnitColumn] == "other_unit");

bool label_like(const std::string& label, std::string_view part) {
  return text::folded(label).find(part) != std::string::npos;
}

Result<std::size_t> find_label(const EncoderInfo& info, std::string_view part) {
  for (std::size_t i = 0; i < info.labels.size(); ++i) {
    if (label_like(info.labels[i], part)) return i;
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{}: no label is named like \"{}\" (id2label in config.json)",
                          info.folder, part));
}

text::ByteSpan range(const Item& item) { return {item.begin, item.end}; }

// What in the run differs from the context; false: nothing does, it is just not there.
bool find_difference(const GroundingScratch::Impl& s, const GroundingRun& run,
                     GroundingVerdict& v) {
  float best = kClearRival;
  bool found = false;
  for (std::uint32_t i = run.first; i < run.last; ++i) {
    const Item& item = s.answer_items.items[i];
    const Alignment& a = s.alignments[i];
    if (item.valued() && a.rival != kNowhere && a.rival_agreement >= best &&
        (a.place == kNowhere || a.rival_agreement > a.agreement)) {
      best = a.rival_agreement;
      v.said = range(item);
      v.found = range(s.context_items.items[a.rival]);
      found = true;
    }
  }
  if (found) return true;
  for (std::uint32_t i = run.first; i < run.last; ++i) {
    const Alignment& a = s.alignments[i];
    const bool opposite = s.features.row(i)[kOppositeColumn] > 0;
    const bool negated = a.negation_differs && a.agreement >= kClearRival;
    const bool unit = s.features.row(i)[kOtherUnitColumn] > 0 && a.place != kNowhere &&
                      s.context_items.items[a.place].dimension != grounding::Dimension::kNone;
    if (!opposite && !negated && !unit) continue;
    v.said = range(s.answer_items.items[i]);
    v.found = range(s.context_items.items[opposite ? a.opposite : a.place]);
    return true;
  }
  return false;
}

text::ByteSpan evidence_for(const GroundingScratch::Impl& s, std::uint32_t sentence,
                            const GroundingVerdict& v) {
  std::uint32_t best = s.tops[sentence][0];
  if (best == kNowhere) return {};
  for (const std::uint32_t t : s.tops[sentence]) {
    if (t == kNowhere || v.found.end == 0) break;
    const Sentence& in = s.context_items.sentences[t];
    if (in.begin <= v.found.begin && v.found.end <= in.end) best = t;
  }
  const Sentence& in = s.context_items.sentences[best];
  return {in.begin, in.end};
}

GroundingVerdict verdict_of(const GroundingScratch::Impl& s, const GroundingRun& run) {
  GroundingVerdict v;
  v.span = {s.tokens[run.first].begin, s.tokens[run.last - 1].end};
  v.support = find_difference(s, run, v) ? Support::kContradicted : Support::kNotFound;
  v.evidence = evidence_for(s, s.sentences[run.first], v);
  return v;
}

void write_verdicts(const GroundingStage& stage, GroundingScratch::Impl& s, GroundingReport& out) {
  float most = 0;
  std::size_t run = 0;
  for (std::uint32_t n = 0; n < s.answer_items.sentences.size(); ++n) {
    const Sentence& in = s.answer_items.sentences[n];
    if (in.first == in.last) continue;
    bool any = false;
    for (; run < s.runs.size() && s.runs[run].first < in.last; ++run) {
      GroundingVerdict v = verdict_of(s, s.runs[run]);
      v.p_unsupported = stage.span.at(s.runs[run].score);
      out.verdicts.push_back(v);
      any = true;
    }
    float top = 0;
    for (std::uint32_t i = in.first; i < in.last; ++i) top = std::max(top, s.buffers.words[i]);
    most = std::max(most, top);
    if (any) continue;
    GroundingVerdict v;
    v.span = {in.begin, in.end};
    v.p_unsupported = top;
    v.evidence = evidence_for(s, n, v);
    out.verdicts.push_back(v);
  }
  out.p_unsupported = s.tokens.empty() ? 0.0F : stage.answer.at(most);
}

}  // namespace

GroundingScratch::GroundingScratch() : impl_(std::make_unique<Impl>()) {}
GroundingScratch::~GroundingScratch() = default;
GroundingScratch::GroundingScratch(GroundingScratch&&) noexcept = default;
GroundingScratch& GroundingScratch::operator=(GroundingScratch&&) noexcept = default;
std::span<const text::ByteSpan> GroundingScratch::tokens() const { return impl_->tokens; }
std::span<const std::uint32_t> GroundingScratch::sentences() const { return impl_->sentences; }
const math::Matrix& GroundingScratch::features() const { return impl_->features; }
bool GroundingScratch::truncated() const { return impl_->truncated; }
std::span<const float> GroundingScratch::words() const { return impl_->buffers.words; }

Status read_grounding(const GroundingText& text, const GroundingModels& models,
                      GroundingScratch& scratch) {
  GroundingScratch::Impl& s = scratch.impl();
  grounding::align(text, s);
  if (text.stopped()) return fail(ErrorCode::kCancelled, "grounding was given up");
  if (s.answer.size() > kMaxNeuralBytes) return {};
  if (models.encoder != nullptr) grounding::add_states(*models.encoder, s);
  if (models.detector == nullptr) return {};
  return grounding::add_detector(*models.detector, models.detector_prompt, s);
}

std::string_view to_string(Support support) {
  switch (support) {
    case Support::kSupported:
      return "supported";
    case Support::kContradicted:
      return "contradicted";
    case Support::kNotFound:
      return "not_found";
  }
  return "";
}

const GroundingStage* Grounding::stage_for(GroundingInput input) const {
  std::string_view hash;
  if (input == GroundingInput::kEncoder) {
    if (options_.encoder == nullptr) return nullptr;
    hash = options_.encoder->info().content_hash;
  }
  if (input == GroundingInput::kDetector) {
    if (options_.detector == nullptr) return nullptr;
    hash = options_.detector->info().content_hash;
  }
  for (const GroundingStage& s : model_.stages) {
    if (s.input == input && s.hash == hash) return &s;
  }
  return nullptr;
}

Result<std::shared_ptr<const Grounding>> Grounding::load(GroundingOptions options) {
  std::string text(builtin_grounding());
  if (options.model.empty()) {
    options.model = "the built-in grounding model";
  } else {
    SWY_TRY(text, base::read_file(options.model));
  }
  SWY_TRY(GroundingModel model, read_model(text, options.model));
  auto g = std::shared_ptr<Grounding>(new Grounding(std::move(options), std::move(model)));
  const GroundingOptions& o = g->options_;
  if (g->stage_for(GroundingInput::kLexical) == nullptr) {
    return fail(ErrorCode::kInvalidArgument, o.model + ": it has no lexical stage");
  }
  if (o.encoder != nullptr && g->stage_for(GroundingInput::kEncoder) == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: it was not trained with the encoder {} ({}); train it with "
                            "--encoder, or leave the encoder out",
                            o.model, o.encoder->info().folder, o.encoder->info().content_hash));
  }
  if (o.detector != nullptr) {
    const EncoderInfo& info = o.detector->info();
    if (info.head != Head::kToken || info.labels.size() < 2) {
      return fail(ErrorCode::kInvalidArgument,
                  info.folder + ": a detector is a token classifier with two labels or more");
    }
  }
  if (o.entailment != nullptr) {
    const EncoderInfo& info = o.entailment->info();
    if (info.head != Head::kSequence) {
      return fail(ErrorCode::kInvalidArgument,
                  info.folder + ": an entailment checkpoint is a sequence classifier");
    }
    SWY_TRY(g->entailment_label_, find_label(info, "entail"));
    SWY_TRY(g->contradiction_label_, find_label(info, "contra"));
  }
  return std::shared_ptr<const Grounding>(std::move(g));
}

std::size_t Grounding::memory_bytes() const {
  std::size_t n = sizeof *this;
  for (const GroundingStage& s : model_.stages) {
    const auto net = [](const GroundingNet& m) {
      return m.hidden.size() + m.hidden_bias.size() + m.out.size();
    };
    n += sizeof s + sizeof(float) *
                        (net(s.word) + net(s.around) + s.span.x.size() * 2 + s.answer.x.size() * 2);
  }
  return n;
}

Status Grounding::explain(GroundingScratch& scratch, GroundingReport& out) const {
  GroundingScratch::Impl& s = scratch.impl();
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < out.verdicts.size(); ++i) {
    const GroundingVerdict& v = out.verdicts[i];
    if (v.support == Support::kSupported || v.evidence.end == 0) continue;
    if (asked.size() == kMaxPairs) {
      out.truncated = true;
      break;
    }
    asked.push_back(i);
  }
  if (asked.empty()) return {};
  s.pairs.clear();
  for (const std::size_t i : asked) {
    const GroundingVerdict& v = out.verdicts[i];
    const auto cut = [](std::string_view t) { return text::clip(t, kMaxPremiseBytes); };
    const auto next = std::upper_bound(
        s.tokens.begin(), s.tokens.end(), v.span.begin,
        [](std::uint32_t at, const text::ByteSpan& token) { return at < token.begin; });
    const std::uint32_t sentence =
        s.sentences[static_cast<std::size_t>(next - s.tokens.begin()) - 1];
    const Sentence& in = s.answer_items.sentences[sentence];
    s.pairs.push_back({cut(s.context.substr(v.evidence.begin, v.evidence.end - v.evidence.begin)),
                       cut(s.answer.substr(in.begin, in.end - in.begin))});
  }
  SWY_DO(options_.entailment->score_pairs(s.pairs, s.workspace, s.logits));
  for (std::size_t k = 0; k < asked.size(); ++k) {
    const auto row = s.logits.row(k);
    const float most = *std::max_element(row.begin(), row.end());
    float sum = 0;
    for (const float x : row) sum += std::exp(x - most);
    GroundingVerdict& v = out.verdicts[asked[k]];
    v.p_entailed = std::exp(row[entailment_label_] - most) / sum;
    v.p_contradicted = std::exp(row[contradiction_label_] - most) / sum;
    if (v.p_entailed >= options_.entailed_above) {
      v.support = Support::kSupported;
    } else if (v.p_contradicted > 0.5F) {
      v.support = Support::kContradicted;
    }
  }
  return {};
}

Status Grounding::check(const GroundingText& text, GroundingScratch& scratch,
                        GroundingReport& out) const {
  GroundingScratch::Impl& s = scratch.impl();
  auto verdicts = std::move(out.verdicts);  // keeps its memory
  verdicts.clear();
  out = GroundingReport{};
  out.verdicts = std::move(verdicts);
  SWY_DO(read_grounding(
      text, {options_.encoder.get(), options_.detector.get(), options_.detector_prompt}, scratch));
  out.truncated = s.truncated;
  const bool neural = s.answer.size() <= kMaxNeuralBytes;
  const GroundingStage* stage = nullptr;
  if (neural && options_.detector != nullptr) {
    out.input = GroundingInput::kDetector;
    stage = stage_for(out.input);
  } else if (neural && options_.encoder != nullptr) {
    out.input = GroundingInput::kEncoder;
    stage = stage_for(out.input);
  } else {
    stage = stage_for(GroundingInput::kLexical);
  }
  GroundingStage own;  // a detector that the model was not trained with speaks for itself
  if (stage == nullptr) {
    out.calibrated = false;
    s.buffers.words.resize(s.tokens.size());
    for (std::size_t i = 0; i < s.tokens.size(); ++i) {
      s.buffers.words[i] = 1 / (1 + std::exp(-s.features.row(i)[kDetectorColumn]));
    }
    stage = &own;
  } else {
    score_words(*stage, s.features, s.sentences, s.buffers);
  }
  find_runs(s.buffers.words, s.sentences, stage->threshold, s.runs);
  write_verdicts(*stage, s, out);
  if (options_.entailment != nullptr) SWY_DO(explain(scratch, out));
  return {};
}

}  // namespace swy::embed
