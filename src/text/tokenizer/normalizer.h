// Normalizer: the "normalizer" of a tokenizer.json, a list of steps over a segment.
//
// When to use: once per segment, before added tokens with normalized=true are looked for. What the
// steps do to single ASCII characters is tabulated when the steps are complete, so that an ASCII
// text costs one pass. Threading: immutable after finish. Ownership: owns its rules.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer/charsmap.h"
#include "text/tokenizer/pattern.h"
#include "text/tokenizer/segment.h"

namespace swy::text::tok {

struct NormalizerStep {
  enum class Kind {
    kBert,
    kForm,
    kLowercase,
    kStripAccents,
    kStrip,
    kReplace,
    kPrepend,
    kCharsmap,
    kNmt
  };
  Kind kind = Kind::kLowercase;
  bool clean = false, cjk = false, accents = false, lower = false;  // kBert
  bool left = false, right = false;                                 // kStrip
  Form form = Form::kNfc;                                           // kForm
  Pattern pattern;                                                  // kReplace
  std::string text;                                                 // kReplace, kPrepend
  std::shared_ptr<const Charsmap> charsmap;                         // kCharsmap
};

class Normalizer {
 public:
  std::vector<NormalizerStep> steps;
  void finish();  // REQUIRES: called once, after the last step was added

  // False if a pattern gave up.
  bool apply(Segment& segment) const;
  // The same on a string of its own, for the contents of added tokens.
  [[nodiscard]] std::string apply(std::string_view text) const;

 private:
  bool apply_steps(Segment& segment) const;
  static constexpr unsigned char kSlow = 0xFF;
  std::array<unsigned char, 128> ascii_{};  // what a character becomes; kSlow: not just one
  bool same_ascii_ = true;                  // ascii_ changes nothing
  bool by_character_ = false;               // the steps act on single characters only
};

}  // namespace swy::text::tok
