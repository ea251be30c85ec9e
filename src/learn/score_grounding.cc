// Figures of a grounding on labelled rows; see train_grounding.h. A word of the answer is wrong
// when it touches a span. Everything runs through Grounding::check, so the figures are of what
// serves. Test: train_grounding_test.cc.
#include <algorithm>
#include <chrono>
#include <map>

#include "base/json.h"
#include "learn/figures.h"
#include "learn/train_grounding.h"

namespace swy::learn {
namespace {

using embed::GroundingVerdict;
using embed::Support;

constexpr std::size_t kAbsent = 9;  // in kGroundingFeatures
static_assert(embed::kGroundingFeatures[kAbsent] == "absent");

struct Counts {
  double right = 0, said = 0, found = 0, truth = 0;
  void write(double& precision, double& recall, double& f1) const {
    precision = said > 0 ? right / said : 0;
    recall = truth > 0 ? found / truth : 0;
    f1 = precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
  }
};

struct Tally {
  Counts words, spans, touch, answers, plain;
  std::vector<float> word_p, answer_p, span_p, plain_p;
  std::vector<std::uint8_t> word_wrong, answer_wrong, span_right;
  std::vector<double> us;
  std::map<std::string, GroundingTypeFigures> types;
};

bool overlap(text::ByteSpan a, text::ByteSpan b) { return a.begin < b.end && b.begin < a.end; }

bool flagged(const GroundingVerdict& v) { return v.support != Support::kSupported; }

// Words in a, in b and in both.
bool half_shared(std::span<const text::ByteSpan> tokens, text::ByteSpan a, text::ByteSpan b) {
  std::size_t in_a = 0, in_b = 0, both = 0;
  for (const text::ByteSpan t : tokens) {
    const bool x = overlap(t, a), y = overlap(t, b);
    in_a += x ? 1 : 0;
    in_b += y ? 1 : 0;
    both += x && y ? 1 : 0;
  }
  return both > 0 && 2 * both >= in_a && 2 * both >= in_b;
}

void count_words(const GroundingRow& row, const embed::GroundingScratch& scratch,
                 const embed::GroundingReport& report, Tally& t) {
  for (std::size_t i = 0; i < scratch.tokens().size(); ++i) {
    const text::ByteSpan token = scratch.tokens()[i];
    const bool wrong = std::any_of(row.spans.begin(), row.spans.end(),
                                   [&](const auto& s) { return overlap(token, {s.begin, s.end}); });
    const bool said =
        std::any_of(report.verdicts.begin(), report.verdicts.end(),
                    [&](const auto& v) { return flagged(v) && overlap(token, v.span); });
    const float absent = scratch.features().row(i)[kAbsent];
    t.word_p.push_back(scratch.words()[i]);
    t.plain_p.push_back(absent);
    t.word_wrong.push_back(wrong ? 1 : 0);
    const auto add = [&](Counts& c, bool yes) {
      c.truth += wrong ? 1 : 0;
      c.said += yes ? 1 : 0;
      c.right += wrong && yes ? 1 : 0;
      c.found = c.right;
    };
    add(t.words, said);
    add(t.plain, absent > 0);
  }
}

void count_spans(const GroundingRow& row, const embed::GroundingScratch& scratch,
                 const embed::GroundingReport& report, Tally& t) {
  for (const GroundingVerdict& v : report.verdicts) {
    if (!flagged(v)) continue;
    bool half = false, any = false;
    for (const GroundingSpan& s : row.spans) {
      any = any || overlap(v.span, {s.begin, s.end});
      half = half || half_shared(scratch.tokens(), v.span, {s.begin, s.end});
    }
    t.spans.said += 1;
    t.touch.said += 1;
    t.spans.right += half ? 1 : 0;
    t.touch.right += any ? 1 : 0;
    t.span_p.push_back(v.p_unsupported);
    t.span_right.push_back(any ? 1 : 0);
  }
  for (const GroundingSpan& s : row.spans) {
    bool half = false, any = false, contradicted = false;
    for (const GroundingVerdict& v : report.verdicts) {
      if (!flagged(v) || !overlap(v.span, {s.begin, s.end})) continue;
      any = true;
      contradicted = contradicted || v.support == Support::kContradicted;
      half = half || half_shared(scratch.tokens(), v.span, {s.begin, s.end});
    }
    t.spans.truth += 1;
    t.touch.truth += 1;
    t.spans.found += half ? 1 : 0;
    t.touch.found += any ? 1 : 0;
    GroundingTypeFigures& type = t.types[s.type];
    type.type = s.type;
    ++type.spans;
    type.found += any ? 1 : 0;
    type.contradicted += contradicted ? 1 : 0;
  }
}

void count_answer(const GroundingRow& row, const embed::GroundingReport& report, Tally& t) {
  const bool wrong = !row.spans.empty();
  const bool said = report.p_unsupported >= 0.5F;
  t.answers.truth += wrong ? 1 : 0;
  t.answers.said += said ? 1 : 0;
  t.answers.right += wrong && said ? 1 : 0;
  t.answers.found = t.answers.right;
  t.answer_p.push_back(report.p_unsupported);
  t.answer_wrong.push_back(wrong ? 1 : 0);
}

}  // namespace

Result<GroundingFigures> score_grounding(const embed::Grounding& grounding,
                                         std::span<const GroundingRow> rows) {
  Tally t;
  embed::GroundingScratch scratch;
  embed::GroundingReport report;
  for (const GroundingRow& row : rows) {
    const auto start = std::chrono::steady_clock::now();
    if (const auto ok = grounding.check(row.text(), scratch, report); !ok) {
      return fail_in(row.id, ok.error());
    }
    const auto took = std::chrono::steady_clock::now() - start;
    t.us.push_back(std::chrono::duration<double, std::micro>(took).count());
    count_words(row, scratch, report, t);
    count_spans(row, scratch, report, t);
    count_answer(row, report, t);
  }
  GroundingFigures f;
  f.rows = rows.size();
  f.words = t.word_p.size();
  f.wrong_words = static_cast<std::size_t>(t.words.truth);
  f.wrong_rows = static_cast<std::size_t>(t.answers.truth);
  t.words.write(f.word_precision, f.word_recall, f.word_f1);
  t.spans.write(f.span_precision, f.span_recall, f.span_f1);
  t.touch.write(f.touch_precision, f.touch_recall, f.touch_f1);
  t.answers.write(f.answer_precision, f.answer_recall, f.answer_f1);
  double precision = 0, recall = 0;
  t.plain.write(precision, recall, f.plain_word_f1);
  f.word_auroc = auroc(t.word_p, t.word_wrong);
  f.plain_word_auroc = auroc(t.plain_p, t.word_wrong);
  f.answer_auroc = auroc(t.answer_p, t.answer_wrong);
  f.word_ece = ece(t.word_p, t.word_wrong);
  f.answer_ece = ece(t.answer_p, t.answer_wrong);
  f.span_ece = ece(t.span_p, t.span_right);
  const double faithful = static_cast<double>(f.rows - f.wrong_rows);
  f.false_alarms = faithful > 0 ? (t.answers.said - t.answers.right) / faithful : 0;
  std::sort(t.us.begin(), t.us.end());
  if (!t.us.empty()) {
    f.median_us = t.us[t.us.size() / 2];
    f.p99_us = t.us[t.us.size() * 99 / 100];
  }
  for (auto& [name, type] : t.types) {
    type.contradicted = type.found > 0 ? type.contradicted / type.found : 0;
    type.found /= static_cast<double>(type.spans);
    f.types.push_back(type);
  }
  return f;
}

std::string to_json(const GroundingFigures& f) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("rows", f.rows).field("wrong_rows", f.wrong_rows);
  w.field("words", f.words).field("wrong_words", f.wrong_words);
  w.field("word_precision", f.word_precision).field("word_recall", f.word_recall);
  w.field("word_f1", f.word_f1).field("word_auroc", f.word_auroc).field("word_ece", f.word_ece);
  w.field("span_precision", f.span_precision).field("span_recall", f.span_recall);
  w.field("span_f1", f.span_f1).field("span_ece", f.span_ece);
  w.field("touch_precision", f.touch_precision).field("touch_recall", f.touch_recall);
  w.field("touch_f1", f.touch_f1);
  w.field("answer_precision", f.answer_precision).field("answer_recall", f.answer_recall);
  w.field("answer_f1", f.answer_f1).field("answer_auroc", f.answer_auroc);
  w.field("answer_ece", f.answer_ece).field("false_alarms", f.false_alarms);
  w.field("plain_word_f1", f.plain_word_f1).field("plain_word_auroc", f.plain_word_auroc);
  w.field("median_us", f.median_us).field("p99_us", f.p99_us).key("types").begin_array();
  for (const GroundingTypeFigures& t : f.types) {
    w.begin_object().field("type", t.type).field("spans", t.spans).field("found", t.found);
    w.field("contradicted", t.contradicted).end_object();
  }
  w.end_array().end_object();
  return out;
}

}  // namespace swy::learn
