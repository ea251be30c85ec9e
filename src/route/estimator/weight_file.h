// WeightFile: what a learned estimator keeps in a file: named tensors of floats, and what they are
// of.
//
// When to use: inside this folder. Threading: a value. Ownership: owns its numbers. Format:
// safetensors (embed/safetensors.h) with the metadata format = switchyard-router, version, type,
// features, models (JSON list) and hash (of everything else): docs/reference/estimators.md, "Weight
// files".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::route {

struct WeightFile {
  static constexpr std::int64_t kVersion = 1;
  std::string type;                 // estimator
  std::string features;             // PromptFeatures::identity()
  std::vector<std::string> models;  // in the order of the outputs
  std::map<std::string, std::vector<float>, std::less<>> tensors;

  [[nodiscard]] std::uint64_t hash() const;
  // The old file is replaced at once or not at all.
  [[nodiscard]] Status save(const std::string& path) const;
  // kParse: not such a file, damaged (both hashes are named), or of another version.
  static Result<WeightFile> load(const std::string& path);

  // A tensor of exactly `size` numbers; kParse names the file's type and the tensor.
  [[nodiscard]] Result<std::vector<float>> tensor(std::string_view name, std::size_t size) const;
};

}  // namespace swy::route
