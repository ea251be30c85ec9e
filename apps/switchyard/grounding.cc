// switchyard train grounding, switchyard eval grounding: which words of an answer its context does
// not support.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/doc.h"
#include "base/hash.h"
#include "base/json.h"
#include "cli.h"
#include "embed/encoder.h"
#include "embed/grounding.h"
#include "learn/train_grounding.h"

namespace swy::app {
namespace {

struct TrainOptions {
  std::string data, out, encoder, detector;
  learn::GroundingTraining train;
};

struct EvalOptions {
  std::vector<std::string> data;
  std::string model = "models/grounding/grounding.json";
  std::string encoder, detector, entailment, page;
  std::string prompt = embed::GroundingOptions().detector_prompt;
  bool json = false;
};

int failed(const Error& error) {
  const bool usage = error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kParse ||
                     error.code == ErrorCode::kNotFound || error.code == ErrorCode::kTooLarge;
  return complain(usage ? kUsage : kEnvironment, error.message);
}

Status load(const std::string& folder, std::shared_ptr<const embed::Encoder>& out) {
  if (folder.empty()) return {};
  SWY_TRY(out, embed::Encoder::load(folder));
  return {};
}

Status train(TrainOptions& o) {
  SWY_TRY(const auto rows, learn::read_grounding_rows(o.data));
  SWY_DO(load(o.encoder, o.train.encoder));
  SWY_DO(load(o.detector, o.train.detector));
  SWY_TRY(const std::string bytes, base::read_file(o.data));
  base::JsonWriter w(o.train.provenance = "");
  w.begin_object().field("data", std::filesystem::path(o.data).filename().string());
  w.field("data_hash", base::hex64(base::hash64(bytes))).field("rows", rows.size());
  w.field("seed", o.train.seed).end_object();
  o.train.on_step = [](const std::string& what) { fmt::print(stderr, "{}\n", what); };
  SWY_TRY(const embed::GroundingModel model, learn::train_grounding(rows, o.train));
  const std::string text = embed::model_text(model);
  std::ofstream out(o.out, std::ios::binary);
  out << text;
  if (!out.flush()) return fail(ErrorCode::kIo, o.out + " cannot be written");
  fmt::print("wrote {}: {} stage{} from {} rows, {} KiB\n", o.out, model.stages.size(),
             model.stages.size() == 1 ? "" : "s", rows.size(), (text.size() + 1023) / 1024);
  return {};
}

// The files named, and those of the folders named, in order of name.
std::vector<std::string> files_of(const std::vector<std::string>& named) {
  std::vector<std::string> files;
  for (const std::string& path : named) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> inside;
    for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
      const std::string name = entry.path().string();
      if (name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")) inside.push_back(name);
    }
    std::sort(inside.begin(), inside.end());
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

struct Way {
  std::string name;
  std::shared_ptr<const embed::Grounding> grounding;
};

struct Line {
  std::string way, set;
  learn::GroundingFigures figures;
};

Result<std::vector<Way>> ways_of(const EvalOptions& o) {
  std::vector<Way> ways;
  embed::GroundingOptions with;
  with.model = o.model;
  with.detector_prompt = o.prompt;
  std::shared_ptr<const embed::Encoder> encoder, detector;
  SWY_DO(load(o.encoder, encoder));
  SWY_DO(load(o.detector, detector));
  SWY_DO(load(o.entailment, with.entailment));
  const auto add = [&](const std::string& name, auto e, auto d) -> Status {
    with.encoder = std::move(e);
    with.detector = std::move(d);
    SWY_TRY(auto g, embed::Grounding::load(with));
    ways.push_back({name, std::move(g)});
    return {};
  };
  const std::shared_ptr<const embed::Encoder> none;
  SWY_DO(add("lexical", none, none));
  if (encoder != nullptr) SWY_DO(add("lexical + encoder", encoder, none));
  if (detector != nullptr) SWY_DO(add("detector", encoder, detector));
  return ways;
}

std::string table(const std::vector<Line>& lines) {
  std::string out =
      "| set | with | rows (wrong) | word F1 | P / R | AUROC | ECE | span F1 | touch F1 | "
      "answer F1 | AUROC | ECE | false alarms | median, p99 |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (const Line& l : lines) {
    const auto& f = l.figures;
    out += fmt::format(
        "| {} | {} | {} ({}) | {:.3f} | {:.2f} / {:.2f} | {:.3f} | {:.3f} | {:.3f} | {:.3f} | "
        "{:.3f} | {:.3f} | {:.3f} | {:.1f} % | {:.2f}, {:.2f} ms |\n",
        l.set, l.way, f.rows, f.wrong_rows, f.word_f1, f.word_precision, f.word_recall,
        f.word_auroc, f.word_ece, f.span_f1, f.touch_f1, f.answer_f1, f.answer_auroc, f.answer_ece,
        100 * f.false_alarms, f.median_us / 1000, f.p99_us / 1000);
  }
  out +=
      "\nA content word that the context does not have, taken as wrong (the simplest detector):\n";
  for (const Line& l : lines) {
    if (l.way != "lexical") continue;
    out += fmt::format("{}: word F1 {:.3f}, AUROC {:.3f}. ", l.set, l.figures.plain_word_f1,
                       l.figures.plain_word_auroc);
  }
  out +=
      "\n\n| set | with | type of error | spans | found | of these \"contradicted\" |\n"
      "|---|---|---|---|---|---|\n";
  for (const Line& l : lines) {
    for (const auto& t : l.figures.types) {
      out += fmt::format("| {} | {} | {} | {} | {:.1f} % | {:.1f} % |\n", l.set, l.way, t.type,
                         t.spans, 100 * t.found, 100 * t.contradicted);
    }
  }
  return out;
}

// Puts the text between the page's two marks.
Status write_page(const std::string& path, const std::string& text) {
  const std::string begin = "<!-- figures: begin -->\n", end = "<!-- figures: end -->";
  SWY_TRY(std::string page, base::read_file(path));
  const std::size_t from = page.find(begin);
  const std::size_t to = page.find(end);
  if (from == std::string::npos || to == std::string::npos || to < from) {
    return fail(ErrorCode::kParse, path + ": the marks of the figures are missing");
  }
  page.replace(from + begin.size(), to - from - begin.size(), text);
  std::ofstream out(path, std::ios::binary);
  out << page;
  if (!out.flush()) return fail(ErrorCode::kIo, path + " cannot be written");
  return {};
}

Status evaluate(const EvalOptions& o) {
  SWY_TRY(const auto ways, ways_of(o));
  std::vector<Line> lines;
  for (const std::string& file : files_of(o.data)) {
    SWY_TRY(const auto rows, learn::read_grounding_rows(file));
    std::string set = std::filesystem::path(file).filename().string();
    set = set.substr(0, set.find('.'));
    std::vector<std::string> sources;
    for (const auto& row : rows) sources.push_back(row.source);
    std::sort(sources.begin(), sources.end());
    sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
    for (const Way& way : ways) {
      SWY_TRY(auto all, learn::score_grounding(*way.grounding, rows));
      lines.push_back({way.name, set, std::move(all)});
      for (const std::string& source : sources.size() > 1 ? sources : std::vector<std::string>()) {
        std::vector<learn::GroundingRow> part;
        std::copy_if(rows.begin(), rows.end(), std::back_inserter(part),
                     [&](const auto& row) { return row.source == source; });
        SWY_TRY(auto some, learn::score_grounding(*way.grounding, part));
        some.types.clear();
        lines.push_back({way.name, set + ": " + source, std::move(some)});
      }
    }
  }
  if (lines.empty()) return fail(ErrorCode::kNotFound, "--data names no .jsonl or .jsonl.gz file");
  if (o.json) {
    for (const Line& l : lines) {
      std::string out;
      base::JsonWriter w(out);
      w.begin_object().field("set", l.set).field("with", l.way).key("figures");
      w.raw(learn::to_json(l.figures)).end_object();
      fmt::print("{}\n", out);
    }
  } else {
    fmt::print("{}model memory: {} KiB\n", table(lines),
               (ways[0].grounding->memory_bytes() + 1023) / 1024);
  }
  if (o.page.empty()) return {};
  return write_page(o.page, table(lines));
}

}  // namespace

void add_train_grounding(CLI::App& train_app, int& exit_code) {
  auto o = std::make_shared<TrainOptions>();
  CLI::App* c = train_app.add_subcommand("grounding",
                                         "Which words of an answer its context does not support");
  c->add_option("--data", o->data, "rows (docs/reference/grounding.md)")->required();
  c->add_option("--out", o->out, "the model's file")->required();
  c->add_option("--encoder", o->encoder, "sentence encoder: a second stage on its token states");
  c->add_option("--detector", o->detector, "token classifier: a stage that calibrates its logits");
  c->add_option("--detector-prompt", o->train.detector_prompt, "with {context} and {question}")
      ->capture_default_str();
  c->add_option("--units", o->train.units, "of the network of words")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, embed::kMaxGroundingHidden));
  c->add_option("--iterations", o->train.max_iterations)->capture_default_str();
  c->add_option("--seed", o->train.seed, "of split and weights")->capture_default_str();
  c->callback([o, &exit_code] {
    const Status done = train(*o);
    exit_code = done ? kOk : failed(done.error());
  });
}

void add_eval_grounding(CLI::App& eval, int& exit_code) {
  auto o = std::make_shared<EvalOptions>();
  CLI::App* c = eval.add_subcommand(
      "grounding", "Figures of grounding on labelled answers, by words, spans and answers");
  c->add_option("--data", o->data, "rows: files, or folders of them")->required();
  c->add_option("--model", o->model, "file of train grounding")->capture_default_str();
  c->add_option("--encoder", o->encoder, "sentence encoder that the model was trained with");
  c->add_option("--detector", o->detector, "token classifier of pairs");
  c->add_option("--detector-prompt", o->prompt, "with {context} and {question}")
      ->capture_default_str();
  c->add_option("--entailment", o->entailment, "entailment checkpoint of pairs");
  c->add_option("--page", o->page, "puts the tables between the marks of this page");
  c->add_flag("--json", o->json, "one JSON object a line");
  c->callback([o, &exit_code] {
    const Status done = evaluate(*o);
    exit_code = done ? kOk : failed(done.error());
  });
}

}  // namespace swy::app
