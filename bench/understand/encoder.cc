// A transformer encoder: time by length, share of the core's peak, batches, memory.
//
// Operations: 2 per multiply-add of every dense layer and of attention's two products, for a
// feed-forward width of 4 x hidden. Peaks are taken between the lengths, so that a share compares
// like with like. Memory is what the process holds after load (VmRSS, freed heap given back), then
// with one more worker at a time that has read a text of 512 tokens.
#include <fmt/format.h>
#include <malloc.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "bench/understand/parts.h"
#include "bench/understand/peak.h"

namespace swy::bench {
namespace {

using Loaded = std::shared_ptr<const embed::Encoder>;

Loaded load(const std::string& folder, embed::Precision precision) {
  embed::EncoderOptions options;
  options.precision = precision;
  options.max_tokens = 512;
  auto loaded = embed::Encoder::load(folder, options);
  if (loaded) return *loaded;
  fmt::print(stderr, "{}\n", loaded.error().message);
  return nullptr;
}

double peak_of(embed::Precision precision) {
  const auto run = precision == embed::Precision::kInt8 ? vnni_peak_run : fma_peak_run;
  double operations = 0;
  const double seconds = least_seconds(5, [&] { operations = run(1'000'000); });
  return operations / seconds;
}

double operations(const embed::EncoderInfo& e, std::size_t tokens) {
  const auto h = static_cast<double>(e.hidden);
  const auto n = static_cast<double>(tokens);
  return 2 * static_cast<double>(e.layers) * n * (12 * h * h + 2 * n * h);
}

std::string vector_of(std::span<const float> row) {
  std::string out;
  for (const float v : row) out += fmt::format("{}{:.6f}", out.empty() ? "" : ",", v);
  return out;
}

long status_kb(const char* name) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name)) return std::atol(line.c_str() + std::string_view(name).size() + 1);
  }
  return 0;
}

void measure_batch(const embed::Encoder& e, std::string_view how, int repeats) {
  embed::Workspace ws;
  embed::Matrix out;
  for (const std::size_t tokens : {4U, 8U, 16U}) {
    const auto ids = ids_of(tokens);
    const std::vector<embed::Sequence> batch(16, embed::Sequence{ids, {}});
    double one = 1e9;
    double all = 1e9;
    for (int i = 0; i < 5; ++i) {
      one = std::min(one, least_seconds(repeats, [&] {
                       for (const auto& s : batch) (void)e.embed_ids({&s, 1}, ws, out);
                     }));
      all = std::min(all, least_seconds(repeats, [&] { (void)e.embed_ids(batch, ws, out); }));
    }
    fmt::print(
        "{{\"what\":\"batch\",\"how\":\"{}\",\"tokens\":{},\"singles_ms\":{:.4f},"
        "\"batch_ms\":{:.4f}}}\n",
        how, tokens, one * 1e3, all * 1e3);
  }
}

}  // namespace

int measure_encoder(const std::string& folder, embed::Precision precision, int repeats) {
  const Loaded e = load(folder, precision);
  if (e == nullptr) return 1;
  const std::string_view how = precision == embed::Precision::kInt8 ? "int8" : "f32";
  embed::Workspace ws;
  embed::Matrix out;
  for (const std::size_t n : {32U, 128U, 512U}) {
    const auto ids = ids_of(n);
    const embed::Sequence s{ids, {}};
    const double peak = peak_of(precision);
    const double t = least_seconds(repeats, [&] { (void)e->embed_ids({&s, 1}, ws, out); });
    fmt::print(
        "{{\"what\":\"encode\",\"how\":\"{}\",\"kernels\":\"{}\",\"tokens\":{},\"ms\":{:.4f},"
        "\"gops\":{:.1f},\"peak_gops\":{:.1f},\"vector\":[{}]}}\n",
        how, e->info().kernels, n, t * 1e3, operations(e->info(), n) / t / 1e9, peak / 1e9,
        vector_of(out.row(0)));
  }
  measure_batch(*e, how, repeats);
  return 0;
}

int measure_memory(const std::string& folder, embed::Precision precision) {
  const long before = status_kb("VmRSS");
  const Loaded e = load(folder, precision);
  if (e == nullptr) return 1;
  malloc_trim(0);
  const long loaded = status_kb("VmRSS");
  const auto ids = ids_of(512);
  const embed::Sequence s{ids, {}};
  std::vector<embed::Workspace> workers(4);
  std::string after;
  for (embed::Workspace& ws : workers) {
    embed::Matrix out;
    std::thread([&] { (void)e->embed_ids({&s, 1}, ws, out); }).join();
    after += fmt::format("{}{}", after.empty() ? "" : ",", status_kb("VmRSS") - before);
  }
  fmt::print(
      "{{\"what\":\"memory\",\"how\":\"{}\",\"file_kb\":{},\"loaded_kb\":{},"
      "\"with_workers_kb\":[{}],\"highest_kb\":{}}}\n",
      precision == embed::Precision::kInt8 ? "int8" : "f32",
      std::filesystem::file_size(folder + "/model.safetensors") / 1024, loaded - before, after,
      status_kb("VmHWM") - before);
  return 0;
}

}  // namespace swy::bench
