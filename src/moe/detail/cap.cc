// Stage 3: capacity. Who keeps a place with an expert, and which place.
//
// Rules, with C_j the capacity of expert j:
//   arrival         entries in (token, choice) order; an expert's first C_j stay.
//   choice-major    all first choices in token order, then all second choices, ... (GShard, Tutel).
//                   Counting dropped first choices or not is the same: an expert whose first
//                   choices overflow has no place left.
//   batch-priority  as choice-major, tokens in falling order of their largest score.
//   by weight       an expert's C_j largest weights, of equals the earlier entry (Megatron
//   "probs").
// A dropped entry is expert -1, weight 0; nothing is routed again. Without a cap the place is the
// count of earlier entries of the expert.
// Cost: entries, plus tokens log tokens (priority) or a sort per overfull expert (by weight).
// When it loses: dropping makes a token's result depend on its neighbours: not for decoding.
// Deviations: Megatron's "position" (top-k over a 0/1 mask) is unspecified in torch; arrival is the
// rule meant. Test: golden_test.cc (B_*), properties_test.cc.
#include <algorithm>
#include <cmath>

#include "moe/detail/number.h"
#include "moe/detail/stages.h"

namespace swy::moe {

std::uint32_t capacity(const Spec& spec, std::size_t tokens, std::size_t experts,
                       std::uint32_t max_demand) noexcept {
  const auto t = static_cast<double>(tokens);
  const auto e = static_cast<double>(std::max<std::size_t>(experts, 1));
  const auto cf = static_cast<double>(spec.capacity_factor);
  const double k = spec.k;
  double c = 0;
  switch (spec.capacity_rule) {
    case CapacityRule::kSwitch:
      c = std::ceil(t * k / e * cf);
      break;
    case CapacityRule::kTutel:
      c = k * std::floor(std::abs(cf) * std::ceil(t / e));
      break;
    case CapacityRule::kMegablocks:
      c = std::floor(cf * k * t / e);
      break;
    case CapacityRule::kPerExpert:
      c = std::ceil(t / e * cf);
      break;
  }
  const bool limited =
      spec.capacity_rule == CapacityRule::kTutel || spec.capacity_rule == CapacityRule::kMegablocks;
  if (limited && cf == 0) c = max_demand;
  if (spec.capacity_rule == CapacityRule::kTutel && cf < 0) c = std::min<double>(c, max_demand);
  c = std::max<double>(std::clamp(c, 0.0, 4e9), spec.min_capacity);
  const std::uint64_t align = std::max<std::uint32_t>(spec.align, 1);
  const std::uint64_t rounded = (static_cast<std::uint64_t>(c) + align - 1) / align * align;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(rounded, UINT32_MAX));
}

