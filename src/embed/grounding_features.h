// What the grounding model sees of every word of an answer: how well the context supports it.
//
// When to use: grounding.h for checking answers; this for training its model (learn) and for
// looking at why a word was judged as it was. Threading: read_grounding is pure; a GroundingScratch
// belongs to one caller. Ownership: texts are borrowed until return; the scratch owns the rest and
// keeps its memory. Meaning of every feature: docs/reference/grounding.md.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "math/matrix.h"
#include "switchyard/result.h"
#include "text/tokenizer.h"

namespace swy::embed {

class Encoder;

struct GroundingText {
  std::string_view question;
  std::string_view context;
  std::string_view answer;
  // Once true, reading and checking give up at the next sentence: kCancelled. May be null.
  const std::atomic<bool>* stop = nullptr;
  [[nodiscard]] bool stopped() const { return stop != nullptr && *stop; }
};

// What stands behind each group of features.
enum class GroundingInput : std::uint8_t { kLexical, kEncoder, kDetector };

inline constexpr std::array kGroundingFeatures = {
    std::string_view("number"), std::string_view("date"), std::string_view("name"),
    std::string_view("word"), std::string_view("function"), std::string_view("negation"),
    std::string_view("unit"), std::string_view("exact"), std::string_view("loose"),
    std::string_view("absent"), std::string_view("rarity"), std::string_view("in_question"),
    std::string_view("agreement"), std::string_view("valued_agreement"),
    std::string_view("in_best_sentence"), std::string_view("in_top_sentences"),
    std::string_view("same_unit"), std::string_view("other_unit"), std::string_view("rival_number"),
    std::string_view("rival"), std::string_view("rival_valued"), std::string_view("rival_lead"),
    std::string_view("negation_differs"), std::string_view("opposite"),
    std::string_view("left_pair"), std::string_view("right_pair"),
    std::string_view("best_coverage"), std::string_view("top_coverage"),
    std::string_view("valued_coverage"), std::string_view("absent_around"),
    std::string_view("absent_before"), std::string_view("absent_after"),
    std::string_view("agreement_before"), std::string_view("agreement_after"),
    std::string_view("function_share"), std::string_view("you_or_i"), std::string_view("question"),
    std::string_view("sentence_length"), std::string_view("capital"),
    // The encoder's token states: cosines between words of the answer and of the context.
    std::string_view("state_best"), std::string_view("state_same"), std::string_view("state_rival"),
    std::string_view("state_sentence"),
    // Logit of "not supported" of a token classification checkpoint.
    std::string_view("detector")};
inline constexpr std::size_t kLexicalFeatures = 39;
inline constexpr std::size_t kEncoderFeatures = 43;  // and all before
inline constexpr std::size_t kAllFeatures = kGroundingFeatures.size();

// More of a text is not read, and `truncated` says so.
inline constexpr std::size_t kMaxGroundingBytes = std::size_t{1} << 20U;

// Longer answers get no states and no detector logits.
inline constexpr std::size_t kMaxNeuralBytes = std::size_t{16} << 10U;

struct GroundingModels {
  const Encoder* encoder = nullptr;   // token states
  const Encoder* detector = nullptr;  // token classification of (detector_prompt, answer)
  std::string_view detector_prompt = "{question}\n{context}";
};

// Memory that a call needs and the next one reuses. Not thread-safe.
class GroundingScratch {
 public:
  GroundingScratch();
  ~GroundingScratch();
  GroundingScratch(GroundingScratch&&) noexcept;
  GroundingScratch& operator=(GroundingScratch&&) noexcept;

  // Of the last read_grounding.
  [[nodiscard]] std::span<const text::ByteSpan> tokens() const;    // words of the answer
  [[nodiscard]] std::span<const std::uint32_t> sentences() const;  // of each token, rising
  [[nodiscard]] const math::Matrix& features() const;              // tokens x kAllFeatures
  [[nodiscard]] bool truncated() const;
  [[nodiscard]] std::span<const float> words() const;  // probabilities, of the last check only

  struct Impl;  // private to src/embed
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Any bytes. Features of inputs that `models` lacks are 0. Fails only where a checkpoint does.
Status read_grounding(const GroundingText& text, const GroundingModels& models,
                      GroundingScratch& scratch);

}  // namespace swy::embed
