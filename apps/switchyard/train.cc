// switchyard train: heads from labelled texts.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>

#include "base/hash.h"
#include "base/json.h"
#include "base/terminal.h"
#include "cli.h"
#include "embed/encoder.h"
#include "embed/static_embedding.h"
#include "learn/embed_texts.h"
#include "learn/train_head.h"
#include "train_router.h"

namespace swy::app {

void add_train_pii(CLI::App& train, int& exit_code);
void add_train_cues(CLI::App& train, int& exit_code);
namespace {

struct Options {
  std::string data, measure, out, type = "linear", features = "ngram";
  std::string static_folder, encoder_folder, encoder_name, name, license;
  learn::ExampleKeys keys;
  learn::TrainOptions train;
  double held_out = 0.2;
};

int failed(const Error& error) {
  const bool usage = error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kParse ||
                     error.code == ErrorCode::kNotFound || error.code == ErrorCode::kTooLarge;
  return complain(usage ? kUsage : kEnvironment, error.message);
}

// The file's name without folders and ending: NAME of out/NAME.head.
std::string stem(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
  return file.substr(0, file.find('.'));
}

Status embed_all(const Options& o, const learn::Examples& examples, learn::EmbeddedTexts& fixed,
                 learn::EmbeddedTexts& encoder) {
  const auto texts = learn::texts_of(examples);
  if (!o.static_folder.empty()) {
    SWY_TRY(const auto embedder, learn::load_static_embedder(o.static_folder));
    SWY_TRY(fixed, embedder->embed(texts, {}));
  }
  if (o.encoder_folder.empty()) return {};
  SWY_TRY(const auto embedder, learn::load_encoder_embedder(o.encoder_folder));
  base::Progress progress("embedding", texts.size());
  std::uint64_t before = 0;
  SWY_TRY(encoder, embedder->embed(texts, [&](std::uint64_t done, std::uint64_t) {
    progress.advance(done - before);
    before = done;
  }));
  return {};
}

void print_figures(std::string_view way, const learn::HeadFigures& f) {
  fmt::print("  {:<22} accuracy {:.3f}  macro F1 {:.3f}  ECE {:.3f} (by chance {:.3f})", way,
             f.accuracy, f.macro_f1, f.ece, f.ece_chance);
  if (!std::isnan(f.out_of_scope_auroc)) fmt::print("  OOS AUROC {:.3f}", f.out_of_scope_auroc);
  if (f.encoder_share > 0) fmt::print("  encoder asked {:.0f} %", 100 * f.encoder_share);
  fmt::print("  kept {:.0f} % with {:.3f} right\n", 100 * f.kept, f.kept_accuracy);
}

std::string figures_json(const learn::HeadFigures& f) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("rows", std::uint64_t{f.rows}).field("accuracy", f.accuracy);
  w.field("macro_f1", f.macro_f1).field("ece", f.ece).field("encoder_share", f.encoder_share);
  w.field("out_of_scope_auroc", f.out_of_scope_auroc).field("kept", f.kept);
  w.field("kept_accuracy", f.kept_accuracy).end_object();
  return out;
}

Result<std::string> provenance(const Options& o, std::size_t rows) {
  std::ifstream in(o.data, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad()) return fail(ErrorCode::kIo, o.data + ": reading failed");
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("data", stem(o.data)).field("data_hash", base::hex64(base::hash64(bytes)));
  w.field("rows", std::uint64_t{rows}).field("held_out", o.measure.empty() ? o.held_out : 0);
  w.field("seed", o.train.seed).field("license", o.license).end_object();
  return out;
}

// Figures on the held-out rows, printed and as JSON.
Result<std::string> report(const embed::HeadData& head, const learn::TrainData& data,
                           std::span<const std::uint32_t> held_out) {
  if (held_out.empty()) return std::string("{}");
  SWY_TRY(const auto served,
          embed::TextHead::parse(embed::head_bytes(head), head.name,
                                 {data.static_embedding.hash, data.encoder.hash}));
  fmt::print("on {} rows that were held out:\n", held_out.size());
  std::string json = "{";
  const auto add = [&](const char* way, learn::HeadUse use) {
    const learn::HeadFigures f = learn::score_head(*served, use, data, held_out);
    print_figures(way, f);
    json.append(json.size() > 1 ? ",\"" : "\"").append(way).append("\":").append(figures_json(f));
  };
  if (served->has_cheap_stage()) add("cheap", learn::HeadUse::kCheap);
  if (served->has_encoder_stage()) add("encoder", learn::HeadUse::kEncoder);
  if (served->has_cheap_stage() && served->has_encoder_stage()) {
    add("cascade", learn::HeadUse::kCascade);
  }
  return json + "}";
}

// Appends the rows of another file; what has no label of `examples` is out of scope.
Status add_measured(const Options& o, learn::Examples& examples) {
  SWY_TRY(const learn::Examples more, learn::read_examples(o.measure, o.keys));
  for (learn::Example row : more.rows) {
    std::vector<std::uint32_t> labels;
    for (const std::uint32_t label : row.labels) {
      const auto at =
          std::lower_bound(examples.labels.begin(), examples.labels.end(), more.labels[label]);
      if (at == examples.labels.end() || *at != more.labels[label]) continue;
      labels.push_back(static_cast<std::uint32_t>(at - examples.labels.begin()));
    }
    row.out_of_scope = row.out_of_scope || labels.empty();
    row.labels = std::move(labels);
    examples.rows.push_back(std::move(row));
  }
  return {};
}

Status train(Options& o) {
  SWY_TRY(learn::Examples examples, learn::read_examples(o.data, o.keys));
  const std::size_t own = examples.rows.size();
  if (!o.measure.empty()) SWY_DO(add_measured(o, examples));
  learn::EmbeddedTexts fixed, encoder;
  SWY_DO(embed_all(o, examples, fixed, encoder));
  std::vector<std::uint32_t> rows, held_out;
  const double share = o.measure.empty() ? o.held_out : 0;
  for (std::uint32_t r = 0; r < examples.rows.size(); ++r) {
    const double at = learn::split_point(examples.rows[r].id, o.train.seed);
    if (r < own && at >= share) {
      rows.push_back(r);
    } else if (!examples.rows[r].auxiliary) {
      held_out.push_back(r);
    }
  }
  o.train.name = o.name.empty() ? stem(o.out) : o.name;
  o.train.one_vs_rest = o.train.one_vs_rest || examples.multilabel;
  o.train.grams = o.features.find("ngram") != std::string::npos;
  o.train.type = o.type == "linear"      ? learn::HeadType::kLinear
                 : o.type == "prototype" ? learn::HeadType::kPrototype
                                         : learn::HeadType::kContrastive;
  if (!o.encoder_name.empty()) encoder.name = o.encoder_name;
  SWY_TRY(o.train.provenance, provenance(o, own));
  const learn::TrainData data{examples, fixed.view(), encoder.view()};
  std::unique_ptr<base::Progress> progress;
  std::uint64_t before = 0;
  auto head = learn::train_head(data, rows, o.train, [&](std::uint64_t done, std::uint64_t total) {
    if (!progress) progress = std::make_unique<base::Progress>("training", total);
    progress->advance(done - before);
    before = done;
  });
  progress.reset();
  if (!head) return tl::unexpected(head.error());
  SWY_TRY(head->figures, report(*head, data, held_out));
  const std::string bytes = embed::head_bytes(*head);
  std::ofstream out(o.out, std::ios::binary);
  out << bytes;
  if (!out.flush()) return fail(ErrorCode::kIo, o.out + " cannot be written");
  fmt::print("wrote {}: {} labels from {} rows, {} KiB\n", o.out, head->labels.size(), rows.size(),
             (bytes.size() + 1023) / 1024);
  return {};
}

void add_train_signal(CLI::App& train_app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = train_app.add_subcommand("signal", "A calibrated classifier of your own labels");
  c->add_option("--data", o->data, "FILE.jsonl or FILE.jsonl.gz, one example a line")->required();
  c->add_option("--out", o->out, "the head file to write: NAME.head")->required();
  c->add_option("--text", o->keys.text, "key of the text")->capture_default_str();
  c->add_option("--label", o->keys.label, "key of the label, or of an array of labels")
      ->capture_default_str();
  c->add_option("--id", o->keys.id, "key that decides the split, where rows have one")
      ->capture_default_str();
  c->add_option("--name", o->name, "name of the signal; the file's when absent");
  c->add_option("--type", o->type, "linear, prototype or contrastive")
      ->capture_default_str()
      ->check(CLI::IsMember({"linear", "prototype", "contrastive"}));
  c->add_option("--features", o->features, "of a linear head: ngram, or none")
      ->capture_default_str()
      ->check(CLI::IsMember({"ngram", "none"}));
  c->add_option("--static", o->static_folder, "folder of a static embedding");
  c->add_option("--encoder", o->encoder_folder, "folder of an encoder (Hugging Face layout)");
  c->add_option("--encoder-name", o->encoder_name,
                "what the file calls the encoder; its folder's name when absent");
  c->add_flag("--multilabel", o->train.one_vs_rest, "several labels, or none, may hold");
  c->add_option("--held-out", o->held_out, "share of the rows to measure on")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9));
  c->add_option("--measure", o->measure,
                "measure on this file's rows instead; all of --data learn");
  c->add_option("--penalty", o->train.c, "inverse penalty C of the linear fit")
      ->capture_default_str()
      ->check(CLI::Range(1e-4, 1e6));
  c->add_option("--bits", o->train.gram_bits, "rows of the n-gram table, as a power of two")
      ->capture_default_str()
      ->check(CLI::Range(8, 20));
  c->add_option("--license", o->license, "licence of the data, kept in the file");
  c->add_option("--seed", o->train.seed, "of the splits")->capture_default_str();
  c->footer(
      "\nA line: {\"text\": \"where is my parcel\", \"label\": \"delivery\"}. Twenty are enough to "
      "begin with:\ndocs/guide/train-a-signal.md.\n"
      "\nExample: switchyard train signal --data tickets.jsonl --out tickets.head");
  c->callback([o, &exit_code] {
    const Status ok = train(*o);
    exit_code = ok ? static_cast<int>(kOk) : failed(ok.error());
  });
}

