// switchyard models: the encoders of this machine: fetch, list, verify, find.
#include <fmt/core.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <memory>

#include "base/json.h"
#include "base/terminal.h"
#include "cli.h"
#include "embed/model_staging.h"
#include "model_hub.h"

namespace swy::app {
namespace {

struct Options {
  std::string name;
  HubPull hub;
  std::vector<std::string> hashes;  // FILE=HEX
  embed::TakeOptions take;
  std::string take_name;
  std::vector<std::string> names;
  bool json = false;
};

constexpr const char* kFooter =
    "\nModels lie in $SWITCHYARD_MODELS, else $XDG_CACHE_HOME/switchyard/models, else\n"
    "~/.cache/switchyard/models, one folder each with the hashes of its files. A configuration\n"
    "names one as `path: model:OWNER/NAME`.\n"
    "\nExamples:\n"
    "  switchyard models pull sentence-transformers/all-MiniLM-L6-v2\n"
    "  switchyard models pull --from ./minilm --name minilm\n"
    "  switchyard models verify";

constexpr const char* kPullFooter =
    "\nFetches config.json, the tokenizer, pooling settings and safetensors weights (sharded ones\n"
    "too). Hashes that the hub states and those of --sha256 must hold. A pull that was cut goes "
    "on\n"
    "where it ended; the model appears when all of it is there.\n"
    "\nEnvironment: SWITCHYARD_HUB is the hub's URL when --hub is not given; HF_TOKEN is sent to\n"
    "the hub itself and to nobody it redirects to.\n"
    "Exit status: 0 the model is in the store; 1 the hub refuses, or a file or hash is not right;\n"
    "2 wrong options; 3 the hub cannot be reached, or the disk is full.\n"
    "\nExamples:\n"
    "  switchyard models pull sentence-transformers/all-MiniLM-L6-v2 --revision main\n"
    "  switchyard models pull acme/encoder --hub https://hub.example --sha256 "
    "model.safetensors=HEX\n"
    "  switchyard models pull --from /data/minilm --name acme/minilm";

// Says it and tells the exit status.
int refuse(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return complain(kUsage, error.message);
    case ErrorCode::kNotFound:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kForbidden:
    case ErrorCode::kProtocol:
    case ErrorCode::kParse:
    case ErrorCode::kTooLarge:
      return complain(kFindings, error.message);
    default:
      return complain(kEnvironment, error.message);
  }
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 4> kUnits{"B", "KB", "MB", "GB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  return fmt::format("{:.{}f} {}", value, unit == 0 || value >= 99.5 ? 0 : 1, kUnits[unit]);
}

Result<embed::Hashes> read_hashes(const std::vector<std::string>& texts) {
  embed::Hashes out;
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('=');
    const std::string hash =
        equals == std::string::npos ? "" : embed::normal_sha256(text.substr(equals + 1));
    if (hash.empty())
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("--sha256 {}: expected FILE=HEX with 64 hexadecimal digits", text));
    const std::string file = text.substr(0, equals);
    SWY_DO(embed::check_model_file(file));
    if (!out.emplace(file, hash).second)
      return fail(ErrorCode::kInvalidArgument, fmt::format("--sha256 names {} twice", file));
  }
  return out;
}

Result<embed::Manifest> pull_folder(const embed::ModelStore& store, const Options& o,
                                    embed::Hashes expected) {
  embed::StagingOptions staging;
  staging.name = o.take_name;
  staging.expected = std::move(expected);
  if (staging.name.empty()) {  // the last part of the path
    std::string_view path = o.take.folder;
    while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    staging.name = path.substr(path.rfind('/') + 1);
    if (const Status s = embed::check_model_name(staging.name); !s)
      return fail(ErrorCode::kInvalidArgument, s.error().message + "; give one with --name");
  }
  embed::TakeOptions take = o.take;
  take.only = o.hub.files;
  return embed::take_folder(store, std::move(staging), take);
}

