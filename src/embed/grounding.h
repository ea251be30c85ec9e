// Grounding: does the context at hand support what an answer says? Stages two and three of the
// hallucination pipeline: which words have no support, and whether the context contradicts them.
//
// When to use: after an answer was made from given text (retrieved passages, tool results, the
// conversation). Without such text there is nothing to compare with. Stage one, whether a question
// needs a factual check at all, is somebody else's probability: needs_check() compares it.
//   auto g = Grounding::load({.model = "models/grounding/grounding.json"});
//   GroundingScratch scratch; GroundingReport report;            // per thread, reused
//   if (g->needs_check(p_needs_facts)) g->check(text, scratch, report);
// Microseconds without checkpoints (words, numbers with units, dates and names are compared);
// tens of milliseconds with an encoder whose token states are compared as well. "Not supported"
// says that the context does not contain it, not that it is wrong. Figures:
// docs/guide/grounding.md.
//
// Threading: a Grounding is immutable; a scratch and a report belong to one caller. Ownership: it
// shares the checkpoints and owns its model; texts are borrowed until return.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "embed/encoder.h"
#include "embed/grounding_features.h"
#include "embed/grounding_model.h"
#include "switchyard/result.h"
#include "text/tokenizer.h"

namespace swy::embed {

enum class Support : std::uint8_t { kSupported, kContradicted, kNotFound };
std::string_view to_string(Support support);  // "supported", "contradicted", "not_found"

// One part of an answer. Byte ranges; {0, 0} is none.
struct GroundingVerdict {
  text::ByteSpan span;  // in the answer
  Support support = Support::kSupported;
  float p_unsupported = 0;  // calibrated unless the report says otherwise
  text::ByteSpan evidence;  // the sentence of the context that comes nearest
  text::ByteSpan said;      // in the answer: the value, name or word that differs
  text::ByteSpan found;     // in the context: what stands in its place
  float p_entailed = -1;    // of the entailment checkpoint; -1: none was asked
  float p_contradicted = -1;
};

struct GroundingReport {
  // The answer in order: runs of words without support, and the sentences that have none such.
  std::vector<GroundingVerdict> verdicts;
  float p_unsupported = 0;  // that anything in the answer has no support
  bool calibrated = true;   // false: a detector's own probabilities, which nobody has calibrated
  bool truncated = false;   // a text over 1 MiB, or more than the entailment checkpoint was asked
  GroundingInput input = GroundingInput::kLexical;  // the evidence that was used
};

struct GroundingOptions {
  std::string model;  // file of `switchyard train grounding`; empty: the one that is built in
  std::shared_ptr<const Encoder> encoder = nullptr;  // sentence encoder: token states
  // Token classification checkpoint over pairs (LettuceDetect and its like). Its label for words
  // without support is the one named like "hallucinated" or "unsupported", else the second.
  std::shared_ptr<const Encoder> detector = nullptr;
  // Sequence classification checkpoint over pairs with labels named like "entailment" and
  // "contradiction".
  std::shared_ptr<const Encoder> entailment = nullptr;
  // First text of the detector's pair; {context} and {question} are replaced. What the checkpoint
  // was trained with, as its card tells.
  std::string detector_prompt = "{question}\n{context}";
  float entailed_above = 0.8F;  // a run that the entailment checkpoint calls entailed with at
                                // least this probability counts as supported
  float check_above = 0.5F;     // of the first stage's probability
};

class Grounding {
 public:
  // Errors name the file or folder. kInvalidArgument: a model that was trained with other
  // checkpoints only, a detector without two labels, an entailment checkpoint without its labels.
  static Result<std::shared_ptr<const Grounding>> load(GroundingOptions options);

  // Total on any bytes; out is replaced. Fails only where a checkpoint does. An answer of more
  // than kMaxNeuralBytes is judged on lexical evidence alone.
  Status check(const GroundingText& text, GroundingScratch& scratch, GroundingReport& out) const;

  [[nodiscard]] bool needs_check(float p_needs_facts) const {
    return p_needs_facts >= options_.check_above;
  }
  [[nodiscard]] const GroundingModel& model() const { return model_; }
  [[nodiscard]] std::size_t memory_bytes() const;  // of the model, without the checkpoints

 private:
  Grounding(GroundingOptions options, GroundingModel model)
      : options_(std::move(options)), model_(std::move(model)) {}
  [[nodiscard]] const GroundingStage* stage_for(GroundingInput input) const;
  Status explain(GroundingScratch& scratch, GroundingReport& out) const;

  GroundingOptions options_;
  GroundingModel model_;
  std::size_t entailment_label_ = 0, contradiction_label_ = 0;
};

}  // namespace swy::embed
