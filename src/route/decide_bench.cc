// decide() alone, facts of the kind a real rule set asks. Target: 10 decisions x 3 facts at most 2
// us, 1,000 decisions at most 50 us, no allocation (decide_test.cc counts that). And one rule of n
// models by a policy: what a choice on the kernels of moe costs beside a comparison in place.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "route/plan.h"

namespace swy::route {
namespace {

// n rules of three facts each; none matches but the last, so every condition is evaluated.
std::string rules_yaml(std::int64_t n) {
  std::string yaml =
      "models:\n  - { name: small, price: { input: 0.1, output: 0.4 }, context: 32768, quality: { "
      "default: 0.62 } }\n"
      "  - { name: large, price: { input: 2, output: 8 }, context: 1000000, quality: { default: "
      "0.81 } }\nsignals:\n";
  for (std::int64_t i = 0; i < 3 * n; ++i)
    yaml += fmt::format("  f{}: {{ type: metadata, key: k{}, equals: \"1\" }}\n", i, i % 8);
  yaml += "routes:\n  auto:\n";
  for (std::int64_t i = 0; i < n; ++i) {
    yaml += fmt::format(
        "    - {{ when: \"(!f{} || f{}) && f{}\", models: [small, large], policy: utility }}\n",
        3 * i, 3 * i + 1, 3 * i + 2);
  }
  yaml += "    - { models: [small, large], policy: utility }\n";
  return yaml;
}

// nullptr, and the benchmark told why.
std::shared_ptr<const Plan> plan_of(const std::string& yaml, benchmark::State& state) {
  base::Diagnostics diag;
  const auto doc = base::parse_yaml(yaml, diag);
  auto plan = doc ? compile(*doc, ".", builtin_registry(), diag) : nullptr;
  if (plan == nullptr) state.SkipWithError(diag.to_text().c_str());
  return plan;
}

void decide_rules(benchmark::State& state) {
  const auto plan = plan_of(rules_yaml(state.range(0)), state);
  if (plan == nullptr) return;
  chat::Request request;
  request.messages.push_back({chat::Role::kUser, 0, 1, 0});
  request.parts.push_back({chat::PartKind::kText, "Write a function that sorts a list of names."});
  for (int i = 0; i < 8; ++i)
    request.metadata.emplace_back(
        "k" + std::string(1, static_cast<char>('0' + i)) == "k0" ? "k0" : "kx", "0");
  Work work;
  work.request = &request;
  Scratch scratch;
  const RuleSet& rules = *plan->find("auto");
  std::uint64_t id = 0;
  for (auto _ : state) {
    work.id = ++id;
    scratch.begin(work, plan->signals.size());
    auto d = decide_now(*plan, rules, {}, base::Rng(1, id, 0), scratch);
    benchmark::DoNotOptimize(d);
  }
}
BENCHMARK(decide_rules)->Arg(10)->Arg(100)->Arg(1000);

// The rules alone: facts are known beforehand (what a peer's decision engine is measured on).
void decide_known_facts(benchmark::State& state) {
  const auto plan = plan_of(rules_yaml(state.range(0)), state);
  if (plan == nullptr) return;
  chat::Request request;
  Work work;
  work.request = &request;
  Scratch scratch;
  const RuleSet& rules = *plan->find("auto");
  Fact no;
  no.truth = Truth::kFalse;
  for (auto _ : state) {
    scratch.begin(work, plan->signals.size());
    for (std::size_t i = 0; i < plan->signals.size(); ++i)
      scratch.preset_fact(static_cast<FactId>(i), no);
    auto d = decide(*plan, rules, {}, base::Rng(1, 1, 0), scratch);
    benchmark::DoNotOptimize(d);
  }
}
BENCHMARK(decide_known_facts)->Arg(10)->Arg(1000);

void decide_by(benchmark::State& state, const char* policy) {
  std::string yaml = "models:\n";
  std::string names;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    yaml += fmt::format(
        "  - {{ name: m{}, price: {{ input: {}, output: 1 }}, context: 32768, quality: {{ default: "
        "0.{} }} }}\n",
        i, 1 + i, 50 + i);
    names += fmt::format("{}m{}", i == 0 ? "" : ", ", i);
  }
  yaml += fmt::format("routes:\n  auto:\n    - {{ models: [{}], policy: {} }}\n", names, policy);
  const auto plan = plan_of(yaml, state);
  if (plan == nullptr) return;
  chat::Request request;
  Work work;
  work.request = &request;
  Scratch scratch;
  const RuleSet& rules = *plan->find("auto");
  for (auto _ : state) {
    scratch.begin(work, 0);
    auto d = decide(*plan, rules, {}, base::Rng(1, 1, 0), scratch);
    benchmark::DoNotOptimize(d);
  }
}
BENCHMARK_CAPTURE(decide_by, utility, "utility")->Arg(4)->Arg(40);
BENCHMARK_CAPTURE(decide_by, budget_route, "{ type: budget_route, budget: 0.001, price: 40 }")
    ->Arg(4)
    ->Arg(40);

}  // namespace
}  // namespace swy::route
