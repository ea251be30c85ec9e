// switchyard-train: estimators whose training needs automatic differentiation. Trains them into
// weight files that switchyard serves, and evaluates them beside all others. Tests: train_test.cc.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli.h"
#include "eval_tables.h"
#include "train_registry.h"
#include "train_router.h"

namespace swy::app {
namespace {

int run(int argc, char** argv) {
  int exit_code = kOk;
  CLI::App app(
      "switchyard-train trains what needs automatic differentiation into weight files that "
      "switchyard\nserves, and evaluates it beside everything that switchyard has.\n",
      "switchyard-train");
  app.set_version_flag("--version", "switchyard-train " SWY_VERSION);
  app.footer(
      "\nExit status: 0 done; 2 wrong options or tables; 3 the environment (file missing, disk "
      "full).");
  app.require_subcommand(1);
  add_router_training(
      app, exit_code,
      {.registry = training_registry,
       .first = "graph_router",
       .types = "graph_router, or a type of `switchyard train router`",
       .example = "switchyard-train router --data outcomes/ --option steps=1000 --out graph.swy"});
  add_eval_tables(app, exit_code, training_registry);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // --help and --version end here too
    if (error.get_exit_code() == 0) return app.exit(error);
    return complain(kUsage, std::string(error.what()) + "; --help shows commands and options");
  }
  return exit_code;
}

}  // namespace

int complain(ExitCode code, std::string_view message) {
  fmt::print(stderr, "switchyard-train: {}\n", message);
  return code;
}

int complain_evaluation(const Error& error) {
  const bool usage = error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kParse ||
                     error.code == ErrorCode::kNotFound;
  return complain(usage ? kUsage : kEnvironment, error.message);
}

}  // namespace swy::app

int main(int argc, char** argv) { return swy::app::run(argc, argv); }
