#include "eval_tables.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/terminal.h"
#include "cli.h"
#include "eval/evaluate.h"
#include "eval/html.h"
#include "eval/onboard.h"
#include "eval/print.h"
#include "record/arms.h"

namespace swy::app {
namespace {

struct Options {
  eval::EvalOptions eval;
  std::string out, html, split = "hash";
  bool json = false;
  std::vector<std::string> price_shift;
  eval::OnboardOptions onboard;
};

// "MODEL=FACTOR"; false: not that.
bool parse_shift(const std::string& text, std::vector<std::pair<std::string, double>>& out) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) return false;
  char* end = nullptr;
  const double factor = std::strtod(text.c_str() + equals + 1, &end);
  if (end == text.c_str() + equals + 1 || *end != 0) return false;
  out.emplace_back(text.substr(0, equals), factor);
  return true;
}

// The command that this program was started with, quoted for a shell; "" where the system does not
// tell.
std::string own_command() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string raw{std::istreambuf_iterator<char>(file), {}};
  std::string out;
  for (std::size_t at = 0; at < raw.size(); at = raw.find('\0', at) + 1) {
    const std::string word = raw.c_str() + at;
    const bool plain = word.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "0123456789_-./:=,+@%") == std::string::npos;
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += (out.empty() ? "" : " ") + (plain && !word.empty() ? word : quoted + "'");
  }
  return out;
}

bool write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return static_cast<bool>(file);
}

int onboard(const Options& o, const route::Registry& registry) {
  auto pool = eval::load_pool(o.eval.pool);
  if (!pool) return complain_evaluation(pool.error());
  if (const auto done = eval::shift_prices(*pool, o.eval.price_shift); !done)
    return complain_evaluation(done.error());
  for (const std::string& note : pool->notes) fmt::print(stderr, "note: {}\n", note);
  const auto report = eval::onboard(*pool, o.eval, o.onboard, registry);
  if (!report) return complain_evaluation(report.error());
  fmt::print("{}", o.json ? eval::to_json(*report) : eval::to_table(*report, base::color_on(1)));
  return kOk;
}

int evaluate(Options o, const route::Registry& registry) {
  o.eval.pool.by_part = o.split == "part";
  if (o.eval.routers.empty()) o.eval.routers = {"knn"};
  for (const std::string& text : o.price_shift) {
    if (!parse_shift(text, o.eval.price_shift))
      return complain(kUsage, "--price-shift wants MODEL=FACTOR, not '" + text + "'");
  }
  if (!o.onboard.models.empty()) return onboard(o, registry);
  const auto report = eval::evaluate(o.eval, registry);
  if (!report) return complain_evaluation(report.error());
  for (const std::string& note : report->notes) fmt::print(stderr, "note: {}\n", note);
  if (o.json) {
    fmt::print("{}\n", eval::to_json(*report));
  } else {
    fmt::print("{}", eval::to_table(*report, base::color_on(1)));
  }
  if (!o.html.empty()) {
    if (!write_text(o.html, eval::to_html(*report, own_command())))
      return complain(kEnvironment, "cannot write " + o.html);
    fmt::print(stderr, "wrote {}\n", o.html);
  }
  if (o.out.empty()) return kOk;
  const auto written = eval::write_files(*report, o.out);
  if (!written) return complain(kEnvironment, written.error().message);
  for (const std::string& path : *written) fmt::print(stderr, "wrote {}\n", path);
  return kOk;
}

