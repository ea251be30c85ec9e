// WeightFile: what a learned estimator keeps in a file: named tensors of floats and of 32-bit
// words, and what they are of.
//
// When to use: inside this folder. Threading: a value. Ownership: owns its numbers. Format:
// safetensors (embed/safetensors.h) with the metadata format = switchyard-router, version, type,
// features, models (JSON list) and hash (of everything else): docs/reference/estimators.md, "Weight
// files".
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::route {

// What a NaN, which a weight file may not hold, is in one: of numbers that are never negative.
inline float unknown_to_file(float v) { return std::isnan(v) ? -1.0F : v; }
inline float unknown_from_file(float v) {
  return v < 0 ? std::numeric_limits<float>::quiet_NaN() : v;
}

struct WeightFile {
  static constexpr std::int64_t kVersion = 1;
  std::string type;                 // estimator
  std::string features;             // PromptFeatures::identity()
  std::vector<std::string> models;  // in the order of the outputs
  std::map<std::string, std::vector<float>, std::less<>> tensors;
  std::map<std::string, std::vector<std::uint32_t>, std::less<>> words;  // what is not a float

  [[nodiscard]] std::uint64_t hash() const;
  // The old file is replaced at once or not at all.
  [[nodiscard]] Status save(const std::string& path) const;
  // kParse: not such a file, damaged (both hashes are named), or of another version.
  static Result<WeightFile> load(const std::string& path);

  // A tensor of exactly `size` numbers; kParse names the file's type and the tensor.
  [[nodiscard]] Result<std::vector<float>> tensor(std::string_view name, std::size_t size) const;
  // The same of words; size kAny: as many as there are.
  static constexpr std::size_t kAny = static_cast<std::size_t>(-1);
  [[nodiscard]] Result<std::vector<std::uint32_t>> integers(std::string_view name,
                                                            std::size_t size) const;
  // Doubles as two words each, to the last bit. The ones read are finite.
  void put_doubles(const std::string& name, std::span<const double> values);
  [[nodiscard]] Result<std::vector<double>> doubles(std::string_view name, std::size_t size) const;
};

}  // namespace swy::route
