// switchyard keys: make API keys and the hashes that a configuration holds.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli.h"
#include "gateway/keys.h"

namespace swy::app {
namespace {

int hash(std::string key) {
  if (key.empty()) std::getline(std::cin, key);
  while (!key.empty() && (key.back() == '\r' || key.back() == ' ')) key.pop_back();
  if (key.empty())
    return complain(kUsage,
                    "no key given: switchyard keys hash KEY, or one line on standard input");
  fmt::print("{}\n", gateway::hash_key(key));
  return kOk;
}

int make() {
  const std::string key = gateway::new_key();
  fmt::print("key:  {}\nhash: {}\n", key, gateway::hash_key(key));
  return kOk;
}

}  // namespace

void add_keys(CLI::App& app, int& exit_code) {
  CLI::App* c = app.add_subcommand("keys", "Make API keys and their hashes");
  c->require_subcommand(1);
  auto text = std::make_shared<std::string>();
  CLI::App* h = c->add_subcommand("hash", "Print the hash of a key for the configuration's `keys`");
  h->add_option("key", *text, "the key; read from standard input when absent");
  h->callback([text, &exit_code] { exit_code = hash(*text); });
  CLI::App* n = c->add_subcommand(
      "new", "Make a new random key and print it with its hash; it is stored nowhere");
  n->callback([&exit_code] { exit_code = make(); });
}

}  // namespace swy::app
