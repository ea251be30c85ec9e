// How a mixture layer is spread and pipelined over devices: Tutel's and FSMoE's choices on a model
// of the machine.
//
// When to use: choosing between moving tokens and moving weights, the shape of the exchange, and
// into how many parts to cut a layer so that exchange and products overlap. The assignment is
// untouched. Threading: pure. Ownership: nothing is kept. Times are seconds.
#pragma once

#include <cstdint>
#include <span>

#include "moe/checked.h"
#include "moe/placement.h"

namespace swy::moe {

// One stage of a pipeline: `work_s` is divided among the parts, every part pays `fixed_s`.
struct PipelineStage {
  double work_s = 0, fixed_s = 0;
};
// The stages one after another for the first part, then the slowest stage for every further one.
Checked<double> pipeline_seconds(std::span<const PipelineStage> stages, std::uint32_t parts);
// The fewest parts of the least time. Wants: most > 0.
Checked<std::uint32_t> best_parts(std::span<const PipelineStage> stages, std::uint32_t most);

struct Network {
  std::uint32_t nodes = 1, per_node = 1;  // devices = nodes * per_node
  double message_s = 0;                   // fixed part of one message
  double inter_bytes_per_s = 1;           // a device's link to other nodes
  double intra_bytes_per_s = 1;           // a device's link inside its node
};
// Every device sends `bytes` in all, evenly. Two-level: first inside the node, so that one message
// goes to each other node instead of one to each of its devices.
Checked<double> all_to_all_seconds(const Network& net, double bytes, bool two_level);

struct LayerLoad {
  std::uint64_t tokens_per_device = 0;  // rows a device sends
  std::uint64_t rows_per_device = 0;    // rows a device computes (experts a device * capacity)
  std::uint32_t experts = 1;
};

struct TutelPlan {
  bool move_weights = false;  // gather all experts everywhere, compute own rows at home
  bool two_level = false;
  std::uint32_t parts = 1;  // of 1, 2, 4, 8
  PlanCost cost = {};
};
Checked<TutelPlan> tutel_plan(const LayerLoad& load, const DeviceModel& device, const Network& net);

struct FsmoePlan {
  std::uint32_t forward_parts = 1, backward_parts = 1;
  PlanCost cost = {};  // makespan of both passes
};
// backward_work: products of the backward pass over those of the forward one, about 2.
Checked<FsmoePlan> fsmoe_plan(const LayerLoad& load, const DeviceModel& device, const Network& net,
                              double backward_work, std::uint32_t most_parts);

}  // namespace swy::moe
