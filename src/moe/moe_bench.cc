// Token -> expert assignment on one core: ns per token, ours beside std::partial_sort, nth_element
// and a heap of k in the same run; the plan; the balance updates beside the plain top-k.
//
//   swy_moe_bench --benchmark_filter=assign --benchmark_repetitions=5
//   --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
//
// Inputs N(0, 1) from a fixed seed (bf16: the same rounded down). What each opponent selects is
// compared with ours before it is timed. Counter `token`: time of one token.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "base/rng.h"
#include "math/kernels.h"
#include "moe/detail/stages.h"
#include "moe/sinkhorn.h"
#include "switchyard/moe.h"

namespace swy::moe {
namespace {

struct Case {
  std::uint32_t experts;
  std::uint16_t k;
  bool grouped;
};
constexpr Case kCases[] = {{8, 2, false},  {64, 8, false},  {128, 8, false},
                           {256, 8, true}, {384, 8, false}, {896, 16, false}};

struct Batch {
  Spec spec;
  std::uint32_t tokens;
  std::uint32_t experts;
  std::vector<float> scores;
  std::vector<std::uint16_t> halves;
  std::vector<float> bias;
  std::vector<std::int32_t> expert;
  std::vector<float> weight;
  std::vector<std::uint32_t> demand, kept;
  std::vector<std::byte> workspace;
  Assignment out;
  Ctx ctx;

  Batch(const Case& c, std::uint32_t n, bool bf16) : tokens(n), experts(c.experts) {
    (void)preset(c.grouped ? "deepseek-v3" : "mixtral", spec).ok();
    spec.k = c.k;
    scores.resize(std::size_t{n} * experts);
    const Ctx key;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      float v = detail::normal_at(key, i / experts, i % experts);
      if (bf16) v = std::bit_cast<float>(std::bit_cast<std::uint32_t>(v) & 0xFFFF0000U);
      scores[i] = v;
      if (bf16)
        halves.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16U));
    }
    if (c.grouped) bias.assign(experts, 0.01F);
    resize();
  }
  void resize() {
    expert.resize(std::size_t{tokens} * spec.k);
    weight.resize(expert.size());
    demand.resize(experts);
    kept.resize(experts);
    workspace.resize(workspace_bytes(spec, {tokens, experts, spec.k}));
    out.kmax = spec.k;
    out.expert = expert;
    out.weight = weight;
    out.demand = demand;
    out.kept = kept;
  }
  Scores input() const {
    return halves.empty() ? Scores::f32(scores, tokens, experts)
                          : Scores::bf16(halves, tokens, experts);
  }
  State state() {
    State s;
    s.bias = bias;
    return s;
  }
  Status run() { return assign(spec, input(), ctx, state(), out, workspace); }
};

