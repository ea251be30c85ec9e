// The frame of the program: one file per sub-command, listed once in SWY_COMMANDS.
//
// To add one: write apps/switchyard/NAME.cc with `void add_NAME(CLI::App& app, int& exit_code)`,
// add NAME to SWY_COMMANDS and the file to CMakeLists.txt. The function adds its sub-command to app
// (name, description, options, examples as footer) and a callback that does the work and sets
// exit_code; what the options write to lives in a shared_ptr that the callback captures.
// Threading: main's thread. Ownership: main owns the app and exit_code.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "switchyard/result.h"

namespace CLI {
class App;
}

// In the order of the help.
#define SWY_COMMANDS(X)                                                                    \
  X(serve)                                                                                 \
  X(demo)                                                                                  \
  X(check) X(route) X(explain) X(replay) X(eval) X(data) X(train) X(keys) X(models) X(moe) \
      X(upstream)

namespace swy::app {

// What the program's exit status tells; also in the footer of --help.
enum ExitCode : int {
  kOk = 0,
  kFindings = 1,     // it worked, and the answer is no: findings, differences, a refusal
  kUsage = 2,        // wrong options or a wrong configuration
  kEnvironment = 3,  // a port is busy, a file is missing, the disk is full ...
};

#define SWY_DECLARE_COMMAND(name) void add_##name(CLI::App& app, int& exit_code);
SWY_COMMANDS(SWY_DECLARE_COMMAND)
#undef SWY_DECLARE_COMMAND

// Below `switchyard eval` and `switchyard train`.
void add_eval_batch(CLI::App& eval, int& exit_code);
void add_eval_online(CLI::App& eval, int& exit_code);
void add_eval_signals(CLI::App& eval, int& exit_code);
void add_eval_grounding(CLI::App& eval, int& exit_code);
void add_train_grounding(CLI::App& train, int& exit_code);

// Prints "switchyard: message" to standard error and returns the code.
int complain(ExitCode code, std::string_view message);

// The same for an evaluation that failed: kUsage for what was asked wrongly, else kEnvironment.
int complain_evaluation(const Error& error);

// "127.0.0.1:9000", ":9000" (loopback) or "[::1]:9000". false: not that.
bool parse_address(std::string_view text, std::string& address, std::uint16_t& port);

}  // namespace swy::app
