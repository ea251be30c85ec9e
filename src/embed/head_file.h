// HeadData: what a head file holds, as plain values; and the file's bytes.
//
// When to use: trainers fill one and write it (learn/train_head.h); head.h reads and applies it.
// Threading: values. Ownership: owns everything. Format (safetensors with one JSON text in its
// metadata) and meaning of every field: docs/reference/heads.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::embed {

inline constexpr std::int64_t kHeadVersion = 1;
inline constexpr std::size_t kMaxHeadLabels = 4096;
inline constexpr std::size_t kMaxHeadDims = 8192;
inline constexpr unsigned kMaxGramBits = 20;

// logits = grams * gram_weights + embedding block + bias + cheap_weight * the cheap stage's logits.
// The embedding block is weights * e, or weights * n(projection * e) with n(x) = x / |x|.
struct HeadStage {
  unsigned gram_bits = 0;                 // 0: no grams; else 2^gram_bits rows
  std::vector<std::int8_t> gram_weights;  // rows x labels
  std::vector<float> gram_scale;          // rows: weight = scale * int8
  std::vector<std::uint8_t> gram_idf;     // rows: idf = step * uint8
  float gram_idf_step = 0;

  std::size_t dims = 0;           // of the embedding; 0: none
  std::size_t projected = 0;      // rows of projection; 0: none
  std::vector<float> projection;  // projected x dims
  std::vector<float> weights;     // labels x (projected or dims)
  std::vector<float> bias;        // labels
  float cheap_weight = 0;         // encoder stage only

  std::vector<float> slope;   // labels: probability = link(slope * logit + offset); Platt, or
  std::vector<float> offset;  // 1 / temperature and 0
  std::vector<float> isotonic_x, isotonic_y;  // confidence = y at x = top probability; may be empty
  std::vector<float> scope;  // ascending energies of in-scope texts at even quantiles; may be empty
};

struct HeadData {
  std::string name;
  std::string type;  // "linear", "prototype", "contrastive"
  std::vector<std::string> labels;
  bool multilabel = false;
  std::optional<HeadStage> cheap;    // its embedding is the static one
  std::optional<HeadStage> encoder;  // its embedding is the encoder's
  std::string static_hash, encoder_hash, encoder_name;
  float unsure_below = 0;
  float abstain_below = 0;
  float out_of_scope_above = 1;
  std::string figures = "{}";  // JSON objects, carried along
  std::string provenance = "{}";
  std::string content_hash;  // of the file; filled by read_head
  std::string metadata;      // the JSON text of the file; filled by read_head
};

// kInvalidArgument when sizes do not fit together or a number is not finite.
[[nodiscard]] Status check_head(const HeadData& head);
// REQUIRES: check_head(head).
std::string head_bytes(const HeadData& head);
// kParse, naming the key or tensor at fault.
Result<HeadData> read_head(std::string_view bytes);

}  // namespace swy::embed
