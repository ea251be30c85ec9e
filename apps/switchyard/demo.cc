// switchyard demo: the whole thing on one machine: a scripted upstream that plays recorded answers,
// the gateway in front of it, and a client that sends prompts over HTTP and prints one line for
// each.
#include <fmt/core.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <thread>

#include "base/log.h"
#include "base/terminal.h"
#include "chat/build.h"
#include "cli.h"
#include "demo_stage.h"
#include "flow/builtin.h"
#include "gateway/gateway.h"
#include "http/client.h"
#include "upstream/upstream.h"

namespace swy::app {
namespace {

struct Options {
  std::string data;
  std::int64_t count = 24;
  std::uint16_t port = 8080;
  bool once = false;
};

// A loop on its own thread, stopped and joined at the end.
struct LoopThread {
  net::Loop loop;
  std::thread thread;
  void start() {
    thread = std::thread([this] { loop.run(); });
  }
  ~LoopThread() {
    loop.stop();
    if (thread.joinable()) thread.join();
  }
};

struct Answer {
  int status = 0;
  wire::Headers headers;
  std::string body;
};

struct Line {
  std::string model, reason, facts;
  double cost = 0, strongest_cost = 0;  // USD
  float quality = 0, strongest_quality = 0;
};

struct Totals {
  std::size_t n = 0;
  double cost = 0, strongest_cost = 0, quality = 0, strongest_quality = 0;
  std::map<std::string, std::size_t> by_model;
  void add(const Line& l) {
    ++n;
    cost += l.cost;
    strongest_cost += l.strongest_cost;
    quality += l.quality;
    strongest_quality += l.strongest_quality;
    ++by_model[l.model];
  }
};

base::Task<Result<Answer>> ask(http::ClientPool& pool, std::uint16_t port, std::string method,
                               std::string target, std::string body) {
  http::Call call(pool);
  wire::Headers headers;
  headers.add("Content-Type", "application/json");
  const http::Origin origin{"127.0.0.1", port, false};
  const auto head = co_await call.start(
      origin, {.method = method, .target = target, .headers = &headers, .body = body});
  if (!head) co_return tl::unexpected<Error>(head.error());
  Answer out;
  out.status = (*head)->status;
  out.headers = (*head)->headers;
  for (;;) {
    const auto piece = co_await call.read_body();
    if (!piece) co_return tl::unexpected<Error>(piece.error());
    if (piece->empty()) break;
    out.body += *piece;
  }
  co_return out;
}

// The facts of a record that say something: the true ones, with their label or value.
std::string facts_that_mattered(const std::string& record) {
  base::JsonDoc doc;
  const auto j = doc.parse(record);
  const auto decision = j ? j->find("decision") : std::nullopt;
  const auto facts = decision ? decision->find("facts") : std::nullopt;
  std::string out;
  if (facts) {
    facts->each([&](const base::Json& f) {
      if (f.string_or("truth", "") == "true")
        out += (out.empty() ? "" : " ") + std::string(f.string_or("signal", ""));
    });
  }
  return out.empty() ? "-" : out;
}

class Show {
 public:
  explicit Show(DemoStage stage)
      : stage_(std::move(stage)), color_(base::color_on(STDOUT_FILENO)) {}

  base::Task<void> play(net::Loop& loop, std::uint16_t port, int& exit_code) {
    http::ClientPool pool(loop, {});
    header();
    for (const std::size_t row : stage_.prompts) {
      std::string body;
      chat::append_request(body, "auto", stage_.table.row(row).prompt, totals_.n % 4 == 3,
                           0);  // every fourth as a stream
      const auto answer = co_await ask(pool, port, "POST", "/v1/chat/completions", std::move(body));
      if (!answer || answer->status != 200) {
        exit_code = complain(
            kEnvironment,
            fmt::format("the gateway answered {}", answer ? answer->body : answer.error().message));
        break;
      }
      const std::string id(answer->headers.find("x-switchyard-record").value_or(""));
      const auto record = co_await ask(pool, port, "GET", "/v1/records/" + id, "");
      if (!record || record->status != 200) {
        exit_code = complain(kEnvironment, fmt::format("no record {}", id));
        break;
      }
      const Line line = read(row, *answer, record->body);
      print(row, line);
      totals_.add(line);
    }
    summary();
    loop.stop();
  }

