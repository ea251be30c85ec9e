// switchyard train: what is learned from labelled data.
#include <CLI/CLI.hpp>

#include "cli.h"

namespace swy::app {

void add_train(CLI::App& app, int& exit_code) {
  CLI::App* c = app.add_subcommand("train", "Models for signals and checks, from labelled data");
  c->require_subcommand(1, 1);
  add_train_grounding(*c, exit_code);
}

}  // namespace swy::app
