// Rewriting chosen strings inside a JSON text, the rest byte for byte as it was.
//
// When to use: masking in requests, restoring and guarding in answers and stream events, where
// re-encoding the whole would lose what the decoder does not know. Threading: pure. Ownership: the
// callback's text lives until it returns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::chat {

// Where a string stands: member names (unescaped) and array positions from the root on.
struct JsonPlace {
  struct Step {
    std::string key;        // "" for an array element
    std::size_t index = 0;  // in the array
  };
  std::vector<Step> steps;
};

class TextRewriter {
 public:
  virtual ~TextRewriter() = default;
  // Replaces `text` (unescaped) if true is returned.
  virtual bool rewrite(const JsonPlace& place, std::string& text) = 0;
};

// Visits every string value of json in order. REQUIRES: json is well-formed (a parser accepted it);
// otherwise kParse, and out is not to be used. Depth is at most kMaxDepth.
[[nodiscard]] Status splice_strings(std::string_view json, TextRewriter& rewriter,
                                    std::string& out);

// Texts of a request that a model reads as content: message content and parts, and the arguments of
// earlier tool calls.
[[nodiscard]] bool is_request_text(const JsonPlace& place);

// A text that an answer gives: which choice it belongs to, and whether it is JSON inside a string.
struct AnswerText {
  std::size_t choice = 0;  // position in "choices"
  std::size_t call = 0;    // position of the tool call
  bool arguments = false;  // a tool call's arguments: JSON in a string
};
// `part`: "message" of a whole answer, "delta" of a stream's chunk.
[[nodiscard]] std::optional<AnswerText> answer_text(const JsonPlace& place, std::string_view part);

}  // namespace swy::chat