namespace detail {
namespace {

// What apply_cap works on.
struct Batch {
  const Job& job;
  std::size_t begin, end;
  const CapMemory& m;
  Assignment& out;
};

void drop(Assignment& out, std::size_t entry) {
  out.expert[entry] = -1;
  out.weight[entry] = 0;
  if (!out.slot.empty()) out.slot[entry] = 0;
}

void place(const Batch& b, std::size_t entry) {
  const std::int32_t e = b.out.expert[entry];
  if (e < 0) return;
  const auto j = static_cast<std::size_t>(e);
  if (b.m.used[j] >= b.m.capacity[j]) return drop(b.out, entry);
  if (!b.out.slot.empty()) b.out.slot[entry] = b.m.used[j];
  ++b.m.used[j];
}

void by_arrival(const Batch& b) {
  const std::size_t kmax = b.out.kmax;
  for (std::size_t i = b.begin * kmax; i < b.end * kmax; ++i) place(b, i);
}

template <class TokenAt>
void by_choice(const Batch& b, TokenAt token_at) {
  for (std::size_t c = 0; c < b.out.kmax; ++c) {
    for (std::size_t i = 0; i < b.end - b.begin; ++i) place(b, token_at(i) * b.out.kmax + c);
  }
}

void by_priority(const Batch& b) {
  const std::size_t n = b.end - b.begin;
  for (std::size_t i = 0; i < n; ++i) b.m.order[i] = static_cast<std::uint32_t>(b.begin + i);
  const float* p = b.m.priority;
  std::sort(b.m.order, b.m.order + n, [p](std::uint32_t x, std::uint32_t y) {
    return p[x] > p[y] || (p[x] == p[y] && x < y);
  });
  by_choice(b, [&](std::size_t i) { return std::size_t{b.m.order[i]}; });
}

// Entries by expert (counting sort), each overfull expert's part by weight.
void by_weight(const Batch& b) {
  const std::size_t kmax = b.out.kmax;
  const std::size_t cols = b.job.scores.cols;
  std::uint32_t* end = b.m.used;  // becomes the end of each expert's part
  for (std::size_t i = b.begin * kmax; i < b.end * kmax; ++i) {
    if (b.out.expert[i] >= 0) ++end[b.out.expert[i]];
  }
  std::uint32_t sum = 0;
  for (std::size_t j = 0; j < cols; ++j) {
    const std::uint32_t count = end[j];
    end[j] = sum;
    sum += count;
  }
  for (std::size_t i = b.begin * kmax; i < b.end * kmax; ++i) {
    if (b.out.expert[i] >= 0) b.m.order[end[b.out.expert[i]]++] = static_cast<std::uint32_t>(i);
  }
  const auto heavier = [&](std::uint32_t x, std::uint32_t y) {
    return b.out.weight[x] > b.out.weight[y] || (b.out.weight[x] == b.out.weight[y] && x < y);
  };
  for (std::size_t j = 0; j < cols; ++j) {
    const std::uint32_t first = j == 0 ? 0 : end[j - 1];
    const std::uint32_t stays = std::min(end[j] - first, b.m.capacity[j]);
    if (stays < end[j] - first) std::sort(b.m.order + first, b.m.order + end[j], heavier);
    for (std::uint32_t i = first; i < end[j]; ++i) {
      if (i - first >= stays) {
        drop(b.out, b.m.order[i]);
      } else if (!b.out.slot.empty()) {
        b.out.slot[b.m.order[i]] = i - first;
      }
    }
  }
}

void count_into(const Batch& b, std::uint32_t* counts) {
  const std::size_t kmax = b.out.kmax;
  for (std::size_t i = b.begin * kmax; i < b.end * kmax; ++i) {
    if (b.out.expert[i] >= 0) ++counts[b.out.expert[i]];
  }
}

// Capacities into m.capacity. Leaves m.used at zero.
void find_capacities(const Batch& b) {
  const std::size_t cols = b.job.scores.cols;
  std::fill_n(b.m.used, cols, 0U);
  if (b.job.spec.cap == Cap::kNone) return std::fill(b.m.capacity, b.m.capacity + cols, UINT32_MAX);
  if (!b.job.ctx.capacity.empty()) {
    std::copy_n(b.job.ctx.capacity.begin(), cols, b.m.capacity);
    return;
  }
  std::size_t live = 0;
  for (std::size_t t = b.begin; t < b.end; ++t) live += token_is_live(b.job.ctx, t) ? 1 : 0;
  count_into(b, b.m.used);
  const std::uint32_t most = *std::max_element(b.m.used, b.m.used + cols);
  std::fill_n(b.m.used, cols, 0U);
  std::fill_n(b.m.capacity, cols, capacity(b.job.spec, live, cols, most));
}

float row_sum(const float* w, std::size_t n) {
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += w[i];
  return sum;
}

// Scales what is left of each row to the sum it had.
void renormalise_rows(const Batch& b) {
  for (std::size_t t = b.begin; t < b.end; ++t) {
    float* w = b.out.weight.data() + t * b.out.kmax;
    const float now = row_sum(w, b.out.kmax);
    if (now == 0 || now == b.m.mass[t]) continue;
    for (std::size_t i = 0; i < b.out.kmax; ++i) w[i] *= b.m.mass[t] / now;
  }
}

}  // namespace

CapMemory take_cap(Scratch& scratch, const Spec& spec, Shape shape) {
  CapMemory m;
  m.capacity = scratch.take<std::uint32_t>(shape.experts);
  m.used = scratch.take<std::uint32_t>(shape.experts);
  const std::size_t rows = shape.tokens;
  if (spec.cap == Cap::kBatchPriority) m.order = scratch.take<std::uint32_t>(rows);
  if (spec.cap == Cap::kByWeight) m.order = scratch.take<std::uint32_t>(rows * shape.kmax);
  if (spec.cap == Cap::kBatchPriority) m.priority = scratch.take<float>(rows);
  if (spec.renorm_after_cap) m.mass = scratch.take<float>(rows);
  return m;
}

void apply_cap(const Job& job, std::size_t begin, std::size_t end, const CapMemory& memory,
               Assignment& out) {
  const Batch b{job, begin, end, memory, out};
  find_capacities(b);
  for (std::size_t t = begin; t < end && job.spec.renorm_after_cap; ++t)
    memory.mass[t] = row_sum(out.weight.data() + t * out.kmax, out.kmax);
  switch (job.spec.cap) {
    case Cap::kNone:
    case Cap::kArrival:
      by_arrival(b);
      break;
    case Cap::kChoiceMajor:
      by_choice(b, [&](std::size_t i) { return begin + i; });
      break;
    case Cap::kBatchPriority:
      by_priority(b);
      break;
    case Cap::kByWeight:
      by_weight(b);
      break;
  }
  if (job.spec.renorm_after_cap) renormalise_rows(b);
  if (!out.kept.empty()) count_into(b, out.kept.data());
}

}  // namespace detail
}  // namespace swy::moe
