// Costs on the request path: decoding and splicing a 1 KB body, scanning one chunk of a stream.
#include <benchmark/benchmark.h>

#include <string>

#include "chat/answer.h"
#include "chat/build.h"
#include "chat/openai.h"

namespace swy::chat {
namespace {

std::string body_of(std::size_t bytes) {
  std::string prompt;
  while (prompt.size() + 90 < bytes) prompt += "Summarise the next paragraph in \"three\" lines.\n";
  std::string body;
  append_request(body, "auto", prompt, true, 256);
  return body;
}

void decode_body(benchmark::State& state) {
  const std::string body = body_of(static_cast<std::size_t>(state.range(0)));
  RequestDoc doc;
  for (auto _ : state) benchmark::DoNotOptimize(doc.decode(body).has_value());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(decode_body)->Arg(1'024)->Arg(32'768)->Arg(1'048'576);

void splice_body(benchmark::State& state) {
  const std::string body = body_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(splice_model(body, "qwen3-4b"));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(splice_body)->Arg(1'024)->Arg(32'768)->Arg(1'048'576);

void scan_chunk(benchmark::State& state) {
  std::string frame;
  append_content_chunk(
      frame, {"chatcmpl-C4HqHBe4xca0k0EzsCnf1t6V3YFXp", "gpt-5-nano-2025-08-07", 1'755'137'933},
      std::string(static_cast<std::size_t>(state.range(0)), 'w'), true);
  const std::string data = frame.substr(6, frame.size() - 8);
  base::JsonDoc parser;
  StreamScan scan;
  for (auto _ : state) benchmark::DoNotOptimize(scan.feed(parser, "", data));
  state.counters["chunk_bytes"] = static_cast<double>(data.size());
}
BENCHMARK(scan_chunk)->Arg(8)->Arg(200);

void write_chunk(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_content_chunk(out, {"chatcmpl-1", "small", 1'755'137'933}, " word", false);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(write_chunk);

}  // namespace
}  // namespace swy::chat
