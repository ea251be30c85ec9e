// switchyard eval experiments: what the experiments of a configuration would find on recorded
// outcomes, and how long it would take.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/terminal.h"
#include "cli.h"
#include "eval/experiments.h"

namespace swy::app {
namespace {

struct Options {
  eval::TrialOptions eval;
  bool json = false;
};

int evaluate(Options& o) {
  if (o.eval.pool.data.empty() || o.eval.config.empty())
    return complain(kUsage, "--data and --config are required");
  o.eval.pool.validation_share = 0;
  const auto reports = eval::evaluate_trials(o.eval, route::builtin_registry());
  if (!reports) return complain_evaluation(reports.error());
  if (o.json) {
    fmt::print("{}\n", eval::to_json(*reports));
    return kOk;
  }
  for (const auto& r : *reports) fmt::print("{}", eval::to_table(r, base::color_on(1)));
  return kOk;
}

}  // namespace

void add_eval_experiments(CLI::App& eval, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = eval.add_subcommand(
      "experiments", "What experiments of a configuration would find, on recorded outcomes");
  auto& e = o->eval;
  c->add_option("--data", e.pool.data, "outcome tables: files or directories");
  c->add_option("--config", e.config, "a configuration with experiments");
  c->add_option("--experiment", e.experiment, "only this one");
  c->add_option("--models", e.pool.models, "only these")->delimiter(',');
  c->add_option("--datasets", e.pool.datasets, "only these")->delimiter(',');
  c->add_option("--domains", e.pool.domains, "only these")->delimiter(',');
  c->add_option("--runs", e.runs, "of simulated traffic")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  c->add_option("--requests", e.requests, "of a run at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000000));
  c->add_option("--seed", e.pool.seed, "of the traffic")->capture_default_str();
  c->add_flag("--json", o->json, "the report as one JSON object");
  c->footer("\nExample: switchyard eval experiments --data outcomes/ --config switchyard.yaml");
  c->callback([o, &exit_code] { exit_code = evaluate(*o); });
}

}  // namespace swy::app
