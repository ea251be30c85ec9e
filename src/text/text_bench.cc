// Times of the text functions on a prompt of about 1 KB. Inputs are fixed.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "text/fuzzy.h"
#include "text/language.h"
#include "text/ngram.h"
#include "text/phrases.h"
#include "text/regex.h"
#include "text/structure.h"
#include "text/tokens.h"

namespace swy::text {
namespace {

const std::string& prompt() {
  static const std::string kPrompt = [] {
    std::string s =
        "I run a small shop and keep my orders in a spreadsheet. Every evening I export the day's "
        "orders as CSV and send the file "
        "to my accountant, who needs the totals per customer and the tax for each country. Could "
        "you write a short program that "
        "reads the file, groups the rows by customer, and prints a table with the sums? Some rows "
        "have an empty country; those "
        "should be counted as domestic. Please explain each step, since I have only written a few "
        "scripts before.\n\n"
        "```python\nimport csv\n\ndef read_rows(path):\n    with open(path) as f:\n        return "
        "list(csv.DictReader(f))\n```\n\n"
        "The columns are: customer, country, net, rate. For example 3 orders of 19.99 at 7% should "
        "give 64.17. Also tell me how to "
        "handle refunds (negative amounts), and whether I should use decimals instead of floating "
        "point numbers for money. "
        "My colleague said rounding each row gives a different total from rounding the sum; which "
        "of the two is right?\n";
    return s;
  }();
  return kPrompt;
}

std::vector<std::string> hundred_phrases() {
  std::vector<std::string> out;
  for (int i = 0; i < 25; ++i) {
    const std::string n(1, static_cast<char>('a' + i));
    for (const char* base : {"reset password ", "refund request ", "stack trace ", "prove that "})
      out.push_back(base + n + "x");
  }
  return out;
}

void bytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(prompt().size()));
}

void estimate_tokens_1k(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(estimate_tokens(prompt()));
  bytes(state);
}
BENCHMARK(estimate_tokens_1k);

void phrases_100x1k(benchmark::State& state) {
  const PhraseSet set = std::move(*PhraseSet::build(hundred_phrases()));
  for (auto _ : state) benchmark::DoNotOptimize(set.count_distinct(prompt()));
  bytes(state);
}
BENCHMARK(phrases_100x1k);

void regex_set_10x1k(benchmark::State& state) {
  const std::vector<std::string> patterns = {
      "\\b\\d{3}-\\d{4}\\b", "(?i)traceback", "error:",          "^#include",
      "SELECT .* FROM",      "\\$\\d+",       "prove|show that", "[A-Z]{12}",
      "https?://\\S+xyz",    "colou?red"};
  const RegexSet set = std::move(*RegexSet::compile(patterns));
  for (auto _ : state) benchmark::DoNotOptimize(set.matches_any(prompt()));
  bytes(state);
}
BENCHMARK(regex_set_10x1k);

void sketch_1k(benchmark::State& state) {
  Sketch s;
  for (auto _ : state) {
    sketch_into(prompt(), s);
    benchmark::DoNotOptimize(s);
  }
  bytes(state);
}
BENCHMARK(sketch_1k);

void sketch_cosine(benchmark::State& state) {
  const Sketch a = make_sketch(prompt());
  const Sketch b = make_sketch(prompt().substr(300));
  for (auto _ : state) benchmark::DoNotOptimize(cosine(a, b));
}
BENCHMARK(sketch_cosine);

void fuzzy_20x1k(benchmark::State& state) {
  std::vector<std::string> phrases = hundred_phrases();
  phrases.resize(20);
  const FuzzyMatcher m = std::move(*FuzzyMatcher::build(phrases));
  std::vector<FuzzyScore> out;
  for (auto _ : state) {
    m.match(prompt(), 0.7F, out);
    benchmark::DoNotOptimize(out);
  }
  bytes(state);
}
BENCHMARK(fuzzy_20x1k);

void detect_language_1k(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(detect_language(prompt()));
  bytes(state);
}
BENCHMARK(detect_language_1k);

void structure_1k(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(analyse(prompt()));
  bytes(state);
}
BENCHMARK(structure_1k);

}  // namespace
}  // namespace swy::text
