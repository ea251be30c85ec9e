// The batch assignments beside the plain top-k on the same scores. Counter `token`: time of one
// token.
#include <benchmark/benchmark.h>

#include <vector>

#include "math/kernels.h"
#include "moe/auction.h"
#include "moe/sinkhorn.h"
#include "switchyard/moe.h"

namespace swy::moe {
namespace {

std::vector<float> scores(std::size_t tokens, std::size_t experts) {
  std::vector<float> out(tokens * experts);
  base::Rng rng(1, 0, 0);
  for (float& v : out) v = static_cast<float>(normal(rng));
  return out;
}

void per_token(benchmark::State& state, std::size_t tokens) {
  state.counters["token"] = benchmark::Counter(
      static_cast<double>(tokens),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// 128 experts, 8 chosen, softmax and renormalise.
void BM_TopK(benchmark::State& state) {
  const auto tokens = static_cast<std::uint32_t>(state.range(0));
  const auto z = scores(tokens, 128);
  Spec spec;
  if (!preset("mixtral", spec).ok()) return;
  spec.k = 8;
  const std::size_t n = std::size_t{tokens} * 8;
  std::vector<std::int32_t> expert(n);
  std::vector<float> weight(n);
  std::vector<std::byte> workspace(workspace_bytes(spec, {tokens, 128, 8}));
  Assignment out;
  out.kmax = 8;
  out.expert = expert;
  out.weight = weight;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        assign(spec, Scores::f32(z, tokens, 128), {}, {}, out, workspace).ok());
  per_token(state, tokens);
}
BENCHMARK(BM_TopK)->Arg(512)->Arg(16'384);

void BM_Sinkhorn5(benchmark::State& state) {
  const auto tokens = static_cast<std::size_t>(state.range(0));
  auto z = scores(tokens, 128);
  std::vector<float> plan(z.size());
  std::vector<float> scratch(sinkhorn_scratch(tokens, 128));
  for (auto _ : state) {
    const auto done = sinkhorn(math::best_kernels(), {z.data(), tokens, 128}, {}, {},
                               {.tolerance = 0, .most = 5}, scratch, {plan.data(), tokens, 128});
    benchmark::DoNotOptimize(done.error);
  }
  per_token(state, tokens);
}
BENCHMARK(BM_Sinkhorn5)->Arg(512)->Arg(16'384);

void BM_SinkhornLog5(benchmark::State& state) {
  const std::size_t tokens = 512;
  const auto z = scores(tokens, 128);
  std::vector<double> score(z.begin(), z.end());
  std::vector<double> plan(z.size());
  std::vector<double> scratch(sinkhorn_scratch(tokens, 128));
  for (auto _ : state) {
    const auto done = sinkhorn_log({score.data(), tokens, 128}, {}, {}, {.tolerance = 0, .most = 5},
                                   scratch, {plan.data(), tokens, 128});
    benchmark::DoNotOptimize(done.error);
  }
  per_token(state, tokens);
}
BENCHMARK(BM_SinkhornLog5);

// Windows of requests on models: the limits sum to the tokens, eps a thousandth of the range.
void BM_SlotAuction(benchmark::State& state) {
  const auto tokens = static_cast<std::size_t>(state.range(0));
  const auto experts = static_cast<std::size_t>(state.range(1));
  const auto z = scores(tokens, experts);
  const std::vector<double> score(z.begin(), z.end());
  const std::vector<std::uint32_t> limit(experts, static_cast<std::uint32_t>(tokens / experts));
  std::vector<AuctionSlot> slot(tokens);
  std::vector<std::uint32_t> begin(experts + 1);
  std::vector<std::uint32_t> waiting(tokens);
  std::vector<std::uint32_t> owner(tokens);
  std::vector<double> price(experts);
  AuctionOutcome outcome;
  const AuctionOptions options{.eps = 0.008, .scaled = state.range(2) != 0};
  for (auto _ : state)
    benchmark::DoNotOptimize(slot_auction({score.data(), tokens, experts}, limit, options,
                                          {slot, begin, waiting}, {owner, price, outcome})
                                 .ok());
  state.counters["bids"] = static_cast<double>(outcome.bids) / static_cast<double>(tokens);
  per_token(state, tokens);
}
BENCHMARK(BM_SlotAuction)
    ->Args({96, 8, 1})
    ->Args({96, 8, 0})
    ->Args({1024, 8, 1})
    ->Args({1024, 8, 0})
    ->Args({10'240, 8, 1});

}  // namespace
}  // namespace swy::moe
