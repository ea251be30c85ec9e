// swy_load: the load of `make bench`. Request bodies come from a file, one JSON object a line, and
// are sent in turn.
#include <fmt/core.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <string>

#include "base/doc.h"
#include "load/load.h"

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Load generator of the benchmarks: open-loop latency, or many slow streams; prints one JSON "
      "object");
  std::string bodies_file;
  std::string key;
  swy::bench::Target target;
  target.origin.host = "127.0.0.1";
  swy::bench::OpenLoop open;
  swy::bench::SlowStreams slow;
  app.add_option("--port", target.origin.port, "of the server on 127.0.0.1")->required();
  app.add_option("--bodies", bodies_file, "file of request bodies, one a line")->required();
  app.add_option("--key", key, "sent as Authorization: Bearer KEY");
  app.require_subcommand(1);
  CLI::App* o = app.add_subcommand(
      "open", "requests on a fixed schedule, latency from the time they were due");
  o->add_option("--rate", open.rate, "requests a second")->capture_default_str();
  o->add_option("--seconds", open.seconds, "that are counted")->capture_default_str();
  o->add_option("--warmup", open.warmup_s, "seconds before")->capture_default_str();
  o->add_option("--connections", open.connections, "kept alive, used in turn")
      ->capture_default_str();
  CLI::App* s = app.add_subcommand("slow", "many slow event streams at once");
  s->add_option("--streams", slow.streams, "how many")->capture_default_str();
  s->add_option("--ramp", slow.ramp_s, "seconds over which they start")->capture_default_str();
  s->add_option("--hold", slow.hold_s, "seconds all are open before the line `open N`")
      ->capture_default_str();
  s->add_option("--pace", slow.pace_ms, "expected milliseconds between two chunks")
      ->capture_default_str();
  s->add_option("--starved", slow.starved_ms, "a gap of more milliseconds starves a stream")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const auto text = swy::base::read_file(bodies_file);
  if (!text) {
    fmt::print(stderr, "{}\n", text.error().message);
    return 2;
  }
  const auto bodies = lines_of(*text);
  if (bodies.empty()) {
    fmt::print(stderr, "{} has no request bodies\n", bodies_file);
    return 2;
  }
  target.headers.add("content-type", "application/json");
  if (!key.empty()) target.headers.add("authorization", "Bearer " + key);
  fmt::print("{}\n", o->parsed() ? swy::bench::run_open_loop(target, bodies, open)
                                 : swy::bench::run_slow_streams(target, bodies, slow));
  return 0;
}
