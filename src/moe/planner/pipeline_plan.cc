// Pipelining a mixture layer: with stages of work a_i and fixed cost s_i in r parts,
//   T(r) = sum_i (a_i / r + s_i) + (r - 1) max_i (a_i / r + s_i).
// Tutel (2206.03382): the same layer may keep weights and exchange tokens, or gather weights and
// keep tokens; the exchange is flat or two-level; r is 1, 2, 4 or 8; whatever is fastest at this
// load. FSMoE (2501.10714): three streams (between nodes, inside a node, products), r chosen for
// the forward and the backward pass apart. Variants of both: FSMoE was read in the abstract and
// second hand and solves for r with SLSQP in the reals; r is a small whole number, so trying all of
// them is exact and needs no solver. The capacity factor that adapts is capacity's, not planned
// here.
// Cost: a few dozen evaluations. Loses: it is as good as the measured rates put in; contention
// between the streams is not modelled. Test: planner/pipeline_plan_test.cc.
#include "moe/pipeline_plan.h"

#include <algorithm>

#include "base/check.h"

namespace swy::moe {
namespace {

double flat_exchange(const Network& net, double bytes) {
  const double devices = static_cast<double>(net.nodes) * net.per_node;
  const double inside = bytes * (net.per_node - 1) / devices;
  const double outside = bytes * (devices - net.per_node) / devices;
  return (devices - 1) * net.message_s +
         std::max(inside / net.intra_bytes_per_s, outside / net.inter_bytes_per_s);
}

// Inside the node rows are sorted by the number of the device they go to, on whichever node.
double two_level_exchange(const Network& net, double bytes) {
  const double inside = bytes * (net.per_node - 1) / net.per_node;
  const double outside = bytes * (net.nodes - 1) / net.nodes;
  return (net.per_node - 1.0 + net.nodes - 1.0) * net.message_s + inside / net.intra_bytes_per_s +
         outside / net.inter_bytes_per_s;
}

double compute_seconds(std::uint64_t rows, const DeviceModel& device) {
  return static_cast<double>(rows) / device.tokens_per_s;
}

TutelPlan token_plan(const LayerLoad& load, const DeviceModel& device, const Network& net,
                     bool two_level) {
  const auto bytes = static_cast<double>(load.tokens_per_device * device.token_bytes);
  const double fixed = all_to_all_seconds(net, 0, two_level);
  const double exchange = all_to_all_seconds(net, bytes, two_level) - fixed;
  const double calls = device.call_s * load.experts / device.devices;
  const PipelineStage stages[] = {
      {exchange, fixed}, {compute_seconds(load.rows_per_device, device), calls}, {exchange, fixed}};
  TutelPlan out{.two_level = two_level};
  for (const std::uint32_t parts : {2U, 4U, 8U})
    if (pipeline_seconds(stages, parts) < pipeline_seconds(stages, out.parts)) out.parts = parts;
  out.cost.makespan_s = pipeline_seconds(stages, out.parts);
  const std::uint64_t all = load.tokens_per_device * device.devices;
  out.cost.tokens_moved = all - all / device.devices;
  out.cost.peak_bytes = load.experts / device.devices * device.expert_bytes +
                        load.rows_per_device * device.token_bytes;
  return out;
}

TutelPlan weight_plan(const LayerLoad& load, const DeviceModel& device, const Network& net) {
  const std::uint64_t foreign =
      static_cast<std::uint64_t>(load.experts - load.experts / device.devices);
  const auto bytes = static_cast<double>(foreign * device.expert_bytes);
  TutelPlan out{.move_weights = true};
  const double slow = net.nodes > 1 ? std::min(net.inter_bytes_per_s, net.intra_bytes_per_s)
                                    : net.intra_bytes_per_s;
  out.cost.makespan_s = bytes / slow + (device.devices - 1) * net.message_s +
                        device.call_s * load.experts +
                        compute_seconds(load.tokens_per_device, device);
  out.cost.weights_moved = foreign * device.expert_bytes * device.devices;
  out.cost.peak_bytes =
      load.experts * device.expert_bytes + load.tokens_per_device * device.token_bytes;
  return out;
}

Status check(const LayerLoad& load, const DeviceModel& device, const Network& net) {
  const std::uint64_t devices = std::uint64_t{net.nodes} * net.per_node;
  if (devices == 0) return {Code::kBadShape, "net"};
  if (device.devices != devices) return {Code::kBadShape, "device.devices"};
  if (load.experts % devices != 0) return {Code::kBadShape, "load.experts"};
  return {};
}

}  // namespace

Checked<double> pipeline_seconds(std::span<const PipelineStage> stages, std::uint32_t parts) {
  if (parts == 0) return Status{Code::kBadShape, "parts"};
  double first = 0;
  double slowest = 0;
  for (const PipelineStage& s : stages) {
    const double one = s.work_s / parts + s.fixed_s;
    first += one;
    slowest = std::max(slowest, one);
  }
  return first + (parts - 1) * slowest;
}

Checked<std::uint32_t> best_parts(std::span<const PipelineStage> stages, std::uint32_t most) {
  if (most == 0) return Status{Code::kBadShape, "most"};
  std::uint32_t best = 1;
  for (std::uint32_t r = 2; r <= most; ++r)
    if (pipeline_seconds(stages, r) < pipeline_seconds(stages, best)) best = r;
  return best;
}

Checked<double> all_to_all_seconds(const Network& net, double bytes, bool two_level) {
  if (net.nodes == 0 || net.per_node == 0) return Status{Code::kBadShape, "net"};
  return two_level ? two_level_exchange(net, bytes) : flat_exchange(net, bytes);
}

Checked<TutelPlan> tutel_plan(const LayerLoad& load, const DeviceModel& device,
                              const Network& net) {
  if (const Status s = check(load, device, net); !s.ok()) return s;
  TutelPlan best = token_plan(load, device, net, false);
  for (const TutelPlan& other :
       {token_plan(load, device, net, true), weight_plan(load, device, net)})
    if (other.cost.makespan_s < best.cost.makespan_s) best = other;
  return best;
}

Checked<FsmoePlan> fsmoe_plan(const LayerLoad& load, const DeviceModel& device, const Network& net,
                              double backward_work, std::uint32_t most_parts) {
  if (const Status s = check(load, device, net); !s.ok()) return s;
  if (most_parts == 0) return Status{Code::kBadShape, "most_parts"};
  const auto bytes = static_cast<double>(load.tokens_per_device * device.token_bytes);
  const double inside = bytes * (net.per_node - 1) / net.per_node / net.intra_bytes_per_s;
  const double outside = bytes * (net.nodes - 1) / net.nodes / net.inter_bytes_per_s;
  const double calls = device.call_s * load.experts / device.devices;
  const double products = compute_seconds(load.rows_per_device, device);
  const double messages_in = (net.per_node - 1) * net.message_s;
  const double messages_out = (net.nodes - 1) * net.message_s;
  const auto stages = [&](double work, PipelineStage(&s)[3]) {
    s[0] = {2 * outside, 2 * messages_out};  // there and back share the link
    s[1] = {2 * inside, 2 * messages_in};
    s[2] = {work * products, work * calls};
  };
  PipelineStage forward[3];
  PipelineStage backward[3];
  stages(1, forward);
  stages(backward_work, backward);
  FsmoePlan out;
  out.forward_parts = best_parts(forward, most_parts);
  out.backward_parts = best_parts(backward, most_parts);
  out.cost.makespan_s =
      pipeline_seconds(forward, out.forward_parts) + pipeline_seconds(backward, out.backward_parts);
  const std::uint64_t all = load.tokens_per_device * device.devices;
  out.cost.tokens_moved = all - all / device.devices;
  out.cost.peak_bytes = load.experts / device.devices * device.expert_bytes +
                        load.rows_per_device * device.token_bytes;
  return out;
}

}  // namespace swy::moe
