// The sequence tagger behind detect_pii(): its tokens, its features and its weights.
//
// When to use: training (learn) and tests; everybody else calls detect_pii(). A linear-chain model:
// score(labels) = sum over tokens of w[feature, label] + t[previous label, label], decoded exactly
// (Viterbi). Labels are O and B-/I- of the first kTaggedPiiTypes types. Threading: PiiModel is
// immutable. Ownership: PiiModel owns its weights; tokens refer to the text.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"
#include "text/pii.h"

namespace swy::text {

// Chunk kinds: the tagged types, and one more for whole addresses (several parts in one span),
// which are street addresses to everybody else. Label 0 is O, then the B of every kind, then the I.
inline constexpr std::size_t kPiiKinds = kTaggedPiiTypes + 1;
inline constexpr std::size_t kPiiWholeAddress = kTaggedPiiTypes;
inline constexpr std::size_t kPiiLabels = 1 + 2 * kPiiKinds;
inline constexpr std::size_t kPiiOutside = 0;
constexpr std::size_t pii_begin_label(std::size_t kind) { return 1 + kind; }
constexpr std::size_t pii_inside_label(std::size_t kind) { return 1 + kPiiKinds + kind; }
constexpr bool pii_is_inside(std::size_t label) { return label > kPiiKinds; }
// 0 for O, 1 + kind for B and I.
constexpr std::size_t pii_state(std::size_t label) {
  return pii_is_inside(label) ? label - kPiiKinds : label;
}
inline constexpr std::size_t kPiiStates = 1 + kPiiKinds;
constexpr PiiType pii_type_of_kind(std::size_t kind) {
  return kind == kPiiWholeAddress ? PiiType::kStreetAddress : static_cast<PiiType>(kind);
}

// A run of letters, a run of digits, one other character, or one span that a pattern found.
struct PiiToken {
  std::uint32_t begin = 0, end = 0;
  std::uint64_t word = 0;  // hash of the folded text (of the type's name for a pattern's span)
  std::uint64_t suffix3 = 0, suffix2 = 0, prefix3 = 0;
  std::uint32_t shape = 0;  // case, kind and length class
  std::uint32_t lists = 0;  // bits: which built-in word lists hold the word
  std::uint32_t line = 0;   // place in its line: first, last, how the line is led in
  std::uint64_t label = 0;  // the word before the last colon of this line or, for a line's first
                            // token, of the line before
  std::uint64_t lead = 0;   // the two words before the first number of this paragraph
  std::uint64_t lead1 = 0;  // the one word before it
  bool cold = false;        // small letters among small letters: taken as O unseen
  bool cased = false;       // the text has both small and capital letters
  std::uint8_t gap = 0;     // 0 joined to the token before, 1 after a space, 2 after a line end
  std::uint8_t hint = 0;    // bits: begins or lies in a group that may be a telephone number
};

// Replaces out. `sure` and `hints`: spans of patterns, in order of begin.
void pii_tokens(std::string_view text, std::span<const PiiSpan> sure,
                std::span<const PiiSpan> hints, std::vector<PiiToken>& out);

inline constexpr std::size_t kPiiFeatures = 36;
using PiiFeatures = std::array<std::uint64_t, kPiiFeatures>;
// Features that say what the word is rather than what it looks like or what stands around it: a
// trainer hides them at times so that names it has not seen are found too.
inline constexpr std::size_t kPiiLexicalFeatures = 6;  // the first ones
// REQUIRES: i < tokens.size().
void pii_features(std::span<const PiiToken> tokens, std::size_t i, PiiFeatures& out);

class PiiModel {
 public:
  using Row = std::array<std::int8_t, kPiiLabels>;
  static constexpr float kScale = 16;  // a weight of 1 is stored as 16
  struct Weights {
    std::vector<std::pair<std::uint64_t, Row>> features;
    // From O or a kind to O or the beginning of a kind, and from within a kind to its inside.
    std::array<std::array<std::int16_t, kPiiStates>, kPiiStates> transition{};  // [from][to]
    std::array<std::int16_t, kPiiStates> stay{};
    // confidence of a span = 1 / (1 + exp(-(slope x ln(1 + margin) + offset)))
    float slope = 1, offset = 0;
  };

  // The bytes of a model file; features that find no place in the table are counted in `lost`.
  static std::string pack(const Weights& weights, std::size_t& lost);
  static Result<PiiModel> parse(std::string_view bytes);
  // The one inside the program.
  static const PiiModel& builtin();

  struct Tagged {
    std::uint32_t first = 0, last = 0;  // tokens
    PiiType type = PiiType::kPerson;
    float margin = 0;  // least lead of the span's labels over the other labels, in score
  };
  void tag(std::span<const PiiToken> tokens, std::vector<Tagged>& out) const;
  [[nodiscard]] float confidence(float margin) const;

 private:
  static constexpr std::size_t kLanes = 32;   // bytes of a slot: 29 weights, 1 free, 2 of the tag
  static constexpr std::size_t kStates = 16;  // kPiiStates, filled up
  struct alignas(32) Slot {
    std::array<std::int8_t, kLanes - 2> weight;
    std::uint16_t tag;
  };
  static constexpr std::size_t kProbe = 8;          // slots a feature may lie in
  using Scores = std::array<std::int16_t, kLanes>;  // by label
  using States = std::array<std::int16_t, kStates>;
  struct Path {      // the best score that ends at this token, by state
    States outer{};  // O and B
    States inner{};  // I
  };
  struct Back {
    States from{};    // the state before, of a path that ends in outer
    States inside{};  // of that state: whether it was I
  };
  void emit(const PiiFeatures& features, Scores& out) const;
  void step(const Scores& emission, Path& path, Back& back) const;
  static float lead(const Scores& emission, std::size_t label);

  std::vector<Slot> slots_;          // a power of two
  std::vector<std::uint16_t> tags_;  // of the slots; the first kProbe come again at the end
  unsigned shift_ = 0;
  std::array<States, kStates> transition_{};  // [from][to]
  States stay_{};
  States most_{};                  // of a row of transition_
  std::int16_t least_from_o_ = 0;  // of its row O
  float slope_ = 1, offset_ = 0;
};

// What the patterns find; what the trainer must know.
void pii_patterns(std::string_view text, std::vector<PiiSpan>& sure, std::vector<PiiSpan>& hints);

}  // namespace swy::text
