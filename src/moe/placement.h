// Which device computes which tokens of an expert, and what a plan costs on a model of the devices.
//
// When to use: expert parallelism where a few experts draw most tokens (LLEP); pricing any plan
// against ordinary expert parallelism before moving weights. One level up: queued requests per
// model, hosts, and weights or caches in place of experts. The router is untouched and the outputs
// are exact. Threading: pure. Ownership: the caller's memory, no allocation.
#pragma once

#include <cstdint>
#include <span>

#include "moe/checked.h"

namespace swy::moe {

// Tokens [begin, end) of one expert's batch on one device.
struct ExpertSlice {
  std::uint32_t expert = 0, device = 0;
  std::uint64_t begin = 0, end = 0;
  friend bool operator==(const ExpertSlice&, const ExpertSlice&) = default;
};

struct LlepOptions {
  double alpha = 1;            // a device takes alpha * its even share (the paper; its code: 1.1)
  std::uint64_t chunk = 1024;  // the least worth moving weights for
  double trigger = 1.3;        // max / mean device load below which nothing is moved
};

struct LlepMemory {
  std::span<std::uint32_t> order;     // experts
  std::span<std::uint64_t> pending;   // devices
  std::span<std::uint64_t> assigned;  // devices: the loads afterwards
};

// Room for every plan: at most this many slices.
constexpr std::size_t most_slices(std::size_t experts, std::size_t devices) {
  return 2 * experts + devices;
}

struct LlepPlan {
  std::size_t slices = 0;     // written
  std::size_t transfers = 0;  // slices whose weights must travel
  std::uint64_t limit = 0;    // tokens a device takes before it is full
  bool moved = false;         // false: ordinary expert parallelism
};

// Expert e lives on device e / (experts / devices). Slices in the order of descending experts.
// Wants: devices divide the experts; slices of most_slices().
Checked<LlepPlan> llep_plan(std::span<const std::uint64_t> tokens, std::uint32_t devices,
                            const LlepOptions& options, const LlepMemory& memory,
                            std::span<ExpertSlice> slices);

// Equal devices, each with a link of its own.
struct DeviceModel {
  std::uint32_t devices = 1;
  double tokens_per_s = 1;  // one expert's matrix products on one device
  double call_s = 0;        // fixed part of every slice
  double link_bytes_per_s = 1;
  std::uint64_t expert_bytes = 0;
  std::uint64_t token_bytes = 0;  // one hidden row
};

struct PlanCost {
  double makespan_s = 0;            // weights, then tokens in, products and tokens out
  std::uint64_t tokens_moved = 0;   // computed away from their expert's home
  std::uint64_t weights_moved = 0;  // bytes
  std::uint64_t peak_bytes = 0;     // of the fullest device: weights and rows
};

Checked<PlanCost> plan_cost(std::span<const ExpertSlice> slices, std::size_t experts,
                            const DeviceModel& model);

}  // namespace swy::moe
