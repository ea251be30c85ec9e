// switchyard train: learn from labelled texts what signals use.
#include <CLI/CLI.hpp>

#include "cli.h"

namespace swy::app {

void add_train_pii(CLI::App& train, int& exit_code);
void add_train_cues(CLI::App& train, int& exit_code);

void add_train(CLI::App& app, int& exit_code) {
  CLI::App* c = app.add_subcommand("train", "Learn from labelled texts what signals use");
  c->require_subcommand(1);
  add_train_pii(*c, exit_code);
  add_train_cues(*c, exit_code);
}

}  // namespace swy::app
