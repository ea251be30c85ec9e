// switchyard eval: routers on outcome tables, and what else can be evaluated.
#include <CLI/CLI.hpp>

#include "cli.h"
#include "eval_tables.h"
#include "flow/builtin.h"

namespace swy::app {

void add_eval(CLI::App& app, int& exit_code) {
  CLI::App* c = add_eval_tables(app, exit_code, flow::builtin_registry);
  add_eval_grounding(*c, exit_code);
  add_eval_batch(*c, exit_code);
  add_eval_experiments(*c, exit_code);
  add_eval_online(*c, exit_code);
  add_eval_signals(*c, exit_code);
}

}  // namespace swy::app
