#include "train_router.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "base/json.h"
#include "cli.h"
#include "record/outcome.h"
#include "route/plan.h"
#include "switchyard/env.h"
#include "switchyard/registry.h"

namespace swy::app {
namespace {

struct Options {
  std::vector<std::string> data, option;
  std::string type = "linear", out, part = "all";
};

std::string yaml_text(std::string_view text) {
  std::string out;
  base::JsonWriter w(out);
  w.string(text);
  return out;
}

// A configuration whose only rule has the estimator over all models of the tables.
Result<std::string> configuration(const Options& o) {
  SWY_TRY(const auto table, record::load_outcomes(o.data));
  if (table.rows() == 0)
    return fail(ErrorCode::kInvalidArgument, "the files of --data hold no question");
  std::string models, names, tables;
  for (const std::string& m : table.models()) {
    models += fmt::format("  - {{ name: {} }}\n", yaml_text(m));
    names += (names.empty() ? "" : ", ") + yaml_text(m);
  }
  for (const std::string& path : o.data) {
    std::error_code ignored;
    tables +=
        (tables.empty() ? "" : ", ") + yaml_text(std::filesystem::absolute(path, ignored).string());
  }
  std::string estimator =
      fmt::format("type: {}, table: [{}], part: {}", yaml_text(o.type), tables, yaml_text(o.part));
  for (const std::string& kv : o.option) {
    const std::size_t cut = kv.find('=');
    if (cut == std::string::npos)
      return fail(ErrorCode::kInvalidArgument, fmt::format("--option {}: should be key=value", kv));
    estimator += fmt::format(", {}: {}", kv.substr(0, cut), kv.substr(cut + 1));
  }
  return fmt::format("models:\n{}routes: {{ auto: [{{ models: [{}], estimator: {{ {} }} }}] }}\n",
                     models, names, estimator);
}

Status train(const Options& o, const route::Registry& registry) {
  SWY_TRY(const std::string yaml, configuration(o));
  base::Diagnostics diag("train router");
  const auto doc = base::parse_yaml(yaml, diag);
  const auto plan = doc ? route::compile(*doc, ".", registry, diag) : nullptr;
  if (plan == nullptr) {
    for (const base::Diagnostic& d : diag.all())
      if (d.level == base::Diagnostic::Level::kError)
        return fail(ErrorCode::kInvalidArgument, d.message);
    return fail(ErrorCode::kInvalidArgument, "nothing could be learned");
  }
  const auto& estimator = *plan->rule_sets[0].rules[0].estimator;
  if (const Status saved = estimator.export_weights(o.out); !saved)
    return fail(saved.error().code, fmt::format("{}: {}", o.type, saved.error().message));
  fmt::print("wrote {}: {} over {} models\n", o.out, o.type, plan->catalogue.size());
  return {};
}

}  // namespace

void add_router_training(CLI::App& app, int& exit_code, const RouterTraining& offered) {
  auto o = std::make_shared<Options>();
  o->type = offered.first;
  CLI::App* c = app.add_subcommand("router", "Weights of a learned estimator");
  c->add_option("--data", o->data, "outcome tables: files, or directories of them")->required();
  c->add_option("--out", o->out, "the weight file to write")->required();
  c->add_option("--type", o->type, offered.types)->capture_default_str();
  c->add_option("--part", o->part, "rows to learn from: all, train or dev")->capture_default_str();
  c->add_option("--option", o->option, "key=value of the estimator, several times");
  c->footer(
      "\nWhat is fitted and its options: docs/reference/estimators.md. A rule serves the file "
      "with\n"
      "estimator: { type: TYPE, weights: FILE }.\n"
      "\nExample: " +
      offered.example);
  c->callback([o, registry = offered.registry, &exit_code] {
    const Status ok = train(*o, registry());
    if (ok) {
      exit_code = kOk;
      return;
    }
    const ErrorCode code = ok.error().code;
    exit_code = complain(code == ErrorCode::kIo ? kEnvironment : kUsage, ok.error().message);
  });
}

}  // namespace swy::app
