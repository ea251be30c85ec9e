// Pattern: the regular expressions and literals of a tokenizer.json, found one after the other.
//
// When to use: Replace normalizers and Split pre-tokenizers. The expressions that byte-level models
// share (GPT-2, Llama 3, Qwen 2) are recognised by their text and matched by hand in linear time;
// any other goes to Oniguruma, the engine of the reference library, so that its dialect is the
// same. Such an expression comes from the operator's model, not from a client; its steps on one
// place of a text are limited. Threading: immutable. Ownership: owns the compiled expression.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"
#include "text/tokenizer.h"

namespace swy::text::tok {

class Pattern {
 public:
  static Result<Pattern> literal(std::string text);  // REQUIRES: not empty
  static Result<Pattern> regex(const std::string& expression);
  static Pattern gpt2();

  // Appends the non-overlapping matches in text, leftmost first, ascending (they may be empty).
  // False if the step limit was reached: matches end there.
  bool find(std::string_view text, std::vector<ByteSpan>& out) const;
  // Bytes of a literal; 0 for an expression.
  [[nodiscard]] std::size_t literal_size() const { return literal_.size(); }

 private:
  enum class Kind { kLiteral, kGpt2, kLlama3, kQwen2, kOniguruma };
  struct Compiled;
  Kind kind_ = Kind::kLiteral;
  std::string literal_;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace swy::text::tok
