// llep_plan(): Least-Loaded Expert Parallelism (2601.17111; SalesforceAIResearch/LeastLoadedEP).
//   limit = floor(alpha * total / devices). Experts in descending order of tokens: what fits at
//   home stays (avail = limit - assigned - pending of the home), the rest goes, slice by slice, to
//   the least loaded other device up to its limit; a slice below `chunk` that is not the last is
//   not worth its weights; where nobody qualifies, all of the rest goes to the least loaded.
// Only the least loaded device needs asking: it has the most room, so where it does not qualify
// nobody does. Cost: O(N log N + slices * devices) on the host.
// Loses: balanced loads. Ordinary expert parallelism is then optimal and every slice moved costs
// its weights (the paper's DeepSeek-V3: 0.92 x; docs/reference/moe-rules.md shows it on the model
// below); hence the trigger, on device loads as in the code (the paper's, on expert loads, fires
// far too often with several experts a device). Test: planner/llep_test.cc.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "moe/placement.h"

namespace swy::moe {
namespace {

class Planner {
 public:
  Planner(const LlepOptions& options, const LlepMemory& memory, std::span<ExpertSlice> slices,
          std::uint32_t devices)
      : options_(options), memory_(memory), slices_(slices), devices_(devices) {}

  void place(std::uint32_t expert, std::uint32_t home, std::uint64_t tokens) {
    memory_.pending[home] -= tokens;
    const std::uint64_t load = load_of(home);
    const std::uint64_t room = plan.limit > load ? plan.limit - load : 0;
    std::uint64_t at = std::min(room, tokens);
    if (at > 0) put({expert, home, 0, at}, false);
    while (at < tokens) {
      const std::uint32_t device = least_loaded(home);
      const std::uint64_t rest = tokens - at;
      const std::uint64_t other = load_of(device);
      const std::uint64_t space = plan.limit > other ? plan.limit - other : 0;
      const std::uint64_t part = std::min(rest, space);
      const bool worth = part > 0 && (part >= options_.chunk || part == rest);
      put({expert, device, at, at + (worth ? part : rest)}, device != home);
      at = slices_[plan.slices - 1].end;
    }
  }

  LlepPlan plan;

 private:
  [[nodiscard]] std::uint64_t load_of(std::uint32_t device) const {
    return memory_.assigned[device] + memory_.pending[device];
  }
  // Another one than `home`, unless there is none.
  [[nodiscard]] std::uint32_t least_loaded(std::uint32_t home) const {
    std::uint32_t best = home;
    for (std::uint32_t g = 0; g < devices_; ++g)
      if (g != home && (best == home || load_of(g) < load_of(best))) best = g;
    return best;
  }
  void put(const ExpertSlice& slice, bool travels) {
    SWY_ASSERT(plan.slices < slices_.size());
    slices_[plan.slices++] = slice;
    memory_.assigned[slice.device] += slice.end - slice.begin;
    plan.transfers += travels ? 1U : 0U;
  }

  LlepOptions options_;
  LlepMemory memory_;
  std::span<ExpertSlice> slices_;
  std::uint32_t devices_;
};

Status check(std::span<const std::uint64_t> tokens, std::uint32_t devices,
             const LlepOptions& options, const LlepMemory& memory, std::size_t slices) {
  Arguments args;
  args.that(devices > 0 && tokens.size() % devices == 0, Code::kBadShape, "devices")
      .that(std::isfinite(options.alpha) && options.alpha >= 0, Code::kBadSpec, "options.alpha");
  args.span(memory.order.size(), tokens.size(), "memory.order")
      .span(memory.pending.size(), devices, "memory.pending")
      .span(memory.assigned.size(), devices, "memory.assigned")
      .span(slices, most_slices(tokens.size(), devices), "slices");
  std::uint64_t room = std::uint64_t{1} << 62U;  // loads and limits stay countable
  for (const std::uint64_t n : tokens) {
    args.that(n <= room, Code::kBadShape, "tokens");
    room -= std::min(room, n);
  }
  return args.status();
}

}  // namespace

Checked<LlepPlan> llep_plan(std::span<const std::uint64_t> tokens, std::uint32_t devices,
                            const LlepOptions& options, const LlepMemory& memory,
                            std::span<ExpertSlice> slices) {
  if (const Status s = check(tokens, devices, options, memory, slices.size()); !s.ok()) return s;
  const std::size_t each = tokens.size() / devices;
  const auto order = memory.order.first(tokens.size());
  std::uint64_t total = 0;
  std::fill_n(memory.pending.begin(), devices, 0U);
  std::fill_n(memory.assigned.begin(), devices, 0U);
  for (std::uint32_t e = 0; e < tokens.size(); ++e) {
    order[e] = e;
    total += tokens[e];
    memory.pending[e / each] += tokens[e];
  }
  const std::uint64_t most =
      *std::max_element(memory.pending.begin(), memory.pending.begin() + devices);
  Planner planner(options, memory, slices, devices);
  const std::uint64_t share = total / devices;
  planner.plan.moved =
      static_cast<double>(most) * devices >= options.trigger * static_cast<double>(total);
  const auto even =
      static_cast<std::uint64_t>(std::min(options.alpha * static_cast<double>(share), 0x1.0p62));
  planner.plan.limit = std::max<std::uint64_t>(share > 0 ? even : total, 1);
  if (!planner.plan.moved) planner.plan.limit = std::max<std::uint64_t>(most, 1);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return tokens[a] > tokens[b] || (tokens[a] == tokens[b] && a < b);
  });
  for (const std::uint32_t e : order)
    if (tokens[e] > 0) planner.place(e, static_cast<std::uint32_t>(e / each), tokens[e]);
  return planner.plan;
}

Checked<PlanCost> plan_cost(std::span<const ExpertSlice> slices, std::size_t experts,
                            const DeviceModel& model) {
  if (model.devices == 0 || experts % model.devices != 0)
    return Status{Code::kBadShape, "model.devices"};
  for (const ExpertSlice& s : slices)
    if (s.expert >= experts || s.device >= model.devices || s.begin > s.end)
      return Status{Code::kBadShape, "slices"};
  const std::size_t each = experts / model.devices;
  PlanCost out;
  for (std::uint32_t g = 0; g < model.devices; ++g) {
    double compute = 0;
    std::uint64_t load = 0;
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    for (const ExpertSlice& s : slices) {
      const std::size_t home = s.expert / each;
      const std::uint64_t n = s.end - s.begin;
      if (home == g && s.device != g) sent += model.expert_bytes;
      if (s.device != g) continue;
      load += n;
      compute += model.call_s + static_cast<double>(n) / model.tokens_per_s;
      if (home == g) continue;
      received += model.expert_bytes;
      out.tokens_moved += n;
    }
    out.weights_moved += received;
    const auto rows = static_cast<double>(2 * load * model.token_bytes);  // in and out again
    const double link = (static_cast<double>(std::max(received, sent)) + rows);
    out.makespan_s = std::max(out.makespan_s, compute + link / model.link_bytes_per_s);
    const std::uint64_t weights = each * model.expert_bytes + received;
    out.peak_bytes = std::max(out.peak_bytes, weights + load * model.token_bytes);
  }
  return out;
}

}  // namespace swy::moe
