// Parses the command line and runs one sub-command. Tests: cli_test.py.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <string>
#include <vector>

#include "base/doc.h"
#include "cli.h"

namespace swy::app {
namespace {

constexpr const char* kAbout =
    "switchyard routes chat requests to the model that is worth it: it reads the request, forbids\n"
    "what must not be, estimates quality, cost and time of every candidate, chooses one and says "
    "why.\n";
constexpr const char* kFooter =
    "\nEvery command explains itself: switchyard COMMAND --help\n"
    "\nExit status: 0 done; 1 done, and the answer is no (findings, differences, a refusal);\n"
    "2 wrong options or configuration; 3 the environment (port busy, file missing, disk full).";

// The nearest names for words that CLI11 did not know.
std::string hints(const CLI::App& app, const std::vector<std::string>& unknown) {
  std::vector<std::string> known;
  for (const CLI::App* a : app.get_subcommands()) {
    for (const CLI::Option* o : a->get_options()) {
      for (const std::string& name : o->get_lnames()) known.push_back("--" + name);
    }
  }
  std::string out;
  for (const std::string& word : unknown) {
    if (word.substr(0, 2) != "--") continue;
    const std::string hint = base::did_you_mean(word.substr(0, word.find('=')), known);
    if (!hint.empty()) out.append("\n").append(word).append(hint);
  }
  return out;
}

// The sub-command comes first; -1: it is known, or an option.
int check_command(CLI::App& app, int argc, char** argv) {
  if (argc < 2) {
    fmt::print("{}", app.help());
    return kUsage;
  }
  const std::string word = argv[1];
  if (word.empty() || word[0] == '-') return -1;
  std::vector<std::string> known;
  for (const CLI::App* a : app.get_subcommands(nullptr)) known.push_back(a->get_name());
  for (const std::string& name : known) {
    if (name == word) return -1;
  }
  const std::string hint = base::did_you_mean(word, known);
  return complain(kUsage, "unknown command \"" + word + "\"" +
                              (hint.empty() ? "; switchyard --help lists them" : hint));
}

int run(int argc, char** argv) {
  int exit_code = kOk;
  CLI::App app(kAbout, "switchyard");
  app.set_version_flag("--version", "switchyard " SWY_VERSION);
  app.footer(kFooter);
  app.require_subcommand(0, 1);
#define SWY_ADD_COMMAND(name) add_##name(app, exit_code);
  SWY_COMMANDS(SWY_ADD_COMMAND)
#undef SWY_ADD_COMMAND
  if (const int code = check_command(app, argc, argv); code >= 0) return code;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // --help and --version end here too
    if (error.get_exit_code() == 0) return app.exit(error);
    std::string where = "switchyard";
    for (const CLI::App* a : app.get_subcommands()) where += " " + a->get_name();
    return complain(kUsage, error.what() + hints(app, app.remaining(true)) + "\n" + where +
                                " --help shows the options");
  }
  return exit_code;
}

}  // namespace

int complain(ExitCode code, std::string_view message) {
  fmt::print(stderr, "switchyard: {}\n", message);
  return code;
}

int complain_evaluation(const Error& error) {
  const bool usage = error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kParse ||
                     error.code == ErrorCode::kNotFound;
  return complain(usage ? kUsage : kEnvironment, error.message);
}

bool parse_address(std::string_view text, std::string& address, std::uint16_t& port) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  address = host.empty() ? "127.0.0.1" : std::string(host);
  return true;
}

}  // namespace swy::app

int main(int argc, char** argv) { return swy::app::run(argc, argv); }
