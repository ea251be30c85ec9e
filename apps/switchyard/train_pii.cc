// switchyard train pii: the tagger of personal data from labelled texts; train cues: the weights of
// the cue judgements.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>

#include "cli.h"
#include "learn/cue_train.h"
#include "learn/pii_train.h"

namespace swy::app {
namespace {

struct PiiOptions {
  std::string data, out;
  learn::PiiTrainOptions train;
  int folds = 0;
};

bool write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  return out.good();
}

text::PiiModel packed(const std::vector<const learn::PiiRow*>& rows,
                      const learn::PiiTrainOptions& options, std::string& bytes) {
  std::size_t lost = 0;
  bytes = text::PiiModel::pack(learn::train_pii(rows, options), lost);
  return std::move(*text::PiiModel::parse(bytes));  // what pack() wrote
}

void print_report(std::string_view what, const learn::PiiReport& r) {
  fmt::print(
      "{}: exact F1 {:.4f} (precision {:.4f}, recall {:.4f}), relaxed F1 {:.4f}, ECE {:.4f}\n",
      what, r.all.f1(), r.all.precision(), r.all.recall(), r.all.relaxed_f1(), r.ece);
}

void print_types(const learn::PiiReport& r) {
  for (std::size_t t = 0; t < text::kPiiTypes; ++t) {
    const learn::PiiScore& s = r.by_type[t];
    if (s.wanted + s.found == 0) continue;
    fmt::print("  {:<18} F1 {:.3f}  relaxed {:.3f}  wanted {}  found {}\n",
               to_string(static_cast<text::PiiType>(t)), s.f1(), s.relaxed_f1(), s.wanted, s.found);
  }
}

// Each template's rows are scored by a model that saw none of its template.
void cross_templates(const std::vector<const learn::PiiRow*>& rows, const PiiOptions& o) {
  learn::PiiScore sum;
  for (int fold = 0; fold < o.folds; ++fold) {
    std::vector<const learn::PiiRow*> most;
    std::vector<const learn::PiiRow*> rest;
    for (const learn::PiiRow* r : rows)
      (r->template_id % o.folds == fold ? rest : most).push_back(r);
    std::string bytes;
    const text::PiiModel model = packed(most, o.train, bytes);
    text::PiiOptions options;
    options.model = &model;
    const learn::PiiScore s = learn::score_pii(rest, options).all;
    sum.found += s.found;
    sum.wanted += s.wanted;
    sum.exact += s.exact;
    sum.relaxed += s.relaxed;
  }
  fmt::print("templates not trained on ({} folds): exact F1 {:.4f}, relaxed F1 {:.4f}\n", o.folds,
             sum.f1(), sum.relaxed_f1());
}

int train_pii(const PiiOptions& o) {
  const auto rows = learn::load_pii_rows(o.data);
  if (!rows) return complain(kEnvironment, rows.error().message);
  std::vector<const learn::PiiRow*> train;
  std::vector<const learn::PiiRow*> dev;
  for (const learn::PiiRow& r : *rows) (r.dev ? dev : train).push_back(&r);
  if (train.empty()) return complain(kUsage, o.data + " has no rows to train on");
  std::string bytes;
  const text::PiiModel model = packed(train, o.train, bytes);
  text::PiiOptions options;
  options.model = &model;
  fmt::print("trained on {} rows, {} bytes\n", train.size(), bytes.size());
  if (!dev.empty()) {
    const learn::PiiReport report = learn::score_pii(dev, options);
    print_report(fmt::format("development part ({} rows)", dev.size()), report);
    print_types(report);
  }
  if (o.folds > 1) cross_templates(train, o);
  if (!write_file(o.out, bytes)) return complain(kEnvironment, o.out + " cannot be written");
  return kOk;
}

int train_cues(const std::string& data, const std::string& out) {
  std::string all =
      "# Weights of the cue judgements: task, class, cue, weight. Written by `switchyard train "
      "cues`.\n";
  for (std::size_t t = 0; t < text::kCueTasks; ++t) {
    const auto task = static_cast<text::CueTask>(t);
    const auto rows = learn::load_cue_rows(data + "/" + std::string(to_string(task)) + ".tsv",
                                           text::cue_classes(task));
    if (!rows) return complain(kEnvironment, rows.error().message);
    std::vector<const learn::CueRow*> even;
    std::vector<const learn::CueRow*> odd;
    for (std::size_t i = 0; i < rows->size(); ++i) (i % 2 == 0 ? even : odd).push_back(&(*rows)[i]);
    const text::CueWeights weights = learn::fit_cues(task, even, {});
    const learn::CueScore s = learn::score_cues(task, weights, odd);
    fmt::print("{:<12} held out {} rows: accuracy {:.3f}, macro F1 {:.3f}, ECE {:.3f}\n",
               to_string(task), s.rows, s.accuracy, s.macro_f1, s.ece);
    all += learn::weights_text(task, weights);
  }
  if (!write_file(out, all)) return complain(kEnvironment, out + " cannot be written");
  return kOk;
}

}  // namespace

void add_train_pii(CLI::App& train, int& exit_code) {
  auto o = std::make_shared<PiiOptions>();
  CLI::App* c = train.add_subcommand("pii", "Train the tagger of personal data");
  c->add_option("--data", o->data, "JSONL of text, spans, template and part, gzip or not")
      ->required();
  c->add_option("--out", o->out, "the model file; models/pii.bin is built into the program")
      ->required();
  c->add_option("--epochs", o->train.epochs, "passes over the rows")->capture_default_str();
  c->add_option("--seed", o->train.seed, "of all random choices")->capture_default_str();
  c->add_option("--cross-templates", o->folds, "also score unseen templates, in so many folds");
  c->footer(
      "\nExample:\n  switchyard train pii --data presidio_synth_v2.jsonl.gz --out models/pii.bin");
  c->callback([o, &exit_code] { exit_code = train_pii(*o); });
}

void add_train_cues(CLI::App& train, int& exit_code) {
  auto data = std::make_shared<std::string>();
  auto out = std::make_shared<std::string>();
  CLI::App* c = train.add_subcommand("cues", "Fit the weights of the cue judgements");
  c->add_option("--data", *data,
                "folder of TASK.tsv, lines of class, tab, text; odd rows are held out")
      ->required();
  c->add_option("--out", *out, "the weights; models/cues.txt is built into the program")
      ->required();
  c->footer("\nExample:\n  switchyard train cues --data tests/data/cues --out models/cues.txt");
  c->callback([data, out, &exit_code] { exit_code = train_cues(*data, *out); });
}

}  // namespace swy::app
