// One signal on a prompt of 1 KB, from a fresh reading: the numbers behind cost_us() and
// docs/reference/signals.md.
#include <benchmark/benchmark.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

std::string prompt() {
  constexpr std::string_view kPiece =
      "We run a small library with three branches and want to know which books are borrowed most "
      "often in winter. "
      "Could you suggest how to count loans per month, and how to show them in a table that "
      "readers understand? ";
  std::string s;
  while (s.size() < 1024) s += kPiece;
  s.resize(1024);
  return s;
}

void ask(benchmark::State& state, std::string_view yaml) {
  PluginLab lab;
  const auto signal = lab.make_signal(yaml);
  if (signal == nullptr) return state.SkipWithError(lab.errors().c_str());
  Asked asked(prompt());
  asked.role("user").session("s").metadata("team", "red").tool("search").tool("weather");
  Scratch scratch;
  Reading* reading = &scratch.reading;
  Fact fact;
  for (auto _ : state) {
    asked.begin(scratch);
    do signal->compute({&reading, 1}, {&fact, 1});
    while (lab.encode_wanted(*reading));
    benchmark::DoNotOptimize(fact);
  }
}

BENCHMARK_CAPTURE(ask, keyword,
                  "{ type: keyword, any: [python, javascript, compiler, 'stack trace', '```', "
                  "'#include', 'def '] }");
BENCHMARK_CAPTURE(ask, keyword_regex,
                  "{ type: keyword, regex: ['\\bOPS-[0-9]{4}\\b', '[a-z0-9.]+@[a-z0-9.]+'] }");
BENCHMARK_CAPTURE(
    ask, fuzzy,
    "{ type: fuzzy, any: [password reset, cancel my subscription, refund, delete my account] }");
BENCHMARK_CAPTURE(ask, context, "{ type: context, above: 24000 }");
BENCHMARK_CAPTURE(ask, language, "{ type: language, any: [en, de] }");
BENCHMARK_CAPTURE(ask, structure, "{ type: structure, feature: code }");
BENCHMARK_CAPTURE(ask, conversation, "{ type: conversation, feature: turns, above: 3 }");
BENCHMARK_CAPTURE(ask, tools, "{ type: tools, declared: [search, browse] }");
BENCHMARK_CAPTURE(ask, metadata, "{ type: metadata, key: team, equals: [red, blue] }");
BENCHMARK_CAPTURE(ask, role, "{ type: role, any: [admin, user] }");
BENCHMARK_CAPTURE(ask, session, "{ type: session }");
BENCHMARK_CAPTURE(ask, pii, "{ type: pii }");
BENCHMARK_CAPTURE(ask, pii_patterns, "{ type: pii, types: [EMAIL_ADDRESS, IBAN_CODE, API_KEY] }");
BENCHMARK_CAPTURE(ask, jailbreak, "{ type: jailbreak }");
BENCHMARK_CAPTURE(ask, safety, "{ type: safety }");
BENCHMARK_CAPTURE(ask, feedback, "{ type: feedback }");
BENCHMARK_CAPTURE(ask, needs_facts, "{ type: needs_facts }");
BENCHMARK_CAPTURE(ask, modality, "{ type: modality }");
BENCHMARK_CAPTURE(ask, language_quality, "{ type: language_quality }");
BENCHMARK_CAPTURE(ask, prefix, "{ type: prefix }");
BENCHMARK_CAPTURE(ask, complexity, "{ type: complexity }");
BENCHMARK_CAPTURE(ask, complexity_counted, "{ type: complexity, by: counted }");
BENCHMARK_CAPTURE(ask, domain, "{ type: domain }");
BENCHMARK_CAPTURE(ask, task, "{ type: task }");

// All that read the text without a transformer, on one reading: what the target of 100 us is about.
void ask_all(benchmark::State& state) {
  PluginLab lab;
  std::vector<std::unique_ptr<Signal>> signals;
  for (const char* yaml :
       {"{ type: keyword, any: [python, javascript, compiler, 'stack trace'] }",
        "{ type: fuzzy, any: [password reset, cancel my subscription] }",
        "{ type: context, above: 9 }", "{ type: structure, feature: code }", "{ type: pii }",
        "{ type: jailbreak }", "{ type: safety }", "{ type: feedback }", "{ type: needs_facts }",
        "{ type: modality }", "{ type: language_quality }", "{ type: prefix }",
        "{ type: complexity }", "{ type: domain }", "{ type: task }"}) {
    signals.push_back(lab.make_signal(yaml));
  }
  Asked asked(prompt());
  Scratch scratch;
  Reading* reading = &scratch.reading;
  Fact fact;
  for (auto _ : state) {
    asked.begin(scratch);
    for (const auto& s : signals) {
      do s->compute({&reading, 1}, {&fact, 1});
      while (lab.encode_wanted(*reading));
    }
    benchmark::DoNotOptimize(fact);
  }
}
BENCHMARK(ask_all);

}  // namespace
}  // namespace swy::route::testing
