// Times of tokenizers on English prompts: bytes per second of encode, one thread, Encoding reused.
// The WordPiece file is that of all-MiniLM-L6-v2; SWY_TOKENIZERS names a folder with minilm/,
// llama3/ and so on as tests/parity/setup.sh makes it (default: parity in the build folder).
// tests/parity/run.py --speed times the reference library beside ours.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace swy::text {
namespace {

// About 1 KB each, as prompts come: prose, code, lists; every fourth with typographic quotes.
std::vector<std::string> prompts() {
  const std::string prose =
      "I run a small shop and keep my orders in a spreadsheet. Every evening I export the day's "
      "orders as CSV and send the file to my accountant, who needs the totals per customer and the "
      "tax for each country. Could you write a short program that reads the file, groups the rows "
      "by customer, and prints a table with the sums? Some rows have an empty country; those "
      "should be counted as domestic. Explain your reasoning step by step, and mention edge cases "
      "such as returns, partial refunds or misspelled names.";
  const std::string code =
      "\n```python\nimport csv\n\ndef read_rows(path):\n    with open(path) as f:\n        return "
      "list(csv.DictReader(f))\n```\nThe columns are: customer, country, net, rate. For example 3 "
      "orders of 19.99 at 7% should give 64.17.";
  return {prose + code, code + prose, prose + prose,
          prose + " \u201CIs that right?\u201D she asked \u2014 and I didn\u2019t know." + code};
}

void encode(benchmark::State& state, const std::string& name, bool offsets) {
  const char* folder = std::getenv("SWY_TOKENIZERS");
  const std::string root = folder != nullptr ? folder : SWY_SOURCE_DIR "/build/dev/parity";
  const auto tokenizer = Tokenizer::load(root + "/" + name);
  if (!tokenizer) {
    state.SkipWithError(tokenizer.error().message.c_str());
    return;
  }
  const std::vector<std::string> texts = prompts();
  Encoding out;
  std::size_t bytes = 0;
  for (auto _ : state) {
    for (const std::string& text : texts) {
      (*tokenizer)->encode(text, {.offsets = offsets}, out);
      benchmark::DoNotOptimize(out.ids.data());
      bytes += text.size();
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

void load(benchmark::State& state, const std::string& name) {
  const char* folder = std::getenv("SWY_TOKENIZERS");
  const std::string root = folder != nullptr ? folder : SWY_SOURCE_DIR "/build/dev/parity";
  for (auto _ : state) {
    const auto tokenizer = Tokenizer::load(root + "/" + name);
    if (!tokenizer) state.SkipWithError(tokenizer.error().message.c_str());
  }
}

BENCHMARK_CAPTURE(encode, word_piece_minilm, "minilm", false);
BENCHMARK_CAPTURE(encode, word_piece_minilm_offsets, "minilm", true);
BENCHMARK_CAPTURE(encode, bpe_llama3, "llama3", false);
BENCHMARK_CAPTURE(encode, bpe_qwen3, "qwen3", false);
BENCHMARK_CAPTURE(encode, bpe_llama2, "llama2", false);
BENCHMARK_CAPTURE(encode, bpe_gpt4o, "gpt4o", false);
BENCHMARK_CAPTURE(encode, unigram_charsmap, "trained/unigram_spm_False", false);
BENCHMARK_CAPTURE(encode, unigram_xlm, "trained/unigram_xlm", false);
BENCHMARK_CAPTURE(load, minilm, "minilm")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(load, llama3, "llama3")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace swy::text