struct StaticOptions {
  std::string encoder, out;
  embed::DistilOptions distil;
};

Status train_static(const StaticOptions& o) {
  embed::EncoderOptions options;
  options.precision = embed::Precision::kF32;
  SWY_TRY(const auto encoder, embed::Encoder::load(o.encoder, options));
  SWY_TRY(const auto embedding, embed::distil(*encoder, o.distil));
  SWY_DO(embedding.save(o.out));
  fmt::print("wrote {}: {} tokens, {} dimensions\n", o.out, embedding.vocabulary(),
             embedding.dims());
  return {};
}

void add_train_static(CLI::App& train_app, int& exit_code) {
  auto o = std::make_shared<StaticOptions>();
  CLI::App* c = train_app.add_subcommand("static", "A static embedding distilled from an encoder");
  c->add_option("--encoder", o->encoder, "folder of the encoder (Hugging Face layout)")->required();
  c->add_option("--out", o->out, "folder to write")->required();
  c->add_option("--dims", o->distil.dims, "numbers a text becomes")
      ->capture_default_str()
      ->check(CLI::Range(8, 1024));
  c->footer(
      "\nMinutes of work: every token of the vocabulary goes through the encoder.\n"
      "\nExample: switchyard train static --encoder models/all-MiniLM-L6-v2 --out "
      "models/static");
  c->callback([o, &exit_code] {
    const Status ok = train_static(*o);
    exit_code = ok ? static_cast<int>(kOk) : failed(ok.error());
  });
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  CLI::App* c =
      app.add_subcommand("train", "Learn signals from labelled texts, routers from outcomes");
  c->require_subcommand(1);
  add_train_signal(*c, exit_code);
  add_train_static(*c, exit_code);
  add_train_grounding(*c, exit_code);
  add_train_pii(*c, exit_code);
  add_train_cues(*c, exit_code);
  add_router_training(
      *c, exit_code,
      {.registry = route::builtin_registry,
       .first = "linear",
       .types = "auto, linear, mlp, matrix_factorisation, irt, trees, uniroute, carrot, router_dc, "
                "route_profile, p2l, zooter, hybrid_llm, composition, model_sat, router_retriever, "
                "continual_gates or barp; graph_router: switchyard-train router",
       .example = "switchyard train router --type irt --data outcomes/ --out router.swy"});
}

}  // namespace swy::app
