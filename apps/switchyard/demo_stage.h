// What the demo needs before the curtain: where the data is, the prompts to send with their
// recorded results, and a configuration in a temporary directory. Main's thread; the Stage owns its
// directory and removes it.
#pragma once

#include <string>
#include <vector>

#include "record/outcome.h"
#include "switchyard/result.h"

namespace swy::app {

struct DemoStage {
  DemoStage() = default;
  DemoStage(DemoStage&&) noexcept;
  DemoStage& operator=(DemoStage&&) = delete;
  ~DemoStage();  // removes directory

  bool real = false;  // recorded answers of real models; otherwise simulated ones, plainly labelled
  std::vector<std::string> data;  // for the scripted upstream
  std::string strongest;          // the model that savings are measured against
  std::string directory;          // temporary: configuration and records
  std::string config_file;
  record::OutcomeTable table;
  std::vector<std::size_t> prompts;  // rows of table to send, in order
};

// data_dir: "" looks for SWY_DATA, ../shared/data and examples/demo, in this order. port: of the
// gateway.
Result<DemoStage> set_demo_stage(const std::string& data_dir, std::size_t count,
                                 std::uint16_t upstream_port, std::uint16_t port);

}  // namespace swy::app