void per_token(benchmark::State& state, std::uint32_t tokens) {
  state.counters["token"] = benchmark::Counter(
      tokens, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void bench_assign(benchmark::State& state, Case c, std::uint32_t tokens, bool bf16,
                  const Kernels* kernels) {
  Batch b(c, tokens, bf16);
  b.ctx.kernels = kernels;
  for (auto _ : state) {
    if (!b.run().ok()) state.SkipWithError("assign failed");
    benchmark::ClobberMemory();
  }
  per_token(state, tokens);
}

// softmax over the row, `select` fills the k best indices in order, weights divided by their sum.

struct Better {
  const float* p;
  bool operator()(std::int32_t a, std::int32_t b) const {
    return p[a] > p[b] || (p[a] == p[b] && a < b);
  }
};

void with_partial_sort(const float* p, std::uint32_t n, std::uint32_t k, std::int32_t* index) {
  std::iota(index, index + n, 0);
  std::partial_sort(index, index + k, index + n, Better{p});
}
void with_nth_element(const float* p, std::uint32_t n, std::uint32_t k, std::int32_t* index) {
  std::iota(index, index + n, 0);
  std::nth_element(index, index + k - 1, index + n, Better{p});
  std::sort(index, index + k, Better{p});
}
void with_heap(const float* p, std::uint32_t n, std::uint32_t k, std::int32_t* index) {
  for (std::uint32_t j = 0; j < n; ++j) {
    const auto e = static_cast<std::int32_t>(j);
    if (j < k) {
      index[j] = e;
      std::push_heap(index, index + j + 1, Better{p});
    } else if (Better{p}(e, index[0])) {
      std::pop_heap(index, index + k, Better{p});
      index[k - 1] = e;
      std::push_heap(index, index + k, Better{p});
    }
  }
  std::sort_heap(index, index + k, Better{p});
}

using Plain = void (*)(const float*, std::uint32_t, std::uint32_t, std::int32_t*);

void plain_row(const float* z, std::uint32_t n, std::uint32_t k, Plain select, float* p,
               std::int32_t* index, std::int32_t* expert, float* weight) {
  const float max = *std::max_element(z, z + n);
  float sum = 0;
  for (std::uint32_t j = 0; j < n; ++j) sum += p[j] = std::exp(z[j] - max);
  for (std::uint32_t j = 0; j < n; ++j) p[j] /= sum;
  select(p, n, k, index);
  float kept = 0;
  for (std::uint32_t i = 0; i < k; ++i) kept += p[index[i]];
  for (std::uint32_t i = 0; i < k; ++i) {
    expert[i] = index[i];
    weight[i] = p[index[i]] / kept;
  }
}

void bench_plain(benchmark::State& state, Case c, std::uint32_t tokens, Plain select) {
  c.grouped = false;
  Batch b(c, tokens, false);
  std::vector<float> p(c.experts);
  std::vector<std::int32_t> index(c.experts);
  if (!b.run().ok()) state.SkipWithError("assign failed");
  const auto ours = b.expert;
  std::size_t different = 0;
  for (auto _ : state) {
    for (std::size_t t = 0; t < tokens; ++t) {
      plain_row(b.scores.data() + t * c.experts, c.experts, c.k, select, p.data(), index.data(),
                b.expert.data() + t * c.k, b.weight.data() + t * c.k);
    }
    benchmark::ClobberMemory();
  }
  for (std::size_t i = 0; i < ours.size(); ++i) different += ours[i] != b.expert[i] ? 1 : 0;
  if (different > 0) state.SetLabel(fmt::format("{} of {} differ", different, ours.size()));
  per_token(state, tokens);
}

void bench_plan(benchmark::State& state, Case c, std::uint32_t tokens) {
  c.grouped = false;
  Batch b(c, tokens, false);
  if (!b.run().ok()) state.SkipWithError("assign failed");
  std::vector<std::uint32_t> order(b.expert.size());
  std::vector<std::uint32_t> bins(c.experts);
  Plan p;
  p.order = order;
  p.bin_end = bins;
  for (auto _ : state) {
    if (!plan(b.out, {tokens, c.experts, c.k}, 1, p).ok()) state.SkipWithError("plan failed");
    benchmark::ClobberMemory();
  }
  const auto entries = static_cast<double>(order.size());
  state.counters["entry"] = benchmark::Counter(
      entries, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  // Ids read and order written once: the assignment has its counts.
  state.counters["bytes"] =
      benchmark::Counter(entries * 8, benchmark::Counter::kIsIterationInvariantRate);
}

void bench_copy(benchmark::State& state) {
  std::vector<float> a(std::size_t{1} << 24U, 1.0F);
  std::vector<float> b(a.size());
  for (auto _ : state) {
    std::memcpy(b.data(), a.data(), a.size() * sizeof(float));
    benchmark::ClobberMemory();
  }
  state.counters["bytes"] = benchmark::Counter(static_cast<double>(a.size() * 8),
                                               benchmark::Counter::kIsIterationInvariantRate);
}

// No rule, and nothing that a rule would have left behind.
void bench_unbiased(benchmark::State& state, Case c, std::uint32_t tokens) {
  bench_assign(state, c, tokens, false, nullptr);
}

void bench_update(benchmark::State& state, Case c, std::uint32_t tokens, Update rule, bool midpoint,
                  std::uint16_t iters) {
  Batch b(c, tokens, false);
  b.spec.update = rule;
  b.spec.midpoint = midpoint;
  b.spec.clip_nonneg = !midpoint;
  b.spec.iters = iters;
  b.resize();
  b.bias.assign(c.experts, 0);
  for (auto _ : state) {
    // Assigned with the bias, then learned: what a training step does.
    if (!b.run().ok()) state.SkipWithError("assign failed");
    std::fill(b.bias.begin(), b.bias.end(), 0.0F);
    State s = b.state();
    if (!update(b.spec, b.input(), b.ctx, b.out, s, b.workspace).ok())
      state.SkipWithError("update failed");
    benchmark::ClobberMemory();
  }
  per_token(state, tokens);
}

// The balanced plan alone: rounding it is the caller's.
void bench_sinkhorn(benchmark::State& state, Case c, std::uint32_t tokens) {
  const Batch b(c, tokens, false);
  std::vector<float> plan(b.scores.size());
  std::vector<float> scratch(sinkhorn_scratch(tokens, c.experts));
  for (auto _ : state) {
    const auto done =
        sinkhorn(math::best_kernels(), {b.scores.data(), tokens, c.experts}, {}, {},
                 {.tolerance = 0, .most = 5}, scratch, {plan.data(), tokens, c.experts});
    benchmark::DoNotOptimize(done.error);
  }
  per_token(state, tokens);
}

void add_assign(const Case& c, std::uint32_t tokens) {
  const std::string shape = fmt::format("{}/{}{}/{}", c.experts, c.k, c.grouped ? "g" : "", tokens);
  for (const Kernels* k : runnable_kernels()) {
    for (const bool bf16 : {false, true}) {
      benchmark::RegisterBenchmark(
          fmt::format("assign/{}/{}/{}", shape, bf16 ? "bf16" : "f32", name_of(*k)).c_str(),
          [=](benchmark::State& s) { bench_assign(s, c, tokens, bf16, k); });
    }
  }
  const std::pair<const char*, Plain> plain[] = {
      {"partial_sort", with_partial_sort}, {"nth_element", with_nth_element}, {"heap", with_heap}};
  for (const auto& [name, select] : plain) {
    benchmark::RegisterBenchmark(
        fmt::format("assign/{}/f32/{}", shape, name).c_str(),
        [=, f = select](benchmark::State& s) { bench_plain(s, c, tokens, f); });
  }
}

void add_plan(const Case& c, std::uint32_t tokens) {
  benchmark::RegisterBenchmark(fmt::format("plan/{}/{}/{}", c.experts, c.k, tokens).c_str(),
                               [=](benchmark::State& s) { bench_plan(s, c, tokens); });
}

const bool kRegistered = [] {
  for (const Case& c : kCases) {
    for (const std::uint32_t tokens : {1U, 16U, 512U, 16384U}) add_assign(c, tokens);
    for (const std::uint32_t tokens : {512U, 16384U}) add_plan(c, tokens);
  }
  add_plan({128, 8, false}, 262144);
  benchmark::RegisterBenchmark("copy/64MiB", bench_copy);
  const Case c{128, 8, false};
  benchmark::RegisterBenchmark("update/128/8/4096/unbiased",
                               [c](benchmark::State& s) { bench_unbiased(s, c, 4096); });
  benchmark::RegisterBenchmark("update/128/8/4096/sinkhorn5",
                               [c](benchmark::State& s) { bench_sinkhorn(s, c, 4096); });
  const std::tuple<const char*, Update, bool, std::uint16_t> rules[] = {
      {"none", Update::kNone, false, 0},
      {"loss-free", Update::kBiasSign, false, 0},
      {"quantile", Update::kQuantile, true, 1},
      {"bip4", Update::kPrice, false, 4},
      {"bip-mid4", Update::kPrice, true, 4}};
  for (const auto& [name, rule, midpoint, iters] : rules) {
    benchmark::RegisterBenchmark(fmt::format("update/128/8/4096/{}", name).c_str(),
                                 [c, r = rule, m = midpoint, i = iters](benchmark::State& s) {
                                   bench_update(s, c, 4096, r, m, i);
                                 });
  }
  return true;
}();

}  // namespace
}  // namespace swy::moe
