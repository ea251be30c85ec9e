// PreTokenizer: the "pre_tokenizer" of a tokenizer.json, which cuts a segment into words.
//
// When to use: after the normalizer; fills Segment::splits. Threading: immutable. Ownership: owns
// its patterns.
#pragma once

#include <string>
#include <vector>

#include "text/tokenizer/pattern.h"
#include "text/tokenizer/segment.h"

namespace swy::text::tok {

// What happens to the delimiters of a split.
enum class Behavior { kRemoved, kIsolated, kContiguous, kMergedWithPrevious, kMergedWithNext };

struct PreTokenizerStep {
  enum class Kind {
    kBert,
    kWhitespace,
    kWhitespaceSplit,
    kPunctuation,
    kDigits,
    kSplit,
    kMetaspace,
    kByteLevel
  };
  enum class Prepend { kAlways, kFirst, kNever };
  Kind kind = Kind::kBert;
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;                // kSplit: the pattern describes the words
  bool cut = true;                    // kMetaspace: split; kByteLevel: use_regex
  Prepend prepend = Prepend::kNever;  // kMetaspace; kByteLevel with add_prefix_space: kAlways
  std::string mark;                   // what stands for a space: kMetaspace
  Pattern pattern;                    // kSplit, kByteLevel
};

class PreTokenizer {
 public:
  std::vector<PreTokenizerStep> steps;
  // Whether a step asks where in the source a word begins.
  [[nodiscard]] bool needs_places() const;
  // False if a pattern gave up.
  bool apply(Segment& segment) const;
};

}  // namespace swy::text::tok
