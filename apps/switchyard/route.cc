// switchyard route: decide for one prompt without calling anybody.
#include <fmt/core.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/terminal.h"
#include "chat/build.h"
#include "chat/openai.h"
#include "cli.h"
#include "flow/builtin.h"
#include "gateway/config.h"
#include "route/trace.h"

namespace swy::app {
namespace {

struct Options {
  std::string config, prompt, body_file, set = "auto", role, session;
  bool json = false;
};

void print_number(const base::Json& j, std::string_view key, std::string_view label, double scale,
                  int decimals, std::string_view unit) {
  if (const auto v = j.find(key))
    fmt::print("  {} {:.{}f}{}", label, v->as_number().value_or(0) * scale, decimals, unit);
}

void print_candidate(const base::Json& j, bool first, bool color) {
  const std::string name = fmt::format("{:<24}", j.string_or("model", ""));
  fmt::print("  {}", base::styled(name, first ? "green" : "dim", color));
  if (const auto masked = j.find("masked_by")) {
    fmt::print("  forbidden by {}: {}\n", masked->as_string().value_or(""), j.string_or("why", ""));
    return;
  }
  fmt::print("  p {:.3f}", j.number_or("p", 0));
  print_number(j, "quality", "quality", 1, 3, "");
  print_number(j, "cost_micro", "cost $", 1e-6, 6, "");
  print_number(j, "latency_ms", "latency", 1, 0, " ms");
  print_number(j, "score", "score", 1, 4, "");
  fmt::print("\n");
}

void print_answer(std::string_view text) {
  base::JsonDoc doc;
  const auto j = doc.parse(text);
  if (!j) return;
  const bool color = base::color_on(1);
  const auto model = j->find("model");
  fmt::print(
      "{} by {}/{}: {}\n",
      base::styled(model ? model->as_string().value_or("refused") : "refused", "bold", color),
      j->string_or("set", ""), j->string_or("decision", "-"), j->string_or("reason", ""));
  bool first = true;
  if (const auto ranked = j->find("ranked")) {
    ranked->each([&](const base::Json& c) {
      print_candidate(c, first, color);
      first = false;
    });
  }
  if (const auto facts = j->find("facts"); facts && facts->size() > 0) {
    fmt::print("facts:");
    facts->each([&](const base::Json& f) {
      fmt::print(" {}={}", f.string_or("signal", ""), f.string_or("truth", ""));
      if (f.find("label")) fmt::print("({})", f.string_or("label", ""));
    });
    fmt::print("\n");
  }
}

int decide_one(const Options& o) {
  base::Diagnostics diag(o.config);
  const auto config = gateway::load_config(o.config, flow::builtin_registry(), diag);
  if (config == nullptr) {
    fmt::print(stderr, "{}", diag.to_text());
    return complain(kUsage, fmt::format("{} has errors", o.config));
  }
  std::string body;
  if (!o.body_file.empty()) {
    auto text = base::read_file(o.body_file);
    if (!text) return complain(kEnvironment, text.error().message);
    body = std::move(*text);
  } else {
    if (o.prompt.empty())
      return complain(kUsage, "give a prompt, or a request body with --body FILE");
    chat::append_request(body, o.set, o.prompt, false, 0);
  }
  chat::RequestDoc request;
  if (const auto decoded = request.decode(body); !decoded)
    return complain(kUsage, decoded.error().message);
  const route::Plan& plan = *config->plan;
  const std::string set_name = o.body_file.empty() ? o.set : std::string(request.request().model);
  const route::RuleSet* set = plan.find(set_name);
  if (set == nullptr) {
    std::vector<std::string> names;
    for (const auto& s : plan.rule_sets) names.push_back(s.name);
    return complain(kUsage, fmt::format("unknown rule set '{}'{}", set_name,
                                        base::did_you_mean(set_name, names)));
  }
  route::Work work;
  work.request = &request.request();
  work.role = o.role;
  work.session = o.session;
  route::Scratch scratch;
  scratch.begin(work, plan.signals.size());
  const route::Decision d =
      route::decide_now(plan, *set, {}, base::Rng(config->seed, 0, 0), scratch);
  std::string answer;
  base::JsonWriter w(answer);
  route::write_answer(w, plan, *set, scratch, d);
  if (o.json) {
    fmt::print("{}\n", answer);
  } else {
    print_answer(answer);
  }
  return std::holds_alternative<route::Choice>(d) ? kOk : kFindings;
}

}  // namespace

void add_route(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c =
      app.add_subcommand("route", "Decide for one prompt and show why, without calling a model");
  c->add_option("config", o->config, "configuration file")->required();
  c->add_option("prompt", o->prompt, "the user's message");
  c->add_option("--body", o->body_file,
                "a whole chat-completions request body instead of a prompt");
  c->add_option("--set,--model", o->set, "rule set to ask")->capture_default_str();
  c->add_option("--role", o->role, "the caller's role, as rules see it");
  c->add_option("--session", o->session, "the session id, as rules see it");
  c->add_flag("--json", o->json, "the answer of POST /v1/route");
  c->footer(
      "\nExit status: 0 a model was chosen, 1 refused (all candidates forbidden, or no rule "
      "matches).\n"
      "\nExample: switchyard route switchyard.yaml \"Sort a list in C++\"");
  c->callback([o, &exit_code] { exit_code = decide_one(*o); });
}

}  // namespace swy::app
