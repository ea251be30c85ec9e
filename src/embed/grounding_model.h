// The trained part of grounding: from a word's features to the probability that the context does
// not support it, and its file.
//
// When to use: grounding.h reads and applies it; trainers (learn/train_grounding.h) fill and write
// it. Threading: values and pure functions. Ownership: owns everything. The file is JSON, described
// in docs/reference/grounding.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "embed/grounding_features.h"
#include "math/matrix.h"
#include "switchyard/result.h"

namespace swy::embed {

inline constexpr std::int64_t kGroundingVersion = 1;
inline constexpr std::size_t kMaxGroundingHidden = 64;

// z = out . relu(x hidden + hidden_bias) + out_bias. Standardisation is folded into `hidden`.
struct GroundingNet {
  std::size_t inputs = 0;
  std::vector<float> hidden;  // inputs x units
  std::vector<float> hidden_bias;
  std::vector<float> out;
  float out_bias = 0;
  [[nodiscard]] std::size_t units() const { return hidden_bias.size(); }
};

// A rising curve: y at x, straight between, constant outside. Empty: the identity.
struct GroundingCurve {
  std::vector<float> x, y;
  [[nodiscard]] float at(float v) const;
};

// What `around` reads of every word: its own evidence and its neighbours'.
inline constexpr std::size_t kAroundFeatures = 10;

struct GroundingStage {
  GroundingInput input = GroundingInput::kLexical;
  std::string hash;     // content hash of the checkpoint behind the input, "" for kLexical
  GroundingNet word;    // over the first features that the input has
  GroundingNet around;  // over kAroundFeatures: corrects a word by its neighbours
  float slope = 1;      // p(word) = sigmoid(slope * z + offset)
  float offset = 0;
  float threshold = 0.5;  // words at or above it make spans
  GroundingCurve span;    // from a span's score (span_score) to its probability
  GroundingCurve answer;  // from the largest word probability to the whole answer's
};

struct GroundingModel {
  std::vector<GroundingStage> stages;
  std::string figures = "{}";  // JSON objects, carried along
  std::string provenance = "{}";
  std::string content_hash;  // of the file; filled by read
};

// The number of leading features (grounding_features.h) that the input has.
std::size_t feature_count(GroundingInput input);

// Rows of `around`. REQUIRES: z.size() == features.rows() == sentences.size().
void around_features(std::span<const float> z, const math::Matrix& features,
                     std::span<const std::uint32_t> sentences, math::Matrix& out);

// Probabilities of all words of an answer. Buffers are the caller's and reused.
struct GroundingBuffers {
  std::vector<float> z, words;
  math::Matrix around;
};
void score_words(const GroundingStage& stage, const math::Matrix& features,
                 std::span<const std::uint32_t> sentences, GroundingBuffers& buffers);

// Neighbouring words at or above the threshold, inside one sentence; up to two weaker ones between
// two such words are taken along when they are above half the threshold. first .. last are words.
struct GroundingRun {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  float score = 0;  // mean of its largest and its mean probability
};
void find_runs(std::span<const float> words, std::span<const std::uint32_t> sentences,
               float threshold, std::vector<GroundingRun>& out);

// kInvalidArgument when sizes do not fit together or a number is not finite.
[[nodiscard]] Status check_model(const GroundingModel& model);
std::string model_text(const GroundingModel& model);  // REQUIRES: check_model(model)
// kParse, naming the key; kUnsupported for a later version or other features.
Result<GroundingModel> read_model(std::string_view text, const std::string& name);

}  // namespace swy::embed
