// switchyard eval batch: the test part as one batch, least cost for a mean quality within loads.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "base/terminal.h"
#include "cli.h"
#include "eval/batch.h"

namespace swy::app {
namespace {

struct Options {
  eval::BatchOptions eval;
  std::vector<std::string> loads;
  std::string planner = "exact";
};

int evaluate(Options& o) {
  if (o.eval.pool.data.empty()) return complain(kUsage, "--data is required");
  for (const std::string& load : o.loads) {
    const std::size_t cut = load.rfind('=');
    double share = -1;
    if (cut != std::string::npos)
      std::from_chars(load.data() + cut + 1, load.data() + load.size(), share);
    if (!(share >= 0 && share <= 1))
      return complain(kUsage,
                      fmt::format("--load {}: expected MODEL=SHARE, a share from 0 to 1", load));
    o.eval.loads.emplace_back(load.substr(0, cut), share);
  }
  const auto planner = eval::planner_named(o.planner);
  if (!planner)
    return complain(kUsage, "--planner " + o.planner + ": exact, auction, bip or sinkhorn");
  o.eval.planner = *planner;
  o.eval.pool.validation_share = 0;
  const auto report = eval::evaluate_batch(o.eval, route::builtin_registry());
  if (!report) return complain_evaluation(report.error());
  for (const std::string& note : report->notes) fmt::print(stderr, "note: {}\n", note);
  fmt::print("{}", eval::to_table(*report, base::color_on(1)));
  return kOk;
}

}  // namespace

void add_eval_batch(CLI::App& eval, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = eval.add_subcommand(
      "batch", "The test part as one batch: least cost for a mean quality, with loads per model");
  auto& e = o->eval;
  c->add_option("--data", e.pool.data, "outcome tables: files or directories");
  c->add_option("--estimator", e.estimator, "what believes: ESTIMATOR[:OPTIONS]")
      ->capture_default_str();
  c->add_option("--floor", e.floors, "believed mean quality wanted; several; default: four steps")
      ->delimiter(',');
  c->add_option("--load", o->loads, "MODEL=SHARE of the batch that the model can take; several");
  c->add_option("--planner", o->planner, "exact, auction, bip or sinkhorn")->capture_default_str();
  c->add_option("--models", e.pool.models, "only these")->delimiter(',');
  c->add_option("--datasets", e.pool.datasets, "only these")->delimiter(',');
  c->add_option("--domains", e.pool.domains, "only these")->delimiter(',');
  c->add_option("--train-share", e.pool.train_share, "share of the questions to learn from")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  c->add_option("--seed", e.pool.seed, "of the split")->capture_default_str();
  c->footer("\nExample: switchyard eval batch --data outcomes/ --load large=0.2");
  c->callback([o, &exit_code] { exit_code = evaluate(*o); });
}

}  // namespace swy::app
