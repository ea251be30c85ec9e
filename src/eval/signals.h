// Signal evaluation: how well heads understand texts, on labelled sets: each cheap stage alone, the
// encoder alone, and the cascade.
//
// When to use: `switchyard eval signals`; docs/guide/signals.md is its output. Threading: one core.
// Ownership: values.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "learn/embed_texts.h"
#include "learn/train_head.h"
#include "switchyard/result.h"

namespace swy::eval {

struct SignalsOptions {
  std::string data = "../shared/data";
  std::string train_data;         // empty: data
  std::vector<std::string> sets;  // empty: all that `data` holds
  learn::TextEmbedder* static_embedding = nullptr;
  learn::TextEmbedder* encoder = nullptr;
  std::size_t max_train = 15000;  // rows to learn from, chosen by id
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
  std::vector<ToolRow> tools;
  std::vector<std::string> notes;
  double language_accuracy = 0;
  std::size_t language_samples = 0, languages = 0;
  std::string static_name, encoder_name;
  std::size_t static_bytes = 0, encoder_bytes = 0;
};

Result<SignalReport> evaluate_signals(const SignalsOptions& options);
std::string to_table(const SignalReport& report);
std::string to_markdown(const SignalReport& report);
// The targets that the report misses, one sentence each.
std::vector<std::string> missed_targets(const SignalReport& report);

}  // namespace swy::eval
