// swy_embed_bench FOLDER [STATIC_FOLDER]: how long encoders take on one core, and which share of
// the core's arithmetic peak that is.
//
// Every figure is the smallest and the median of its rounds in processor time of the thread (other
// programs on the machine do not count), after two rounds of warming up. Each round measures the
// peaks first, so that a share compares like with like. Inputs: token ids from a fixed seed.
// Operations: 2 per multiply-add of every dense layer and of attention's two products.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"
#include "bench/embed/peak.h"
#include "embed/encoder.h"
#include "embed/static_embedding.h"

namespace {

using namespace swy;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Times {
  double least = 1e9;
  double median = 0;
};

template <typename F>
Times measure(int rounds, F f) {
  std::vector<double> all;
  for (int i = 0; i < rounds + 2; ++i) {
    const double start = cpu_seconds();
    f();
    if (i >= 2) all.push_back(cpu_seconds() - start);
  }
  std::sort(all.begin(), all.end());
  return {all.front(), all[all.size() / 2]};
}

struct Peaks {
  double fma = 0;
  double vnni = 0;
};

Peaks measure_peaks() {
  Peaks p;
  for (int i = 0; i < 5; ++i) {
    double start = cpu_seconds();
    const double f = bench::fma_peak_run(2'000'000);
    p.fma = std::max(p.fma, f / (cpu_seconds() - start));
    start = cpu_seconds();
    const double v = bench::vnni_peak_run(2'000'000);
    p.vnni = std::max(p.vnni, v / (cpu_seconds() - start));
  }
  return p;
}

// The dimensions behind the operation count; the feed-forward width is 4 x hidden in this family.
double operations(const embed::EncoderInfo& e, std::size_t tokens) {
  const auto h = static_cast<double>(e.hidden);
  const auto n = static_cast<double>(tokens);
  const auto layers = static_cast<double>(e.layers);
  return 2 * layers * n * (4 * h * h + 8 * h * h + 2 * n * h);
}

std::vector<std::uint32_t> some_ids(std::size_t n, std::size_t vocabulary) {
  base::Rng rng(1, n, 0);
  std::vector<std::uint32_t> ids(n);
  for (auto& id : ids) id = static_cast<std::uint32_t>(999 + rng.below(vocabulary - 999));
  return ids;
}

void run_encoder(const std::string& folder, embed::Precision precision) {
  embed::EncoderOptions options;
  options.precision = precision;
  options.max_tokens = 512;
  const auto loaded = embed::Encoder::load(folder, options);
  if (!loaded) return fmt::print("{}\n", loaded.error().message);
  const embed::Encoder& e = **loaded;
  const bool int8 = precision == embed::Precision::kInt8;
  embed::Workspace ws;
  embed::Matrix out;
  for (const std::size_t n : {8U, 16U, 32U, 64U, 128U, 256U, 512U}) {
    const auto ids = some_ids(n, e.info().vocabulary);
    const embed::Sequence s{ids, {}};
    const Peaks peaks = measure_peaks();
    const Times t = measure(n > 100 ? 30 : 100, [&] { (void)e.embed_ids({&s, 1}, ws, out); });
    const double rate = operations(e.info(), n) / t.least;
    fmt::print(
        "{:4} {:4} tokens: least {:8.3f} ms, median {:8.3f} ms, {:6.1f} Gop/s, {:4.1f} % of the "
        "{} peak {:.0f} Gop/s\n",
        int8 ? "int8" : "f32", n, t.least * 1e3, t.median * 1e3, rate / 1e9,
        100 * rate / (int8 ? peaks.vnni : peaks.fma), int8 ? "VNNI" : "FMA",
        (int8 ? peaks.vnni : peaks.fma) / 1e9);
  }
  const auto ids = some_ids(12, e.info().vocabulary);
  const std::vector<embed::Sequence> batch(16, embed::Sequence{ids, {}});
  const Times one = measure(100, [&] {
    for (const auto& s : batch) (void)e.embed_ids({&s, 1}, ws, out);
  });
  const Times all = measure(100, [&] { (void)e.embed_ids(batch, ws, out); });
  fmt::print("{:4} 16 texts of 12 tokens: one by one {:.3f} ms, as a batch {:.3f} ms: {:.2f} x\n",
             int8 ? "int8" : "f32", one.least * 1e3, all.least * 1e3, one.least / all.least);
}

void run_static(const std::string& folder) {
  const auto e = embed::StaticEmbedding::load(folder);
  if (!e) return fmt::print("{}\n", e.error().message);
  const auto ids = some_ids(100, e->vocabulary());
  std::vector<float> out(e->dims());
  std::string text;
  for (int i = 0; i < 20; ++i) text += "how do I reset my password ";
  embed::StaticScratch scratch;
  const Times t = measure(1000, [&] { e->embed_ids(ids, out); });
  const Times s = measure(1000, [&] { e->embed(text, scratch, out); });
  fmt::print("static, 100 random token ids: least {:.2f} us, median {:.2f} us\n", t.least * 1e6,
             t.median * 1e6);
  fmt::print("static, a text of 120 tokens with tokenising: least {:.2f} us, median {:.2f} us\n",
             s.least * 1e6, s.median * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print("usage: swy_embed_bench FOLDER [STATIC_FOLDER]\n");
    return 2;
  }
  run_encoder(argv[1], embed::Precision::kInt8);
  run_encoder(argv[1], embed::Precision::kF32);
  if (argc > 2) run_static(argv[2]);
  return 0;
}
