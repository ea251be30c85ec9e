// switchyard upstream: runs a ScriptedUpstream on N workers until a signal ends it.
#include <fmt/core.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/doc.h"
#include "cli.h"
#include "net/loop.h"
#include "upstream/upstream.h"

namespace swy::app {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  switchyard upstream --data examples/demo --listen 127.0.0.1:9000\n"
    "      answers prompts of the outcome tables there as the recorded models did\n"
    "  switchyard upstream --models small=80:120 --models large=400:40:0.2 --seed 7\n"
    "      small: first token after 80 ms, then 120 tokens/s; large varies by 20 %\n"
    "  switchyard upstream --fault status:429:2 --fault reset:3 --script faults.yaml\n"
    "  switchyard upstream --fast --chunks 50 --remember 0 --listen 127.0.0.1:0\n"
    "      for benchmarks: no pacing, 50 chunks a stream; the port is the first line printed\n"
    "\nFaults, the script file and the /script/ paths: docs/reference/upstream.md";

struct Options {
  std::string listen = "127.0.0.1:9000";
  std::vector<std::string> data;
  std::vector<std::string> models;
  std::vector<std::string> faults;
  std::string script;
  std::uint64_t seed = 1;
  std::int64_t chunks = 0;
  std::int64_t remember = 64;
  int workers = 1;
  bool fast = false;
  bool json = false;
  std::string api_key;
  std::string tls_cert;
  std::string tls_key;
};

// The script file first; what the command line gives wins over it.
int read_options(const CLI::App& command, const Options& o, upstream::ScriptOptions& out) {
  if (!o.script.empty()) {
    const auto text = base::read_file(o.script);
    if (!text) return complain(kEnvironment, text.error().message);
    base::Diagnostics diag(o.script);
    if (const auto doc = base::parse_yaml(*text, diag)) upstream::read_script(*doc, out, diag);
    if (!diag.ok()) return complain(kUsage, diag.to_text());
  }
  if (command.count("--seed") > 0) out.seed = o.seed;
  if (command.count("--chunks") > 0) out.chunks = o.chunks;
  if (command.count("--remember") > 0) out.remember = o.remember;
  out.fast = out.fast || o.fast;
  out.api_key = o.api_key;
  for (const std::string& text : o.models) {
    auto model = upstream::parse_model(text);
    if (!model) return complain(kUsage, model.error().message);
    std::erase_if(out.models, [&](const auto& m) { return m.name == model->name; });
    out.models.push_back(std::move(*model));
  }
  for (const std::string& text : o.faults) {
    const auto fault = upstream::parse_fault(text);
    if (!fault) return complain(kUsage, fault.error().message);
    out.faults.push_back({*fault, "", 1.0, 1, 0});
  }
  return kOk;
}

struct Worker {
  net::Loop loop;
  upstream::ScriptedUpstream server;
  explicit Worker(upstream::Script& script) : server(loop, script) {}
};

void announce(const Options& o, const std::string& address, const upstream::Script& script,
              std::uint16_t port) {
  if (o.json) {
    fmt::print("{{\"listening\":\"{}:{}\",\"prompts\":{},\"workers\":{}}}\n", address, port,
               script.book().rows(), o.workers);
  } else {
    fmt::print("listening on {}:{}\n", address, port);
    fmt::print("{} recorded prompts of {} models, seed {}, {} fault rules\n", script.book().rows(),
               script.book().models().size(), script.options().seed,
               script.options().faults.size());
  }
  std::fflush(stdout);
}

int read_tls(const Options& o, net::TlsServerOptions& out) {
  if (o.tls_cert.empty()) return kOk;
  auto certificate = base::read_file(o.tls_cert);
  auto key = base::read_file(o.tls_key);
  if (!certificate) return complain(kEnvironment, certificate.error().message);
  if (!key) return complain(kEnvironment, key.error().message);
  out = {std::move(*certificate), std::move(*key)};
  return kOk;
}

int serve(const Options& o, upstream::ScriptOptions options) {
  std::string address;
  std::uint16_t port = 0;
  if (!parse_address(o.listen, address, port)) {
    return complain(kUsage, "--listen " + o.listen + ": expected ADDRESS:PORT");
  }
  net::TlsServerOptions tls;
  if (const int code = read_tls(o, tls); code != kOk) return code;
  auto book = upstream::AnswerBook::load(o.data);
  if (!book) return complain(kEnvironment, book.error().message);
  upstream::Script script(std::move(options), std::move(*book));
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < o.workers; ++i) {
    auto worker = std::make_unique<Worker>(script);
    net::ListenOptions listen;
    listen.address = address;
    listen.port = port;
    listen.share_port = o.workers > 1;
    const Status s = tls.key_pem.empty() ? worker->server.listen(listen)
                                         : worker->server.listen_tls(listen, tls);
    if (!s) {
      return complain(kEnvironment, s.error().message);
    }
    port = worker->server.port();  // of port 0: the same for all
    workers.push_back(std::move(worker));
  }
  net::Loop& first = workers.front()->loop;
  for (const int signal : {SIGINT, SIGTERM}) first.on_signal(signal, [&first] { first.stop(); });
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < workers.size(); ++i) {
    threads.emplace_back([loop = &workers[i]->loop] { loop->run(); });
  }
  announce(o, address, script, port);
  first.run();
  for (const auto& worker : workers) worker->loop.stop();
  for (std::thread& t : threads) t.join();
  const upstream::UpstreamStats s = script.stats();
  fmt::print(stderr, "{} requests, {} faults, {} aborted\n", s.requests, s.faults, s.aborted);
  return kOk;
}

}  // namespace

void add_upstream(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand(
      "upstream",
      "An OpenAI-compatible server that answers from recordings, at a set pace, with faults");
  c->footer(kExamples);
  c->add_option("--listen", o->listen, "ADDRESS:PORT; port 0 takes a free one")
      ->capture_default_str();
  c->add_option("--data", o->data, "outcome table, or directory of them; answers beside it");
  c->add_option("--models", o->models, "NAME=TTFT_MS:TOKENS_PER_S[:JITTER], any number of times");
  c->add_option("--fault", o->faults, "fault for every request, such as reset:3; first one wins");
  c->add_option("--script", o->script, "YAML file with models, faults, seed ...");
  c->add_option("--seed", o->seed, "of everything drawn by chance")->capture_default_str();
  c->add_option("--chunks", o->chunks, "content events of every stream; 0: one a token")
      ->check(CLI::Range(0, 1'000'000));
  c->add_option("--remember", o->remember, "how many requests GET /script/requests shows")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  c->add_option("--workers", o->workers, "threads, each with its own loop")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  c->add_option("--api-key", o->api_key, "answer 401 to other keys");
  CLI::Option* cert = c->add_option("--tls-cert", o->tls_cert, "PEM file; serve over TLS");
  CLI::Option* key = c->add_option("--tls-key", o->tls_key, "PEM file of its key");
  cert->needs(key);
  key->needs(cert);
  c->add_flag("--fast", o->fast, "no pacing");
  c->add_flag("--json", o->json, "print the address as JSON");
  c->callback([o, c, &exit_code] {
    upstream::ScriptOptions options;
    exit_code = read_options(*c, *o, options);
    if (exit_code == kOk) exit_code = serve(*o, std::move(options));
  });
}

}  // namespace swy::app
