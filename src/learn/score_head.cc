// Figures of a trained head, through the code that serves it. Latency is the median over single
// calls of reading the grams and the cheap stage. Test: train_head_test.cc.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "learn/figures.h"
#include "learn/train_head.h"
#include "switchyard/env.h"

namespace swy::learn {
namespace {

double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Sums {
  std::vector<std::uint32_t> truth, said;
  std::vector<float> confidence, strange;
  std::vector<std::uint8_t> right, outside;
  std::vector<double> us;
  std::size_t asked = 0, kept = 0, kept_right = 0;
};

void score_row(const embed::TextHead& head, HeadUse use, const TrainData& data, std::uint32_t row,
               embed::Grams& grams, embed::HeadScore& score, Sums& sums) {
  const Example& example = data.examples.rows[row];
  embed::CheapInput input{.grams = &grams, .static_embedding = {}};
  if (head.uses_static()) input.static_embedding = data.static_embedding.row(row);
  if (head.has_cheap_stage()) {
    const std::int64_t start = system_clock().mono_ns();
    if (head.uses_grams()) grams.read(example.text);
    head.cheap(input, score);
    sums.us.push_back(static_cast<double>(system_clock().mono_ns() - start) / 1e3);
  }
  if (use == HeadUse::kEncoder || (use == HeadUse::kCascade && !score.sure)) {
    head.refine(data.encoder.row(row), score);
    ++sums.asked;
  }
  sums.strange.push_back(score.out_of_scope);
  sums.outside.push_back(example.out_of_scope ? 1 : 0);
  if (example.out_of_scope || (example.labels.empty() && !head.multilabel())) return;
  const bool right =
      std::find(example.labels.begin(), example.labels.end(), score.best) != example.labels.end();
  sums.truth.push_back(right ? score.best : (example.labels.empty() ? 0 : example.labels[0]));
  sums.said.push_back(score.best);
  sums.confidence.push_back(score.confidence);
  sums.right.push_back(right ? 1 : 0);
  if (!score.abstain) {
    ++sums.kept;
    sums.kept_right += right ? 1U : 0U;
  }
}

}  // namespace

HeadFigures score_head(const embed::TextHead& head, HeadUse use, const TrainData& data,
                       std::span<const std::uint32_t> rows) {
  SWY_ASSERT(use == HeadUse::kCheap || head.has_encoder_stage());
  SWY_ASSERT(use == HeadUse::kEncoder || head.has_cheap_stage());
  embed::Grams grams;
  embed::HeadScore score;
  Sums sums;
  for (const std::uint32_t row : rows) score_row(head, use, data, row, grams, score, sums);
  HeadFigures f;
  f.rows = sums.truth.size();
  f.accuracy = accuracy(sums.truth, sums.said);
  f.macro_f1 = macro_f1(sums.truth, sums.said, head.labels().size());
  f.ece = ece(sums.confidence, sums.right);
  f.ece_chance = ece_by_chance(sums.confidence);
  const bool some = std::find(sums.outside.begin(), sums.outside.end(), 1) != sums.outside.end();
  f.out_of_scope_auroc =
      some ? auroc(sums.strange, sums.outside) : std::numeric_limits<double>::quiet_NaN();
  f.encoder_share =
      rows.empty() ? 0 : static_cast<double>(sums.asked) / static_cast<double>(rows.size());
  f.cheap_us = median(sums.us);
  if (f.rows == 0) return f;
  f.kept = static_cast<double>(sums.kept) / static_cast<double>(f.rows);
  if (sums.kept != 0) {
    f.kept_accuracy = static_cast<double>(sums.kept_right) / static_cast<double>(sums.kept);
  }
  return f;
}

}  // namespace swy::learn