 private:
  Line read(std::size_t row, const Answer& answer, const std::string& record) const {
    Line l;
    l.model = answer.headers.find("x-switchyard-model").value_or("");
    l.reason = answer.headers.find("x-switchyard-reason").value_or("");
    if (l.reason.rfind(l.model + " ", 0) == 0)
      l.reason.erase(0, l.model.size() + 1);  // the line names it already
    l.facts = facts_that_mattered(record);
    base::JsonDoc doc;
    if (const auto j = doc.parse(record)) {
      if (const auto outcome = j->find("outcome"))
        l.cost = outcome->number_or("cost_nano", 0) * 1e-9;
    }
    const auto cell = [&](const std::string& model) {
      return stage_.table.cell(row, stage_.table.model_index(model));
    };
    l.quality = cell(l.model).quality;
    const record::Cell best = cell(stage_.strongest);
    l.strongest_quality = best.quality;
    l.strongest_cost = best.cost_usd == best.cost_usd ? static_cast<double>(best.cost_usd) : 0;
    if (l.model == stage_.strongest) l.strongest_cost = l.cost;
    return l;
  }

  void header() const {
    fmt::print(
        "{}\n",
        base::styled(
            stage_.real
                ? "Real prompts (GSM8K, CRUXEval, MATH level 5) and the recorded answers of real "
                  "models."
                : "SIMULATED models: prompts and answers written for this demo, labelled sim-*.",
            "bold", color_));
    fmt::print("{}\n\n",
               base::styled(fmt::format("configuration: {}", stage_.config_file), "dim", color_));
    const std::string head = fmt::format("{:<38} {:<9} {:<27} {:>10} {:>6} {:>5}  {}", "prompt",
                                         "facts", "model", "cost USD", "saved", "right", "why");
    fmt::print("{}\n", base::styled(head, "dim", color_));
  }

  void print(std::size_t row, const Line& l) const {
    const auto width =
        static_cast<std::size_t>(std::max(100, base::terminal_width(STDOUT_FILENO, 160)));
    const double saved = l.strongest_cost > 0 ? 1 - l.cost / l.strongest_cost : 0;
    const std::string prompt = pad(base::fit_columns(stage_.table.row(row).prompt, 38), 38);
    const std::string model = pad(base::fit_columns(l.model, 27), 27);
    fmt::print(
        "{} {:<9} {} {:>10.6f} {:>5.0f}% {:>5}  {}\n", prompt, base::fit_columns(l.facts, 9),
        base::styled(model, l.model == stage_.strongest ? "magenta" : "green", color_), l.cost,
        100 * saved, l.quality >= 0.5F ? "yes" : "no",
        base::styled(base::fit_columns(l.reason, width > 116 ? width - 106 : 10), "dim", color_));
    std::fflush(stdout);
  }

  static std::string pad(std::string text, std::size_t columns) {
    std::size_t n = 0;
    for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1U : 0U;
    if (n < columns) text.append(columns - n, ' ');
    return text;
  }

  void summary() const {
    if (totals_.n == 0) return;
    const auto n = static_cast<double>(totals_.n);
    fmt::print("\n{} prompts", totals_.n);
    for (const auto& [model, k] : totals_.by_model) fmt::print(" · {} {}", k, model);
    fmt::print("\n{:<22} {:>10} {:>9}\n", "", "cost USD", "quality");
    fmt::print("{:<22} {:>10.6f} {:>9.3f}\n", "routed", totals_.cost, totals_.quality / n);
    fmt::print("{:<22} {:>10.6f} {:>9.3f}\n", "always " + base::fit_columns(stage_.strongest, 15),
               totals_.strongest_cost, totals_.strongest_quality / n);
    if (totals_.strongest_cost > 0) {
      fmt::print("{}\n",
                 base::styled(fmt::format("saved {:.0f} % of the cost, quality {:+.3f}",
                                          100 * (1 - totals_.cost / totals_.strongest_cost),
                                          (totals_.quality - totals_.strongest_quality) / n),
                              "bold", color_));
    }
    fmt::print("{}\n", base::styled("quality: share of answers graded right in the recorded run; "
                                    "cost: the answer's tokens at the price list",
                                    "dim", color_));
  }