int pull(Options o) {
  const auto store = embed::ModelStore::from_environment();
  if (!store) return refuse(store.error());
  auto expected = read_hashes(o.hashes);
  if (!expected) return refuse(expected.error());
  Result<embed::Manifest> done = fail(ErrorCode::kInternal, "");
  if (!o.take.folder.empty()) {
    done = pull_folder(*store, o, std::move(*expected));
  } else if (o.hub.name.empty()) {
    return complain(kUsage, "which model? switchyard models pull OWNER/NAME, or --from FOLDER");
  } else {
    if (o.hub.hub.empty()) o.hub.hub = kPublicHub;
    while (o.hub.hub.ends_with('/')) o.hub.hub.pop_back();
    if (const char* token = std::getenv("HF_TOKEN")) o.hub.token = token;
    o.hub.expected = std::move(*expected);
    done = pull_from_hub(*store, o.hub);
  }
  if (!done) return refuse(done.error());
  const std::string version = done->commit.empty() ? done->revision : done->commit.substr(0, 12);
  fmt::print("{}{}{}: {} files, {} in {}\n", done->name, version.empty() ? "" : " at ", version,
             done->files.size(), size_text(done->bytes()), store->folder(done->name));
  return kOk;
}

void list_as_json(const embed::ModelStore& store,
                  const std::vector<embed::ModelStore::Entry>& entries) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("store", store.root()).key("models").begin_array();
  for (const auto& e : entries) {
    w.begin_object().field("name", e.name).field("folder", store.folder(e.name));
    if (!e.manifest) {
      w.field("error", e.manifest.error().message).end_object();
      continue;
    }
    w.field("source", e.manifest->source).field("revision", e.manifest->revision);
    w.field("commit", e.manifest->commit).field("time", e.manifest->time);
    w.field("files", static_cast<std::uint64_t>(e.manifest->files.size()));
    w.field("bytes", e.manifest->bytes()).end_object();
  }
  w.end_array().end_object();
  fmt::print("{}\n", out);
}

int list(const Options& o) {
  const auto store = embed::ModelStore::from_environment();
  if (!store) return refuse(store.error());
  const auto entries = store->list();
  if (!entries) return refuse(entries.error());
  if (o.json) {
    list_as_json(*store, *entries);
    return kOk;
  }
  if (entries->empty()) {
    fmt::print("no models in {}; get one with: switchyard models pull OWNER/NAME\n", store->root());
    return kOk;
  }
  std::size_t width = 4;
  for (const auto& e : *entries) width = std::max(width, e.name.size());
  fmt::print("{:{}}  {:>8}  {:>5}  {:12}  {:20}  source\n", "name", width, "size", "files",
             "revision", "pulled");
  for (const auto& e : *entries) {
    if (!e.manifest) {
      fmt::print("{:{}}  damaged: {}\n", e.name, width, e.manifest.error().message);
      continue;
    }
    const embed::Manifest& m = *e.manifest;
    fmt::print("{:{}}  {:>8}  {:>5}  {:12}  {:20}  {}\n", e.name, width, size_text(m.bytes()),
               m.files.size(), (m.commit.empty() ? m.revision : m.commit).substr(0, 12), m.time,
               m.source);
  }
  return kOk;
}

struct Verdict {
  std::string name;
  Result<std::vector<embed::FileFinding>> findings;

  [[nodiscard]] std::size_t wrong() const {
    std::size_t n = 0;
    for (const auto& f : *findings) n += f.state == embed::FileState::kOk ? 0 : 1;
    return n;
  }
  [[nodiscard]] bool ok() const { return findings && wrong() == 0; }
};

void print_verdict(const Verdict& v) {
  const bool color = base::color_on(1);
  if (!v.findings) {
    fmt::print("{}: {}: {}\n", v.name, base::styled("not good", "red", color),
               v.findings.error().message);
    return;
  }
  for (const auto& f : *v.findings) {
    if (f.state == embed::FileState::kOk) continue;
    fmt::print("{}: {}: {}{}{}\n", v.name, base::fit_columns(f.path, 200),
               base::styled(embed::to_string(f.state), "red", color), f.detail.empty() ? "" : ", ",
               f.detail);
  }
  if (v.ok()) {
    fmt::print("{}: {}, {} files\n", v.name, base::styled("ok", "green", color),
               v.findings->size());
  } else {
    fmt::print("{}: {} of {} files are not as pulled; pull it again to repair\n", v.name, v.wrong(),
               v.findings->size());
  }
}

