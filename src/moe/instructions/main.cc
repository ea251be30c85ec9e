// swy_moe_instructions: one operation of the assignment a fixed number of times, for counting
// instructions under callgrind (instructions_test.py). Counts do not depend on what else the
// machine does, so a regression is judged on them.
//
//   swy_moe_instructions CASE    counts are collected inside one_pass() only; prints the tokens
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "math/kernels.h"
#include "moe/batch.h"
#include "moe/sinkhorn.h"
#include "switchyard/moe.h"

namespace swy::moe::instructions {

// Not inlined: the name is callgrind's switch.
__attribute__((noinline)) bool one_pass(const std::function<bool()>& work) { return work(); }

struct Case {
  std::string_view name;
  const char* preset;
  std::uint32_t experts;
  std::uint16_t k;
  std::uint32_t tokens;
  Update update = Update::kNone;
};
constexpr Case kCases[] = {
    {"8/2", "mixtral", 8, 2, 512},
    {"64/8", "mixtral", 64, 8, 512},
    {"128/8", "mixtral", 128, 8, 512},
    {"128/8 one by one", "mixtral", 128, 8, 1},
    {"256/8 grouped", "deepseek-v3", 256, 8, 128},
    {"384/8", "mixtral", 384, 8, 128},
    {"896/16", "mixtral", 896, 16, 128},
    {"plan", "mixtral", 128, 8, 4096},
    {"loss-free", "mixtral", 128, 8, 1024, Update::kBiasSign},
    {"midpoint BIP", "mixtral", 128, 8, 1024, Update::kPrice},
    {"Sinkhorn", "mixtral", 128, 8, 1024},
};

struct Lab {
  explicit Lab(const Case& c) : tokens(c.tokens), experts(c.experts) {
    if (!preset(c.preset, spec).ok()) return;
    spec.k = c.k;
    spec.update = c.update;
    spec.midpoint = true;
    spec.clip_nonneg = false;
    base::Rng rng(1, experts, tokens);
    score.resize(std::size_t{tokens} * experts);
    for (float& v : score)  // near enough to normal
      v = static_cast<float>(2 * (rng.uniform() + rng.uniform() + rng.uniform()) - 3);
    bias.assign(c.update != Update::kNone || c.experts == 256 ? experts : 0, 0.01F);
  }
  bool run() {
    State s;
    s.bias = bias;
    return batch.assign(spec, Scores::f32(score, tokens, experts), {}, s).ok();
  }
  bool learn() {
    State s;
    s.bias = bias;
    return run() && batch.update(spec, Scores::f32(score, tokens, experts), {}, s).ok();
  }
  bool plan_it() {
    order.resize(std::size_t{tokens} * spec.k);
    bins.resize(experts);
    Plan p;
    p.order = order;
    p.bin_end = bins;
    return plan(batch.result(), {tokens, experts, spec.k}, 1, p).ok();
  }
  bool balance() {
    scratch.resize(sinkhorn_scratch(tokens, experts));
    soft.resize(score.size());
    (void)sinkhorn(math::best_kernels(), {score.data(), tokens, experts}, {}, {},
                   {.tolerance = 0, .most = 5}, scratch, {soft.data(), tokens, experts});
    return true;
  }

  Spec spec;
  std::uint32_t tokens;
  std::uint32_t experts;
  std::vector<float> score, bias, scratch, soft;
  std::vector<std::uint32_t> order, bins;
  Batch batch;
};

int run(std::string_view name) {
  for (const Case& c : kCases) {
    if (c.name != name) continue;
    Lab lab(c);
    std::function<bool()> work = [&] { return lab.run(); };
    if (c.update != Update::kNone) work = [&] { return lab.learn(); };
    if (name == "plan") work = [&] { return lab.plan_it(); };
    if (name == "Sinkhorn") work = [&] { return lab.balance(); };
    if (!lab.run() || !work()) return 1;  // memory is there from now on
    if (!one_pass(work)) return 1;
    fmt::print("{}\n", c.tokens);
    return 0;
  }
  fmt::print(stderr, "usage: swy_moe_instructions CASE    cases:\n");
  for (const Case& c : kCases) fmt::print(stderr, "  {}\n", c.name);
  return 2;
}

}  // namespace swy::moe::instructions

int main(int argc, char** argv) {
  return swy::moe::instructions::run(argc == 2 ? argv[1] : "");
}
