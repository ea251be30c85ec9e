// switchyard eval: routers on outcome tables, against single models, random mixtures and the
// oracle.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/terminal.h"
#include "cli.h"
#include "eval/evaluate.h"
#include "eval/print.h"
#include "flow/builtin.h"

namespace swy::app {
namespace {

struct Options {
  eval::EvalOptions eval;
  std::string out, split = "hash";
  bool json = false;
};

int evaluate(Options o) {
  o.eval.pool.by_part = o.split == "part";
  if (o.eval.routers.empty()) o.eval.routers = {"knn"};
  const auto report = eval::evaluate(o.eval, flow::builtin_registry());
  if (!report) {
    const ErrorCode code = report.error().code;
    const bool usage = code == ErrorCode::kInvalidArgument || code == ErrorCode::kParse ||
                       code == ErrorCode::kNotFound;
    return complain(usage ? kUsage : kEnvironment, report.error().message);
  }
  for (const std::string& note : report->notes) fmt::print(stderr, "note: {}\n", note);
  if (o.json) {
    fmt::print("{}\n", eval::to_json(*report));
  } else {
    fmt::print("{}", eval::to_table(*report, base::color_on(1)));
  }
  if (o.out.empty()) return kOk;
  const auto written = eval::write_files(*report, o.out);
  if (!written) return complain(kEnvironment, written.error().message);
  for (const std::string& path : *written) fmt::print(stderr, "wrote {}\n", path);
  return kOk;
}

}  // namespace

void add_eval(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand(
      "eval", "Cost-quality curves of routers on recorded outcomes, with intervals");
  auto& e = o->eval;
  c->add_option("--data", e.pool.data,
                "outcome tables: files or directories (docs/reference/outcome-tables.md)");
  c->add_option("--router", e.routers,
                "what to evaluate: knn, knn:neighbours=60+threshold, length, FILE.yaml:RULESET, "
                "...; default knn");
  c->add_option("--models", e.pool.models, "only these")->delimiter(',');
  c->add_option("--datasets", e.pool.datasets, "only these")->delimiter(',');
  c->add_option("--domains", e.pool.domains, "only these")->delimiter(',');
  c->add_option("--split", o->split, "hash: by question; part: as the table says where it does")
      ->capture_default_str()
      ->check(CLI::IsMember({"hash", "part"}));
  c->add_option("--train-share", e.pool.train_share, "share of the questions to learn from")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  c->add_option("--leave-out", e.pool.leave_out,
                "test on these data sets and learn from all others, instead of a split")
      ->delimiter(',');
  c->add_option("--seed", e.pool.seed, "of the split and the bootstrap")->capture_default_str();
  c->add_option("--points", e.points, "settings along a curve")
      ->capture_default_str()
      ->check(CLI::Range(3, 1000));
  c->add_option("--bootstrap", e.bootstrap, "resamples; 0: no intervals")
      ->capture_default_str()
      ->check(CLI::Range(0, 100000));
  c->add_option("--out", o->out, "directory for points.csv, report.json and plot.svg");
  c->add_flag("--json", o->json, "the report as one JSON object");
  c->footer(
      "\nSingle models, the random mixture and the oracle are always there. What the numbers mean: "
      "docs/reference/eval.md.\n"
      "\nExample: switchyard eval --data examples/demo/outcomes.jsonl --router knn --router length "
      "--out out/eval");
  c->require_subcommand(0, 1);
  add_eval_grounding(*c, exit_code);
  add_eval_signals(*c, exit_code);
  c->callback([o, c, &exit_code] {
    if (!c->get_subcommands().empty()) return;
    exit_code = o->eval.pool.data.empty() ? complain(kUsage, "--data is required") : evaluate(*o);
  });
}

}  // namespace swy::app
