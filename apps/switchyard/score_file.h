// Router scores from a file: .npy (two or three dimensions, C order) or .safetensors.
//
// When to use: `switchyard moe`. Threading: a value. Ownership: owns its bytes. Every number of the
// header is checked against the file before it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/moe.h"
#include "switchyard/result.h"

namespace swy::app {

struct ScoreFile {
  std::vector<std::byte> bytes;  // rows x cols numbers of `type`
  moe::DType type = moe::DType::kF32;
  std::uint32_t steps = 1;  // of three dimensions the first; rows are of all steps
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  [[nodiscard]] moe::Scores rows_at(std::uint32_t first, std::uint32_t count) const;
};

// tensor: of a safetensors file; "": its only one. kNotFound: no file; kParse: not such a file;
// kInvalidArgument: no such tensor.
Result<ScoreFile> read_scores(const std::string& path, std::string_view tensor);

// A row of numbers, such as a bias.
Result<std::vector<float>> read_row(const std::string& path, std::string_view tensor);

}  // namespace swy::app