void print_json(const std::vector<Verdict>& verdicts, bool ok) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("ok", ok).key("models").begin_array();
  for (const Verdict& v : verdicts) {
    w.begin_object().field("name", v.name).field("ok", v.ok());
    if (!v.findings) {
      w.field("error", v.findings.error().message).end_object();
      continue;
    }
    w.key("files").begin_array();
    for (const auto& f : *v.findings) {
      w.begin_object().field("path", f.path).field("state", embed::to_string(f.state));
      if (!f.detail.empty()) w.field("detail", f.detail);
      w.end_object();
    }
    w.end_array().end_object();
  }
  w.end_array().end_object();
  fmt::print("{}\n", out);
}

int verify(const Options& o) {
  const auto store = embed::ModelStore::from_environment();
  if (!store) return refuse(store.error());
  std::vector<std::string> names = o.names;
  if (names.empty()) {
    auto entries = store->list();
    if (!entries) return refuse(entries.error());
    for (auto& e : *entries) names.push_back(std::move(e.name));
  }
  std::vector<Verdict> verdicts;
  bool ok = true;
  for (const std::string& name : names) {
    verdicts.push_back({name, store->verify(name)});
    ok = ok && verdicts.back().ok();
    if (!o.json) print_verdict(verdicts.back());
  }
  if (o.json) print_json(verdicts, ok);
  if (names.empty() && !o.json) fmt::print("no models in {}\n", store->root());
  return ok ? kOk : kFindings;
}

int path(const Options& o) {
  const auto store = embed::ModelStore::from_environment();
  if (!store) return refuse(store.error());
  const auto folder = store->find(o.name);
  if (!folder) return refuse(folder.error());
  fmt::print("{}\n", *folder);
  return kOk;
}

void add_pull(CLI::App& models, const std::shared_ptr<Options>& o, int& exit_code) {
  CLI::App* c = models.add_subcommand("pull", "Fetch a model from a hub, or take a local folder");
  c->footer(kPullFooter);
  auto* name = c->add_option("name", o->hub.name, "OWNER/NAME, as the hub calls it");
  auto* from = c->add_option("--from", o->take.folder, "take this folder instead of asking a hub");
  auto* hub = c->add_option("--hub", o->hub.hub, "URL of the hub, http:// or https://")
                  ->envname("SWITCHYARD_HUB");
  auto* revision =
      c->add_option("--revision", o->hub.revision, "branch, tag or commit")->capture_default_str();
  c->add_option("--file", o->hub.files,
                "only these files, all of them, in place of the usual ones");
  c->add_option("--sha256", o->hashes, "FILE=HEX: refuse the model if this file hashes otherwise");
  auto* ca = c->add_option("--ca-file", o->hub.ca_file,
                           "PEM file of whom to trust in place of the system's authorities");
  auto* silence = c->add_option("--silence", o->hub.silence_s,
                                "seconds without a byte after which a connection is given up")
                      ->check(CLI::Range(1, 3600))
                      ->capture_default_str();
  c->add_option("--name", o->take_name, "name in the store; the folder's own without it")
      ->needs(from);
  c->add_flag("--link", o->take.link, "hard links instead of copies, where the disk allows")
      ->needs(from);
  for (CLI::Option* other : {name, revision, ca, silence}) from->excludes(other);
  (void)hub;  // may come from the environment, also with --from
  c->callback([o, &exit_code] { exit_code = pull(*o); });
}

}  // namespace

void add_models(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("models", "Fetch, list and verify the encoders of this machine");
  c->require_subcommand(1);
  c->footer(kFooter);
  add_pull(*c, o, exit_code);
  CLI::App* l = c->add_subcommand("list", "What is in the store, from where and since when");
  l->add_flag("--json", o->json, "as one JSON object");
  l->callback([o, &exit_code] { exit_code = list(*o); });
  CLI::App* v =
      c->add_subcommand("verify", "Hash all files again and compare with what was pulled");
  v->add_option("name", o->names, "only these models; all without it");
  v->add_flag("--json", o->json, "findings as one JSON object");
  v->footer(
      "\nA file is ok, changed, missing, or extra (in the folder, but not of the model).\n"
      "Exit status: 0 everything is ok, 1 something is not, or there is no such model.");
  v->callback([o, &exit_code] { exit_code = verify(*o); });
  CLI::App* p = c->add_subcommand("path", "Print the folder of a model");
  p->add_option("name", o->name, "NAME or OWNER/NAME")->required();
  p->callback([o, &exit_code] { exit_code = path(*o); });
}

}  // namespace swy::app
