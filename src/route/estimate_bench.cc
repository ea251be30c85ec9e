// estimate() alone, once the prompt is read and embedded: kNN over 100,000 rows (target at most 200
// us), every fitted estimator for 50 models (at most 30 us; graph_router 300 us, its parameters as
// training starts with them). That nothing is allocated is a test (estimate_test.cc).
// SWY_ESTIMATE_TABLE names an outcome table for kNN; without it the prompts are planted: 10 to 60
// words of 20,000, the more frequent the lower their number (Zipf).
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/rng.h"
#include "record/outcome.h"
#include "route/plan.h"
#include "route/trained.h"

namespace swy::route {
namespace {

constexpr std::size_t kPrompts = 64;

std::string planted_prompt(base::Rng& rng) {
  constexpr double kWords = 20'000;
  std::string text;
  for (std::size_t n = 10 + rng.below(50); n > 0; --n)
    text += fmt::format("w{} ", static_cast<int>(std::pow(kWords, rng.uniform())));
  return text;
}

// A file of its own for the life of the program.
std::string planted_table(std::size_t rows, std::size_t models) {
  const auto folder = std::filesystem::temp_directory_path() / "swy_estimate_bench";
  std::filesystem::create_directories(folder);
  const auto path = folder / fmt::format("{}x{}.jsonl", rows, models);
  std::ofstream out(path);
  base::Rng rng(1, rows, models);
  for (std::size_t i = 0; i < rows; ++i) {
    out << fmt::format(R"({{"id":"r{}","dataset":"d","domain":"d","prompt":"{}","models":{{)", i,
                       planted_prompt(rng));
    for (std::size_t m = 0; m < models; ++m)
      out << fmt::format(R"({}"m{}":{{"correct":{},"tokens_out":20}})", m == 0 ? "" : ",", m,
                         rng.below(2));
    out << "}}\n";
  }
  return path;
}

math::GraphRouter untrained(const TrainingRows& rows, const GraphTraining& options) {
  math::GraphRouter g =
      math::place_graph(rows.x, rows.domains, {rows.quality, rows.cost}, options.hidden);
  math::start_graph(g, options.seed);
  for (std::size_t m = 0; m < rows.quality.size(); ++m)
    g.join(rows.x, rows.quality[m], rows.cost[m]);
  return g;
}

// What is built in, but graph_router takes a table.
Registry registry() {
  const Registry builtin = builtin_registry();
  Registry r;
  r.add_estimator("graph_router", [](const base::Doc& node, BuildContext& ctx) {
    return make_graph_router_by(untrained, node, ctx);
  });
  for (const auto& [name, make] : builtin.estimators()) r.add_estimator(name, make);
  for (const auto& [name, make] : builtin.encoders()) r.add_encoder(name, make);
  for (const auto& [name, make] : builtin.policies()) r.add_policy(name, make);
  return r;
}

struct Lab {
  std::shared_ptr<const Plan> plan;
  std::vector<std::string> prompts;  // not of the table where that is planted
  std::string error;

  Lab(const std::string& type, const std::string& path) {
    const auto table = record::load_outcomes(path);
    if (!table) {
      error = table.error().message;
      return;
    }
    std::string models, names;
    for (const std::string& m : table->models()) {
      models += fmt::format("  - {{ name: \"{}\", price: {{ input: 1, output: 2 }} }}\n", m);
      names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", m);
    }
    base::Diagnostics diag;
    const auto doc = base::parse_yaml(
        fmt::format("models:\n{}routes: {{ auto: [{{ models: [{}], estimator: {{ type: {}, table: "
                    "\"{}\" }} }}] }}\n",
                    models, names, type, path),
        diag);
    plan = doc ? compile(*doc, ".", registry(), diag) : nullptr;
    if (plan == nullptr) error = diag.to_text();
    base::Rng rng(2, 0, 0);
    for (std::size_t i = 0; i < kPrompts; ++i)
      prompts.push_back(std::getenv("SWY_ESTIMATE_TABLE") == nullptr
                            ? planted_prompt(rng)
                            : std::string(table->row(rng.below(table->rows())).prompt));
  }
};

// One decision's memory for every prompt, all read.
struct Asked {
  chat::Request request;
  Work work;
  Scratch scratch;
};

void estimate(benchmark::State& state, const std::string& type, const std::string& path) {
  const Lab lab(type, path);
  if (lab.plan == nullptr) return state.SkipWithError(lab.error.c_str());
  const Rule& rule = lab.plan->rule_sets[0].rules[0];
  std::vector<Asked> asked(lab.prompts.size());
  std::vector<Belief> beliefs(rule.candidates.size());
  const auto question = [&](Asked& a) {
    return Question{lab.plan->catalogue, a.scratch.reading, rule.candidates, {}, a.scratch};
  };
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Asked& a = asked[i];
    a.request.messages.push_back({chat::Role::kUser, 0, 1, 0});
    a.request.parts.push_back({chat::PartKind::kText, lab.prompts[i]});
    a.work.request = &a.request;
    a.scratch.begin(a.work, 0);
    a.scratch.masked_by.assign(rule.candidates.size(), -1);
    (void)a.scratch.reading.sketch();
    (void)a.scratch.reading.tokens_in();
    believe_now(*lab.plan, *rule.estimator, question(a), beliefs);
  }
  std::size_t next = 0;
  for (auto _ : state) {
    rule.estimator->estimate(question(asked[next]), beliefs);
    benchmark::DoNotOptimize(beliefs.data());
    next = (next + 1) % asked.size();
  }
}

void estimate_rows(benchmark::State& state, const char* type) {
  const char* given = std::getenv("SWY_ESTIMATE_TABLE");
  static const std::string path = given != nullptr ? given : planted_table(100'000, 20);
  estimate(state, type, path);
}
BENCHMARK_CAPTURE(estimate_rows, knn, "knn")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(estimate_rows, auto, "auto") -> Unit(benchmark::kMicrosecond);

void estimate_50_models(benchmark::State& state, const char* type) {
  static const std::string path = planted_table(2'000, 50);
  estimate(state, type, path);
}
BENCHMARK_CAPTURE(estimate_50_models, linear, "linear")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(estimate_50_models, clusters, "clusters")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(estimate_50_models, matrix_factorisation, "matrix_factorisation")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(estimate_50_models, irt, "irt")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(estimate_50_models, mlp, "mlp")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(estimate_50_models, graph_router, "graph_router")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace swy::route
