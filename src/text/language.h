// The natural language of a text.
//
// When to use: language signals. Threading: pure function, any thread. Ownership: the code refers
// to static storage.
#pragma once

#include <string_view>

namespace swy::text {

struct Language {
  std::string_view code =
      "und";  // ISO 639-1 where there is one ("en", "zh", "zh-Hant"), else 639-2/3; "und": unknown.
              // Hebrew is "iw", Javanese "jw", Norwegian "no", as CLD2 names them
  float confidence = 0;  // 0..1, an estimate of the probability that `code` is right; 0 for "und"
};

// Reads the first 4 KiB outside of code fences, inline code and URLs. Texts with fewer than
// kMinLetters letters (a CJK character counts as four) and texts that are mostly code symbols are
// "und".
inline constexpr int kMinLetters = 12;
Language detect_language(std::string_view text);

}  // namespace swy::text
