// Signal evaluation: how well signals understand texts, on labelled sets. Heads: each cheap stage
// alone, the encoder alone, the cascade, and the head that ships. Other signals: as served.
//
// When to use: `switchyard eval signals`; docs/guide/signals.md is its output. Threading: one core.
// Ownership: values.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "learn/embed_texts.h"
#include "learn/train_head.h"
#include "switchyard/result.h"

namespace swy::eval {

struct SignalsOptions {
  std::string data = "../shared/data";
  std::string train_data;              // empty: data
  std::string written = "tests/data";  // the project's own rows; may be absent
  std::vector<std::string> sets;       // empty: all that `data` holds
  learn::TextEmbedder* static_embedding = nullptr;
  learn::TextEmbedder* encoder = nullptr;
  std::size_t max_train = 4000;  // rows to learn from, of each set, chosen by id
  std::size_t max_test = 1000;   // rows to measure on, of each set, chosen by id
  std::uint64_t seed = 1;
  std::function<void(const std::string& what)> on_step;
};

struct SignalRow {
  std::string set;
  std::string way;  // "n-grams", "static", "encoder", "cascade" ...
  std::size_t train = 0, labels = 0;
  learn::HeadFigures figures;
  double us = 0;               // median, embeddings included; of the cascade the mean
  std::size_t head_bytes = 0;  // the head in memory, the embedding's table not counted
};

// A signal asked as requests ask it, through a compiled configuration.
struct ServedRow {
  std::string signal, set;
  std::size_t rows = 0, classes = 0;
  // NaN: has no meaning here
  double accuracy = 0, f1 = 0, auroc = 0, ece = 0, ece_chance = 0;
  double us = 0;           // median of one request
  std::size_t memory = 0;  // bytes of its model
};

struct ToolRow {
  std::string way;
  std::size_t questions = 0, tools = 0;
  double recall5 = 0;     // mean share of a question's gold tools among the first five
  double any5 = 0;        // share of questions with at least one
  double none_auroc = 0;  // best score as evidence that some tool fits
  double us = 0;
};

struct SignalReport {
  std::vector<SignalRow> rows;
  std::vector<ServedRow> served;
  std::vector<ToolRow> tools;
  std::vector<std::string> notes;
  double language_accuracy = 0;
  std::size_t language_samples = 0, languages = 0;
  std::string static_name, encoder_name;
  std::size_t static_bytes = 0, encoder_bytes = 0;
  std::size_t max_train = 0, max_test = 0;
  double seconds = 0;
  std::string kept;  // sets whose rows are those of an earlier run; "" when all were measured
};

Result<SignalReport> evaluate_signals(const SignalsOptions& options);
std::string to_table(const SignalReport& report);
std::string to_markdown(const SignalReport& report);
// Takes the rows of sets that the report lacks from a page that to_markdown() wrote.
// kInvalidArgument: it was written with other numbers of rows.
Status keep_rows_of(std::string_view page, SignalReport& report);

// A target, held against the report.
struct Verdict {
  enum class Kind : std::uint8_t { kMet, kMissed, kTooFewRows };
  Kind kind = Kind::kMet;
  std::string text;  // one sentence
};
// Of every target whose set is in the report. kTooFewRows: a calibration error over its target that
// perfect probabilities would also show on so few rows.
std::vector<Verdict> verdicts(const SignalReport& report);
bool any_missed(const SignalReport& report);

}  // namespace swy::eval
