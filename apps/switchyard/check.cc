// switchyard check: everything that is wrong with a configuration, in one go.
#include <fmt/core.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/terminal.h"
#include "cli.h"
#include "flow/builtin.h"
#include "gateway/config.h"

namespace swy::app {
namespace {

struct Options {
  std::string file;
  bool json = false;
};

int check(const Options& o) {
  base::Diagnostics diag(o.file);
  if (const auto text = base::read_file(o.file); !text)
    return complain(kUsage, text.error().message);
  const auto config = gateway::load_config(o.file, flow::builtin_registry(), diag);
  const bool good = diag.ok() && diag.warnings() == 0;
  if (o.json) {
    fmt::print("{}\n", diag.to_json());
    return good ? kOk : kFindings;
  }
  fmt::print("{}", diag.to_text());
  const bool color = base::color_on(1);
  if (good && config != nullptr) {
    std::size_t rules = 0;
    for (const auto& s : config->plan->rule_sets) rules += s.rules.size();
    fmt::print("{} {}: {} models, {} signals, {} rule sets with {} rules, plan {}\n", o.file,
               base::styled("ok", "green", color), config->plan->catalogue.size(),
               config->plan->signals.size(), config->plan->rule_sets.size(), rules,
               config->plan->version);
  } else {
    fmt::print("{}: {}, {} error(s), {} warning(s)\n", o.file,
               base::styled("not good", "red", color), diag.errors(), diag.warnings());
  }
  return good ? kOk : kFindings;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c =
      app.add_subcommand("check", "Find what is wrong with a configuration, with file:line:column");
  c->add_option("file", o->file, "configuration file")->required();
  c->add_flag("--json", o->json, "findings as one JSON object");
  c->footer(
      "\nFinds unknown keys and names (with the nearest known ones), wrong types, duplicates, "
      "rules that can never fire,\n"
      "requests that match no rule, candidates that guards always exclude, models without a "
      "price.\n"
      "Exit status: 0 nothing found (notes do not count), 1 errors or warnings, 2 no such file.\n"
      "\nExample: switchyard check switchyard.yaml");
  c->callback([o, &exit_code] { exit_code = check(*o); });
}

}  // namespace swy::app
