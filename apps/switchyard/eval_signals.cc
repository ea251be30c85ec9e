// switchyard eval signals: how well heads understand texts, on labelled sets.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iterator>
#include <memory>

#include "cli.h"
#include "eval/signals.h"

namespace swy::app {
namespace {

struct Options {
  eval::SignalsOptions eval;
  std::string static_folder = "shipped", encoder_folder, encoder_name, out;
  bool keep = false;
};

int usage_or_environment(const Error& error) {
  const bool usage =
      error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kNotFound;
  return complain(usage ? kUsage : kEnvironment, error.message);
}

int evaluate(Options& o) {
  std::unique_ptr<learn::TextEmbedder> fixed, encoder;
  if (o.static_folder == "shipped") {
    fixed = learn::shipped_static_embedder();
  } else if (o.static_folder != "none") {
    auto loaded = learn::load_static_embedder(o.static_folder);
    if (!loaded) return usage_or_environment(loaded.error());
    fixed = std::move(*loaded);
  }
  if (!o.encoder_folder.empty()) {
    auto loaded = learn::load_encoder_embedder(o.encoder_folder);
    if (!loaded) return usage_or_environment(loaded.error());
    encoder = std::move(*loaded);
  }
  o.eval.static_embedding = fixed.get();
  o.eval.encoder = encoder.get();
  o.eval.on_step = [](const std::string& what) { fmt::print(stderr, "{}\n", what); };
  auto report = eval::evaluate_signals(o.eval);
  if (!report) return usage_or_environment(report.error());
  if (!o.encoder_name.empty() && encoder) report->encoder_name = o.encoder_name;
  if (o.keep) {
    std::ifstream in(o.out);
    const std::string page((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (auto kept = eval::keep_rows_of(page, *report); !kept) {
      return complain(kUsage, o.out + ": " + kept.error().message);
    }
  }
  for (const std::string& note : report->notes) fmt::print(stderr, "note: {}\n", note);
  fmt::print("{}", eval::to_table(*report));
  if (!o.out.empty()) {
    std::ofstream out(o.out);
    out << eval::to_markdown(*report);
    if (!out.flush()) return complain(kEnvironment, o.out + " cannot be written");
    fmt::print(stderr, "wrote {}\n", o.out);
  }
  return eval::any_missed(*report) ? kFindings : kOk;
}

}  // namespace

void add_eval_signals(CLI::App& eval, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c =
      eval.add_subcommand("signals", "Accuracy, calibration and time of signals on labelled texts");
  c->add_option("--data", o->eval.data, "folder with the labelled sets")->capture_default_str();
  c->add_option("--train-data", o->eval.train_data,
                "folder with the rows to learn from; --data when absent");
  c->add_option("--sets", o->eval.sets,
                "only these: clinc150, mmlu_pro, tools, language, served ...")
      ->delimiter(',');
  c->add_option("--static", o->static_folder,
                "folder of a static embedding, or none; shipped: the one inside the program")
      ->capture_default_str();
  c->add_option("--encoder", o->encoder_folder, "folder of an encoder (Hugging Face layout)");
  c->add_option("--encoder-name", o->encoder_name,
                "what the page calls the encoder; its folder's name when absent");
  c->add_option("--max-train", o->eval.max_train, "rows to learn from, of each set")
      ->capture_default_str();
  c->add_option("--max-test", o->eval.max_test, "rows to measure on, of each set")
      ->capture_default_str();
  c->add_option("--written", o->eval.written, "folder of the project's own labelled rows")
      ->capture_default_str();
  c->add_option("--seed", o->eval.seed, "of the splits")->capture_default_str();
  c->add_option("--out", o->out, "write the page here too (docs/guide/signals.md)");
  c->add_flag("--keep", o->keep,
              "rows of sets that are not measured now stay as the page at --out has them")
      ->needs("--out");
  c->footer(
      "\nWhat the ways and the figures mean is said in the page that --out writes.\n"
      "Exit status: 0 all targets are met, 1 some are missed (they are listed).\n"
      "\nExample: switchyard eval signals --encoder models/all-MiniLM-L6-v2 --out "
      "docs/guide/signals.md");
  c->callback([o, &exit_code] { exit_code = evaluate(*o); });
}

}  // namespace swy::app
