// FuzzyMatcher: how well short phrases occur in a longer text in spite of misspellings.
//
// When to use: keyword signals that must survive typos ("pasword reset" finds "password reset").
// Exact phrases: phrases.h. Threading: immutable after build(); const functions may run on any
// thread. Ownership: owns its tables; the text is borrowed until return. Matching allocates the
// list of scores (one float a phrase).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::text {

struct FuzzyScore {
  std::uint32_t phrase = 0;  // index in the list given to build()
  float score = 0;           // 0..1
};

class FuzzyMatcher {
 public:
  // Fails for n outside 2..5, a phrase shorter than n characters once punctuation is dropped, one
  // longer than 128 characters, or more than 65,000 different n-grams.
  static Result<FuzzyMatcher> build(std::span<const std::string> phrases, std::size_t n = 3);

  // Replaces out by the phrases that score at least `threshold` (above 0), by index. The score is
  // the share of the phrase's n-grams in the best window of the text; windows are a quarter longer
  // than the phrase.
  void match(std::string_view text, float threshold, std::vector<FuzzyScore>& out) const;
  // The best phrase that reaches `threshold` (ties: the lower index), or score 0.
  [[nodiscard]] FuzzyScore best(std::string_view text, float threshold) const;
  [[nodiscard]] std::size_t size() const { return phrases_.size(); }

 private:
  struct Phrase {
    std::uint32_t first = 0;   // its ids in ids_
    std::uint32_t count = 0;   // different n-grams
    std::uint32_t window = 0;  // n-grams of text looked at together
  };
  struct Slot {
    std::uint64_t gram = 0;
    std::uint32_t id = 0;  // 0 is empty
  };
  void scan(std::string_view text, float threshold, std::span<float> best) const;
  void score_block(std::span<const std::uint16_t> ids, std::span<std::uint64_t> seen,
                   float threshold, std::span<float> best) const;
  [[nodiscard]] float best_window(const Phrase& p, std::span<const std::uint16_t> ids,
                                  float bound) const;
  [[nodiscard]] std::uint16_t id_of(std::uint64_t gram) const;

  std::size_t n_ = 3;
  std::vector<Phrase> phrases_;
  std::vector<std::uint16_t> ids_;  // per phrase, ascending
  std::vector<Slot> slots_;         // open addressing, size a power of two
  std::uint32_t grams_ = 0;
  std::uint32_t max_window_ = 0;
};

}  // namespace swy::text
