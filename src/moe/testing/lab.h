// Test helper: owns the memory of one assignment so that a test reads like the fixture it checks.
// When to use: in tests only. Threading: none. Ownership: owns everything it hands out.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "switchyard/moe.h"

namespace swy::moe::testing {

using Rows = std::vector<std::vector<float>>;

// The specification's fixtures: logits of four tokens (token 3 has an exact tie), scores of six.
inline Rows f1() { return {{2, 1, 0}, {1.5F, 1.4F, 0.1F}, {1, 0, 0.9F}, {2, 2, -1}}; }
inline Rows f2() {
  return {{3, 1, 0.5F},       {2.5F, 2, 0},    {2, 1.8F, 0.2F},
          {1.5F, 0.2F, 1.4F}, {1.2F, 1, 0.9F}, {0.9F, 0.1F, 0.3F}};
}

inline std::vector<float> flat(const Rows& rows) {
  std::vector<float> v;
  for (const auto& r : rows) v.insert(v.end(), r.begin(), r.end());
  return v;
}

// One assignment with its memory. Public members: set what the test needs, then run().
struct Lab {
  Spec spec;
  std::vector<float> scores;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  std::size_t ld = 0;
  Ctx ctx;
  std::vector<float> bias;  // empty: none
  std::vector<float> hist, centroid;
  std::uint64_t tokens_seen = 0;
  std::uint32_t kmax = 0;  // 0: k

  std::vector<std::int32_t> expert;
  std::vector<float> weight;
  std::vector<std::uint32_t> slot, demand, kept;
  std::vector<std::byte> workspace;
  Assignment out;

  Lab(const Spec& s, const Rows& r)
      : spec(s),
        scores(flat(r)),
        rows(static_cast<std::uint32_t>(r.size())),
        cols(r.empty() ? 1 : static_cast<std::uint32_t>(r.front().size())) {}

  Scores input() const { return Scores::f32(scores, rows, cols, ld); }
  State state() {
    State s;
    s.bias = bias;
    s.hist = hist;
    s.centroid = centroid;
    s.tokens_seen = tokens_seen;
    return s;
  }
  // update() from the last run's assignment.
  Status learn() {
    State s = state();
    workspace.assign(workspace_bytes(spec, {rows, cols, out.kmax}), std::byte{0xEE});
    const Status status = update(spec, input(), ctx, out, s, workspace);
    tokens_seen = s.tokens_seen;
    return status;
  }

  Status run() { return run(input()); }
  Status run(const Scores& in) {
    if (kmax == 0) kmax = spec.select == Select::kTopk ? spec.k : cols;
    const std::size_t n = std::size_t{rows} * kmax;
    expert.assign(n, -7);
    weight.assign(n, -7);
    slot.assign(n, 77);
    demand.assign(cols, 77);
    kept.assign(cols, 77);
    workspace.assign(workspace_bytes(spec, {rows, cols, kmax}), std::byte{0xEE});
    out = {};
    out.kmax = kmax;
    out.expert = expert;
    out.weight = weight;
    out.slot = slot;
    out.demand = demand;
    out.kept = kept;
    return assign(spec, in, ctx, state(), out, workspace);
  }

  std::vector<std::int32_t> experts(std::size_t t) const {
    return {expert.begin() + static_cast<std::ptrdiff_t>(t * kmax),
            expert.begin() + static_cast<std::ptrdiff_t>((t + 1) * kmax)};
  }
  std::vector<float> weights(std::size_t t) const {
    return {weight.begin() + static_cast<std::ptrdiff_t>(t * kmax),
            weight.begin() + static_cast<std::ptrdiff_t>((t + 1) * kmax)};
  }
};

// How many random cases a property gets: SWY_CASES, or 10,000.
inline std::uint64_t cases() {
  const char* n = std::getenv("SWY_CASES");
  return n != nullptr ? std::strtoull(n, nullptr, 10) : 10'000;
}

inline Spec named(std::string_view name) {
  Spec s;
  (void)preset(name, s).ok();
  return s;
}

}  // namespace swy::moe::testing
