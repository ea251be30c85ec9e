// Batch: an assignment that owns its memory, and the state that goes with a Spec.
//
// When to use: command lines, bindings, simulators; in a hot loop hand assign() your own memory.
// Threading: one thread. Ownership: owns everything but what a call borrows. Allocates; memory is
// reused while the shape stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "switchyard/moe.h"

namespace swy::moe {

// Entries that a row of such an assignment needs.
[[nodiscard]] std::uint32_t entries_per_token(const Spec& spec, std::uint32_t experts);

class Batch {
 public:
  Status assign(const Spec& spec, const Scores& scores, const Ctx& ctx, const State& state);
  // After assign(), with the same arguments.
  Status update(const Spec& spec, const Scores& scores, const Ctx& ctx, State& state);
  [[nodiscard]] const Assignment& result() const { return out_; }
  [[nodiscard]] Shape shape() const { return shape_; }
  [[nodiscard]] Metrics measure(std::uint32_t window = 8) const {
    return moe::measure(out_, shape_, window);
  }

 private:
  Shape shape_;
  Assignment out_;
  std::vector<std::int32_t> expert_;
  std::vector<float> weight_;
  std::vector<std::uint32_t> slot_, demand_, kept_;
  std::vector<std::byte> workspace_;
};

// What update() of such a Spec writes, all zero.
struct StateMemory {
  static constexpr std::size_t kBins = 256;
  StateMemory(const Spec& spec, std::uint32_t experts);
  [[nodiscard]] State view() { return {bias, hist, {}, tokens_seen}; }
  // Keeps what a call has counted in a view.
  void take(const State& state) { tokens_seen = state.tokens_seen; }
  std::vector<float> bias, hist;
  std::uint64_t tokens_seen = 0;
};

}  // namespace swy::moe
