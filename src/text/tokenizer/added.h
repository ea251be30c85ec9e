// AddedTokens: the "added_tokens" of a tokenizer.json, which are found in the text before (and,
// with normalized=true, after) the normalizer and never reach the model.
//
// When to use: to cut a text into added tokens and segments. Threading: immutable after build.
// Ownership: owns its contents.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/tokenizer/trie.h"

namespace swy::text::tok {

struct AddedToken {
  std::string content;
  TokenId id = 0;
  bool single_word = false, lstrip = false, rstrip = false, normalized = true, special = false;
};

// A stretch of a text: an added token, or the text between two.
struct Part {
  ByteSpan span;
  bool added = false;
  TokenId id = 0;
};

class AddedMatcher {
 public:
  AddedMatcher() = default;
  // `contents[i]` is what is looked for in place of tokens[i].content.
  AddedMatcher(const std::vector<AddedToken>& tokens, const std::vector<std::string>& contents);
  [[nodiscard]] bool empty() const { return tokens_.empty(); }
  // Appends the parts that cover text, leftmost and longest tokens first. REQUIRES: valid UTF-8.
  void cut(std::string_view text, std::vector<Part>& out) const;

 private:
  // The longest token at `at`, or nullptr.
  [[nodiscard]] const AddedToken* at(std::string_view text, std::size_t at, std::size_t& end) const;

  std::vector<AddedToken> tokens_;
  Trie trie_;
  std::array<bool, 256> first_{};
  char only_first_ = '\0';  // set when all tokens start with the same byte
};

}  // namespace swy::text::tok
