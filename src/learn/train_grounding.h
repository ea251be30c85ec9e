// train_grounding: labelled answers into a grounding model; score_grounding: its figures on rows it
// has not seen.
//
// When to use: `switchyard train grounding`, `switchyard eval grounding`. Threading: pure, one
// core, deterministic by (rows, options). Ownership: rows are borrowed; results are values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "embed/encoder.h"
#include "embed/grounding.h"
#include "learn/grounding_rows.h"
#include "switchyard/result.h"

namespace swy::learn {

struct GroundingTraining {
  std::shared_ptr<const embed::Encoder> encoder, detector;  // a stage for each that is given
  std::string detector_prompt = "{question}\n{context}";
  std::size_t units = 24;  // of the network of words
  double keep = 1e-4;      // penalty on its squared weights, beside the mean loss
  int max_iterations = 250;
  double calibration_share = 0.2;  // of the documents
  std::uint64_t seed = 1;
  std::string provenance = "{}";  // JSON object for the file
  std::function<void(const std::string& what)> on_step;
};

// kInvalidArgument: fewer than 50 rows with and 50 without spans.
Result<embed::GroundingModel> train_grounding(std::span<const GroundingRow> rows,
                                              const GroundingTraining& options);

struct GroundingTypeFigures {
  std::string type;
  std::size_t spans = 0;
  double found = 0;         // share that a run touches
  double contradicted = 0;  // of those, the share explained as contradicted
};

struct GroundingFigures {
  std::size_t rows = 0, wrong_rows = 0, words = 0, wrong_words = 0;
  // Words: of the answer's words, those inside a span count as wrong.
  double word_precision = 0, word_recall = 0, word_f1 = 0, word_auroc = 0, word_ece = 0;
  // Spans: a run is right when it shares at least half of the words of both with a span; "touch":
  // when they share any.
  double span_precision = 0, span_recall = 0, span_f1 = 0, span_ece = 0;
  double touch_precision = 0, touch_recall = 0, touch_f1 = 0;
  // Answers: p_unsupported at 0.5.
  double answer_precision = 0, answer_recall = 0, answer_f1 = 0, answer_auroc = 0, answer_ece = 0;
  double false_alarms = 0;  // share of rows without spans at 0.5 or above
  // The simplest detector there is: a content word that the context does not have.
  double plain_word_f1 = 0, plain_word_auroc = 0;
  double median_us = 0, p99_us = 0;  // of check()
  std::vector<GroundingTypeFigures> types;
};

Result<GroundingFigures> score_grounding(const embed::Grounding& grounding,
                                         std::span<const GroundingRow> rows);

std::string to_json(const GroundingFigures& figures);

}  // namespace swy::learn
