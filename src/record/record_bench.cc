// Record module: price of a record, of finding one, and of loading an outcome table. Fixed inputs,
// no seeds needed.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>

#include "record/log.h"
#include "record/log_reader.h"
#include "record/outcome.h"
#include "record/record_id.h"
#include "record/testing/shared_data.h"
#include "record/testing/temp_dir.h"

namespace swy::record {
namespace {

constexpr std::size_t kRecordBytes = 1500;

std::string record_line(std::string_view id) {
  std::string line = fmt::format(R"({{"v":1,"id":"{}","text":")", id);
  line.append(kRecordBytes - line.size() - 2, 'x');
  return line + "\"}";
}

void append(benchmark::State& state) {
  const TempDir temp;
  auto writer = LogWriter::open({temp.path(), "req"}, system_clock());
  const std::string line = record_line("rec_00000000000000000000000000");
  for (auto _ : state) benchmark::DoNotOptimize((*writer)->append(line));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(line.size()));
}
BENCHMARK(append)->Iterations(200'000)->Repetitions(5)->ReportAggregatesOnly();

void make_id(benchmark::State& state) {
  RecordIds ids(system_clock(), 0, random_salt());
  for (auto _ : state) benchmark::DoNotOptimize(ids.next());
}
BENCHMARK(make_id);

// 200,000 records of 1.5 KB (300 MB in 5 files); the oldest is wanted, so every file is read.
void find_oldest(benchmark::State& state) {
  const TempDir temp;
  auto writer = LogWriter::open({temp.path(), "req"}, system_clock());
  RecordIds ids(system_clock(), 0, random_salt());
  const std::string oldest(ids.next().view());
  std::int64_t bytes = 0;
  for (std::string id = oldest; bytes < 300'000'000; id = ids.next().view()) {
    const std::string line = record_line(id);
    if (!(*writer)->append(line)) state.SkipWithError("no space for the benchmark's records");
    bytes += static_cast<std::int64_t>(line.size());
  }
  for (auto _ : state) {
    if (!find(temp.path(), "req", oldest)) state.SkipWithError("the record was not found");
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}
BENCHMARK(find_oldest)->Unit(benchmark::kMillisecond);

void load_table(benchmark::State& state) {
  constexpr int kRows = 50'000;
  constexpr int kModels = 10;
  const TempDir temp;
  std::string text;
  for (int r = 0; r < kRows; ++r) {
    text += fmt::format(
        R"({{"id":"row-{}","dataset":"d","domain":"d{}","prompt":"{}","part":"train","models":{{)",
        r, r % 20, std::string(400, 'p'));
    for (int m = 0; m < kModels; ++m) {
      text += fmt::format(
          R"({}"org/model-number-{}":{{"correct":{},"tokens_in":{},"tokens_out":{},"cost":{}}})",
          m == 0 ? "" : ",", m, (r + m) % 2, 100 + r % 77, 50 + m, 1e-5 * m);
    }
    text += "}}\n";
  }
  write_text(temp / "t.jsonl", text);
  std::size_t memory = 0;
  for (auto _ : state) {
    const auto t = load_outcomes(temp / "t.jsonl");
    if (!t || t->rows() != kRows) state.SkipWithError("the table was not loaded");
    memory = t ? t->memory_bytes() : 0;
  }
  state.SetItemsProcessed(state.iterations() * kRows);
  state.counters["table_MB"] = static_cast<double>(memory) / 1e6;
}
BENCHMARK(load_table)->Unit(benchmark::kMillisecond);

void load_real_table(benchmark::State& state) {
  const auto data = shared_data();
  if (!data) {
    state.SkipWithError("no real data: set SWY_DATA or put it in ../shared/data");
    return;
  }
  std::size_t rows = 0;
  std::size_t memory = 0;
  for (auto _ : state) {
    const auto t = load_outcomes(*data + "/mmlu_pro");
    rows = t ? t->rows() : 0;
    memory = t ? t->memory_bytes() : 0;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rows));
  state.counters["table_MB"] = static_cast<double>(memory) / 1e6;
}
BENCHMARK(load_real_table)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace swy::record
