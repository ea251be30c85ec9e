// TextHead: a trained classifier over a text's cheap evidence and, where that is unsure, over a
// sentence embedding; with confidences that mean probability, an out-of-scope score and abstention.
//
// When to use: signals (domain, task, an operator's own labels from `switchyard train signal`).
//   Grams grams; HeadScore score;               // per thread, reused
//   grams.read(text);
//   head->cheap({.grams = &grams, .static_embedding = e}, score);
//   if (!score.sure && head->has_encoder_stage()) head->refine(encoder_embedding, score);
// Threading: a TextHead is immutable, any number of threads; Grams and HeadScore belong to one
// thread. Ownership: load() gives a shared snapshot; HeadScore owns its memory and reuses it: no
// allocation after the first call. The file: docs/reference/heads.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "embed/grams.h"
#include "switchyard/result.h"

namespace swy::embed {

// What the process has: content hashes of the static embedding and of the encoder's weights, ""
// where it has none. A head names those that it was trained with.
struct HeadInputs {
  std::string static_hash;
  std::string encoder_hash;
};

// What cheap() looks at. A head without static features ignores static_embedding, and so on.
struct CheapInput {
  const Grams* grams = nullptr;
  std::span<const float> static_embedding;
};

struct HeadScore {
  std::vector<float> probabilities;  // one per label, calibrated
  std::uint32_t best = 0;            // index of the label with the highest probability
  float confidence = 0;              // estimated probability that `best` is right
  float out_of_scope = 0;            // higher: less like anything the head was trained on; 0..1
  bool abstain = false;              // confidence or scope is on the wrong side of its threshold
  bool sure = false;                 // the encoder stage would not change much, or there is none
  bool refined = false;              // from the encoder stage

  std::vector<float> cheap_logits;  // refine() adds to these; not for callers
  std::vector<float> scratch;
};

class HeadImpl;

class TextHead {
 public:
  // kNotFound, kIo; kParse: not a head file, damaged or of a later version (the message names the
  // tensor or key); kInvalidArgument: trained with another static embedding or encoder than
  // `given`. A stage whose input `given` lacks is left out; kUnsupported when none is left.
  static Result<std::shared_ptr<const TextHead>> load(const std::string& path,
                                                      const HeadInputs& given = {});
  // The same from bytes; `name` is for messages.
  static Result<std::shared_ptr<const TextHead>> parse(std::string_view bytes,
                                                       const std::string& name,
                                                       const HeadInputs& given = {});
  ~TextHead();
  TextHead(const TextHead&) = delete;
  TextHead& operator=(const TextHead&) = delete;

  [[nodiscard]] std::span<const std::string> labels() const;
  [[nodiscard]] const std::string& name() const;  // as given to the trainer: "domain"
  [[nodiscard]] const std::string& content_hash() const;
  [[nodiscard]] const std::string& metadata() const;  // JSON: features, figures, provenance
  [[nodiscard]] bool multilabel() const;  // probabilities are independent and need not sum to 1
  [[nodiscard]] bool has_cheap_stage() const;
  [[nodiscard]] bool has_encoder_stage() const;
  [[nodiscard]] bool uses_grams() const;
  [[nodiscard]] bool uses_static() const;
  [[nodiscard]] std::size_t static_dims() const;   // 0: not used
  [[nodiscard]] std::size_t encoder_dims() const;  // 0: not used
  [[nodiscard]] std::size_t memory_bytes() const;
  // Thresholds of the file; a caller may hold others against the score's figures.
  [[nodiscard]] float unsure_below() const;
  [[nodiscard]] float abstain_below() const;
  [[nodiscard]] float out_of_scope_above() const;

  // REQUIRES: has_cheap_stage(); the inputs that uses_grams() and uses_static() name, with
  // static_dims() values.
  void cheap(const CheapInput& input, HeadScore& out) const;
  // REQUIRES: has_encoder_stage(); encoder_dims() values; where has_cheap_stage(), `score` is what
  // cheap() of this head wrote for the same text.
  void refine(std::span<const float> embedding, HeadScore& score) const;

 private:
  explicit TextHead(std::unique_ptr<const HeadImpl> impl);
  std::unique_ptr<const HeadImpl> impl_;
};

}  // namespace swy::embed
