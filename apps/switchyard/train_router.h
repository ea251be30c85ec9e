// The sub-command `router` of the programs that train: weights of a learned estimator from outcome
// tables.
//
// When to use: from a program's own list of commands. Threading: main's thread. Ownership: the app
// owns it.
#pragma once

#include <string>

#include "switchyard/registry.h"

namespace CLI {
class App;
}

namespace swy::app {

struct RouterTraining {
  route::Registry (*registry)();
  std::string first;  // of the types, unless --type says another
  std::string types;  // that it trains, for the help
  std::string example;
};
void add_router_training(CLI::App& app, int& exit_code, const RouterTraining& offered);

}  // namespace swy::app
