// What a simulated stream did to its experts, as numbers and as a picture.
//
// When to use: `switchyard moe simulate`. Threading: pure. Ownership: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace swy::app {

struct MoeTrace {
  std::string title;
  std::uint32_t experts = 0;
  std::vector<std::uint32_t> demand;    // steps x experts
  std::vector<double> maxvio, dropped;  // by step
  std::vector<float> bias;              // at the end; empty: none
};

// Loads as a map of steps by experts (white: none, blue: its share, red: four times that), under it
// the largest violation and what was dropped over the steps.
std::string to_svg(const MoeTrace& trace);

}  // namespace swy::app
