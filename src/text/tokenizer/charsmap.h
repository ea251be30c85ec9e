// Charsmap: the normalization rules that SentencePiece compiles into a model ("Precompiled").
//
// When to use: the Precompiled normalizer. Format: a little-endian 32-bit size in bytes, that many
// bytes of a double-array trie (Darts: 32-bit units), then the replacement texts, each ended by a
// zero byte. Threading: immutable. Ownership: owns its copy.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"
#include "text/tokenizer/unicode.h"

namespace swy::text::tok {

class Charsmap {
 public:
  static Result<Charsmap> decode_base64(std::string_view base64);
  // What replaces `chunk`: the rule of its shortest prefix that has one, as the reference does it.
  [[nodiscard]] std::optional<std::string_view> replacement(std::string_view chunk) const;
  // Replaces every grapheme of fewer than six bytes that has a rule, else every such character.
  void apply(Chars& chars, Chars& spare) const;

 private:
  std::vector<std::uint32_t> units_;
  std::string texts_;
};

// The end of the extended grapheme cluster (UAX 29) that starts at chars[at].
std::size_t grapheme_end(const Chars& chars, std::size_t at);

}  // namespace swy::text::tok
