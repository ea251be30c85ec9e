// switchyard serve: the gateway.
#include <fmt/core.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/log.h"
#include "cli.h"
#include "flow/builtin.h"
#include "gateway/gateway.h"

namespace swy::app {
namespace {

struct Options {
  std::string config = "switchyard.yaml";
  bool no_watch = false;
  bool quiet = false;
};

int serve(const Options& o) {
  if (o.quiet) base::set_log_level(base::LogLevel::kError);
  const route::Registry registry = flow::builtin_registry();
  gateway::Gateway gateway({.config_file = o.config, .watch = !o.no_watch}, registry,
                           system_clock());
  base::Diagnostics diag(o.config);
  const auto started = gateway.start(diag);
  fmt::print(stderr, "{}", diag.to_text());
  if (!started) {
    if (!diag.ok())
      return complain(kUsage,
                      fmt::format("{} not served: {} error(s) above", o.config, diag.errors()));
    return complain(kEnvironment, started.error().message);
  }
  const gateway::Config& c = gateway.config();
  const std::string host =
      c.address.find(':') == std::string::npos ? c.address : "[" + c.address + "]";
  fmt::print("listening on http://{}:{}\n", host, gateway.port());
  std::fflush(stdout);
  base::log_info(fmt::format("plan {}: {} models, {} rule sets, {} workers, records {}",
                             c.plan->version, c.plan->catalogue.size(), c.plan->rule_sets.size(),
                             c.workers, c.records.path.empty() ? "off" : c.records.path));
  gateway.run();
  base::log_info("stopped");
  return kOk;
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c =
      app.add_subcommand("serve", "Serve the OpenAI-compatible gateway of a configuration");
  c->add_option("config,-c,--config", o->config, "configuration file")->capture_default_str();
  c->add_flag("--no-watch", o->no_watch, "reload on SIGHUP only, not when the file changes");
  c->add_flag("-q,--quiet", o->quiet, "log errors only");
  c->footer(
      "\nThe first line on standard output names the address. SIGHUP or a changed file reloads; a "
      "broken file leaves the\n"
      "running configuration in force and says why. SIGINT and SIGTERM finish what is in flight "
      "and end.\n"
      "\nExample: switchyard serve switchyard.yaml");
  c->callback([o, &exit_code] { exit_code = serve(*o); });
}

}  // namespace swy::app
