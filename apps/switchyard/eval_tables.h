// The sub-command `eval` of the programs that have one: routers on outcome tables, against single
// models, random mixtures and the oracle.
//
// When to use: from a program's add_eval(). Threading: main's thread. Ownership: the app owns it.
#pragma once

#include "switchyard/registry.h"

namespace CLI {
class App;
}

namespace swy::app {

using Builtin = route::Registry (*)();  // what a program contains

// The sub-command, for more below it.
CLI::App* add_eval_tables(CLI::App& app, int& exit_code, Builtin registry);

}  // namespace swy::app