  DemoStage stage_;
  bool color_;
  Totals totals_;
};

void invite(std::uint16_t port, const std::string& config) {
  fmt::print(
      "\nStill serving. Try:\n"
      "  curl -i http://127.0.0.1:{0}/v1/chat/completions -d "
      "'{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"What is 17 * "
      "23?\"}}]}}'\n"
      "  curl http://127.0.0.1:{0}/v1/route -d "
      "'{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"def f(x): return "
      "x\"}}]}}'\n"
      "  curl http://127.0.0.1:{0}/metrics\n"
      "The configuration is {1}; change it and it is read again. Ctrl-C ends.\n",
      port, config);
  std::fflush(stdout);
}

// A free port when the wanted one is taken: asked of the kernel and given back at once.
std::uint16_t free_port(std::uint16_t wanted) {
  net::Loop loop;
  for (const std::uint16_t port : {wanted, std::uint16_t{0}}) {
    if (auto l = net::Listener::listen(loop, {.address = "127.0.0.1", .port = port}))
      return (*l)->port();
  }
  return 0;
}

int demo(const Options& o) {
  base::set_log_level(base::LogLevel::kWarning);
  // The upstream first: the configuration names its port.
  LoopThread upstream_thread;
  const std::uint16_t upstream_port = free_port(0);
  auto stage =
      set_demo_stage(o.data, static_cast<std::size_t>(o.count), upstream_port, free_port(o.port));
  if (!stage) return complain(kEnvironment, stage.error().message);
  auto book = upstream::AnswerBook::load(stage->data);
  if (!book) return complain(kEnvironment, book.error().message);
  upstream::ScriptOptions script_options;
  script_options.models.push_back({.name = "*", .ttft_ms = 20, .tokens_per_s = 0});
  upstream::Script script(std::move(script_options), std::move(*book));
  upstream::ScriptedUpstream server(upstream_thread.loop, script);
  if (const auto s = server.listen({.address = "127.0.0.1", .port = upstream_port}); !s)
    return complain(kEnvironment, s.error().message);
  upstream_thread.start();

  const route::Registry registry = flow::builtin_registry();
  gateway::Gateway gateway(
      {.config_file = stage->config_file, .watch = !o.once, .handle_signals = true}, registry,
      system_clock());
  base::Diagnostics diag(stage->config_file);
  const std::string config = stage->config_file;
  if (const auto s = gateway.start(diag); !s) {
    fmt::print(stderr, "{}", diag.to_text());
    return complain(kEnvironment, s.error().message);
  }
  int exit_code = kOk;
  Show show(std::move(*stage));
  const std::uint16_t port = gateway.port();
  std::thread client([&] {
    net::Loop loop;
    loop.spawn(show.play(loop, port, exit_code));
    loop.run();
    if (o.once || exit_code != kOk) {
      gateway.stop();
    } else {
      invite(port, config);
    }
  });
  gateway.run();
  client.join();
  upstream_thread.loop.post([&server] { server.drain(); });
  return exit_code;
}

}  // namespace

void add_demo(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand(
      "demo", "Watch real prompts being routed between models, then try it with curl");
  c->add_flag("--once", o->once, "send the prompts, print the summary and end");
  c->add_option("--count", o->count, "how many prompts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  c->add_option("--port", o->port, "of the gateway; another one when it is taken")
      ->capture_default_str();
  c->add_option("--data", o->data, "folder with the real data, or examples/demo");
  c->footer(
      "\nUses real prompts and recorded answers when they are at hand (SWY_DATA or "
      "../shared/data), otherwise the small set\n"
      "in examples/demo, whose models are simulated and say so.\n\nExample: switchyard demo "
      "--once");
  c->callback([o, &exit_code] { exit_code = demo(*o); });
}

}  // namespace swy::app
