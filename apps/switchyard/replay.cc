// switchyard replay: decide all records again.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/terminal.h"
#include "cli.h"
#include "eval/replay.h"
#include "flow/builtin.h"
#include "gateway/config.h"
#include "gateway/record_line.h"

namespace swy::app {
namespace {

struct Options {
  std::string config, records;
  bool json = false;
  std::uint64_t differences = 20;
};

int replay(const Options& o) {
  base::Diagnostics diag(o.config);
  const auto config = gateway::load_config(o.config, flow::builtin_registry(), diag);
  if (config == nullptr) {
    fmt::print(stderr, "{}", diag.to_text());
    return complain(kUsage, fmt::format("{} has errors", o.config));
  }
  const std::string dir = o.records.empty() ? config->records.path : o.records;
  if (dir.empty())
    return complain(kUsage, "the configuration keeps no records: give --records DIR");
  eval::ReplayOptions options;
  options.what_if = true;  // records of the same configuration are proved byte for byte, others
                           // compared by choice
  options.differences = o.differences;
  const auto report = eval::replay(dir, gateway::kRecordKind, *config->plan, options);
  if (!report) return complain(kEnvironment, report.error().message);
  fmt::print("{}",
             o.json ? eval::to_json(*report) + "\n" : eval::to_text(*report, base::color_on(1)));
  return report->clean() ? kOk : kFindings;
}

}  // namespace

void add_replay(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand(
      "replay",
      "Decide all records again: prove equality, or see what another configuration would do");
  c->add_option("config,-c,--config", o->config, "configuration to decide with")->required();
  c->add_option("--records", o->records, "record directory; the configuration's own when absent");
  c->add_option("--differences", o->differences, "how many differences to list")
      ->capture_default_str();
  c->add_flag("--json", o->json, "the report as one JSON object");
  c->footer(
      "\nRecords that this configuration made are proved byte for byte; for those of another one "
      "the report shows what this\n"
      "one would have chosen and what that would have cost.\n"
      "Exit status: 0 all equal, 1 something differs or cannot be read.\n"
      "\nExamples:\n  switchyard replay switchyard.yaml\n  switchyard replay cheaper.yaml "
      "--records records/");
  c->callback([o, &exit_code] { exit_code = replay(*o); });
}

}  // namespace swy::app
