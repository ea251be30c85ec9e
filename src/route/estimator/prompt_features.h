// What a learned estimator sees of a prompt, as one dense vector: an encoder's vector of the last
// user text, and what can be counted on the text (length, digits, symbols, formulas, tools ...).
//
// When to use: inside this folder. Threading: filled by one thread (make, fit), then immutable.
// Ownership: owns its scales. Counts are logarithms or shares, standardised on the rows that were
// learned from, cut at 4 deviations and weighted by a tenth, so that all of them together weigh
// about as much as the encoder's unit vector.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/doc.h"
#include "math/matrix.h"
#include "switchyard/registry.h"
#include "switchyard/route.h"

namespace swy::route {

class PromptFeatures {
 public:
  // `encoder`: an encoder of the plan by configured or type name. nullopt: an error was reported.
  static std::optional<PromptFeatures> make(const std::string& encoder, base::Mark mark,
                                            BuildContext& ctx);

  [[nodiscard]] std::uint16_t encoder() const { return key_.encoder; }
  [[nodiscard]] std::size_t dims() const { return encoder_dims_ + kCounts; }
  // Names what the numbers mean: weights that were fitted on other features are refused.
  [[nodiscard]] std::string identity() const;

  // Sets the scales from the prompts that are learned from; one row for each. tools[i]: how many
  // tools prompt i offers. An error is the encoder's.
  Result<math::Matrix> fit(const Encoder& encoder, std::span<const std::string> prompts,
                           std::span<const std::uint32_t> tools);
  // The same at the scales that are set.
  Result<math::Matrix> apply(const Encoder& encoder, std::span<const std::string> prompts,
                             std::span<const std::uint32_t> tools) const;

  // fit() without a matrix, for tables that are larger than memory: `prompts` says all prompts, in
  // the same order both times that it is called, on_row gets the features of each.
  using Say = std::function<Status(std::string_view prompt, std::uint32_t tools)>;
  using Prompts = std::function<Status(const Say& say)>;
  using OnRow = std::function<void(std::span<const float> x)>;
  Status stream(const Encoder& encoder, const Prompts& prompts, const OnRow& on_row);

  // out has dims() values. false: the encoding is not there yet (decide() asks again), or could not
  // be had.
  bool read(Reading& reading, std::span<float> out) const;

  // The scales, for weight files: kCounts means followed by kCounts deviations.
  [[nodiscard]] std::span<const float> scales() const { return scales_; }
  void set_scales(std::vector<float> scales) { scales_ = std::move(scales); }
  static constexpr std::size_t kCounts = 14;
  static constexpr float kCountWeight = 0.1F;  // of a deviation of a count

 private:
  class Scales;
  void standardise(std::span<float> counts) const;
  // Counts not yet standardised.
  Result<math::Matrix> read_all(const Encoder& encoder, std::span<const std::string> prompts,
                                std::span<const std::uint32_t> tools) const;

  EncodingKey key_;
  std::size_t encoder_dims_ = 0;
  std::string encoder_hash_;
  std::vector<float> scales_;
};

}  // namespace swy::route