// What is learned from and what is tested on.
void add_split_options(CLI::App& c, Options& o) {
  auto& e = o.eval;
  c.add_option("--split", o.split, "hash: by question; part: as the table says where it does")
      ->capture_default_str()
      ->check(CLI::IsMember({"hash", "part"}));
  c.add_option("--train-share", e.pool.train_share, "share of the questions to learn from")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  c.add_option("--leave-out", e.pool.leave_out,
               "test on these data sets and learn from all others, instead of a split")
      ->delimiter(',');
  c.add_option("--leave-out-domains", e.pool.leave_out_domains, "the same for domains")
      ->delimiter(',');
  c.add_option("--train", e.pool.train,
               "learn from these files and test on all of --data, instead of a split");
  c.add_flag("--drop-leaked", e.pool.drop_leaked,
             "a question on both sides is not learned from, instead of an error");
  c.add_option("--validation-share", e.pool.validation_share,
               "share of what is learned from on which settings are chosen")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9));
}

// Other prices, other words, other models.
void add_what_if_options(CLI::App& c, Options& o) {
  auto& e = o.eval;
  c.add_option("--noise", e.noise,
               "test questions to ask again perturbed; 420: RouterArena's number")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000000));
  c.add_option("--prices", e.pool.prices,
               "price list: costs are tokens at these prices, where both are known");
  c.add_option("--price-shift", o.price_shift,
               "MODEL=FACTOR: what if it cost so many times as much; learned from at the old price")
      ->delimiter(',');
  c.add_option("--leave-model-out", o.onboard.models,
               "each of these models (all: every one) is new to the routers: how much of its worth "
               "is there after --probes outcomes")
      ->delimiter(',');
  c.add_option("--probes", o.onboard.probes, "numbers of outcomes of a new model")
      ->delimiter(',')
      ->capture_default_str();
  c.add_option("--probe-draws", o.onboard.draws, "choices of the probes that are averaged")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  c.add_flag("--random-probes", o.onboard.at_random,
             "which ones is drawn, instead of spread over domains and difficulties as onboarding "
             "spreads them");
}

}  // namespace

CLI::App* add_eval_tables(CLI::App& app, int& exit_code, Builtin registry) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand(
      "eval", "Cost-quality curves of routers on recorded outcomes, with intervals");
  auto& e = o->eval;
  c->add_option("--data", e.pool.data,
                "outcome tables: files or directories (docs/reference/outcome-tables.md)");
  c->add_option("--router", e.routers,
                "what to evaluate: knn, knn:neighbours=60+threshold, length, FILE.yaml:RULESET, "
                "...; default knn");
  c->add_option("--models", e.pool.models, "only these")->delimiter(',');
  c->add_option("--answers", e.pool.answers,
                "each model asked so many times, the best answer taken, as further models MODEL*N")
      ->delimiter(',')
      ->check(CLI::Range(2U, record::kMostAnswers));
  c->add_option("--datasets", e.pool.datasets, "only these")->delimiter(',');
  c->add_option("--domains", e.pool.domains, "only these")->delimiter(',');
  add_split_options(*c, *o);
  add_what_if_options(*c, *o);
  c->add_option("--seed", e.pool.seed, "of the split and the bootstrap")->capture_default_str();
  c->add_option("--points", e.points, "settings along a curve")
      ->capture_default_str()
      ->check(CLI::Range(3, 1000));
  c->add_option("--bootstrap", e.bootstrap, "resamples; 0: no intervals")
      ->capture_default_str()
      ->check(CLI::Range(0, 100000));
  c->add_option("--html", o->html, "the report as one HTML file that needs nothing else");
  c->add_option("--out", o->out, "directory for points.csv, report.json and plot.svg");
  c->add_flag("--json", o->json, "the report as one JSON object");
  c->footer(
      "\nSingle models, the random mixture and the oracle are always there. What the numbers mean: "
      "docs/reference/eval.md.\n"
      "\nExample: switchyard eval --data examples/demo/outcomes.jsonl --router knn --router length "
      "--out out/eval");
  c->require_subcommand(0, 1);
  c->callback([o, c, registry, &exit_code] {
    if (!c->get_subcommands().empty()) return;
    exit_code = o->eval.pool.data.empty() ? complain(kUsage, "--data is required")
                                          : evaluate(*o, registry());
  });
  return c;
}

}  // namespace swy::app
