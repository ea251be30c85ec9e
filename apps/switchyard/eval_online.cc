// switchyard eval online: routers that learn while they decide, on recorded outcomes of which they
// see their own choice's only.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>

#include "base/terminal.h"
#include "cli.h"
#include "eval/online.h"

namespace swy::app {
namespace {

struct Options {
  eval::OnlineOptions eval;
  bool json = false;
  std::string plot;
};

int evaluate(Options& o) {
  if (o.eval.pool.data.empty()) return complain(kUsage, "--data is required");
  if (o.eval.routers.empty())
    o.eval.routers = {"linear_bandit+thompson", "linear_bandit+ucb",
                      "linear_bandit+epsilon:inner=utility"};
  o.eval.pool.validation_share = 0;
  const auto report = eval::evaluate_online(o.eval, route::builtin_registry());
  if (!report) return complain_evaluation(report.error());
  for (const std::string& note : report->notes) fmt::print(stderr, "note: {}\n", note);
  fmt::print("{}",
             o.json ? eval::to_json(*report) + "\n" : eval::to_table(*report, base::color_on(1)));
  if (o.plot.empty()) return kOk;
  std::ofstream file(o.plot, std::ios::binary);
  file << eval::to_svg(*report);
  file.close();
  if (!file) return complain(kEnvironment, "cannot write " + o.plot);
  fmt::print(stderr, "wrote {}\n", o.plot);
  return kOk;
}

}  // namespace

void add_eval_online(CLI::App& eval, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = eval.add_subcommand(
      "online", "Routers that learn while they decide, seeing only the outcome of their choice");
  auto& e = o->eval;
  c->add_option("--data", e.pool.data, "outcome tables: files or directories");
  c->add_option("--router", e.routers,
                "ESTIMATOR+POLICY, such as linear_bandit:noise=0.3+thompson:cost=0");
  c->add_option("--models", e.pool.models, "only these")->delimiter(',');
  c->add_option("--datasets", e.pool.datasets, "only these")->delimiter(',');
  c->add_option("--domains", e.pool.domains, "only these")->delimiter(',');
  c->add_option("--runs", e.runs, "orders of the questions")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  c->add_option("--rounds", e.rounds, "questions a run; 0: all")->capture_default_str();
  c->add_option("--every", e.every, "outcomes from one published plan to the next")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  c->add_flag("--warm", e.warm, "learn from the train part first and ask the test part only");
  c->add_option("--train-share", e.pool.train_share, "with --warm: share of the questions")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  c->add_option("--seed", e.pool.seed, "of the split and the orders")->capture_default_str();
  c->add_option("--plot", o->plot, "an SVG file: price of money, spending and quality over time");
  c->add_flag("--json", o->json, "the report as one JSON object");
  c->footer("\nExample: switchyard eval online --data outcomes/ --router linear_bandit+thompson");
  c->callback([o, &exit_code] { exit_code = evaluate(*o); });
}

}  // namespace swy::app
