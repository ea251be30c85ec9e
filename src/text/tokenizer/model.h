// Model: the "model" of a tokenizer.json: words to pieces of the vocabulary.
//
// When to use: after the pre-tokenizer. WordPiece, BPE and Unigram implement it. Threading:
// immutable; the caller brings the working memory. Ownership: implementations own their tables.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace swy::text::tok {

// A token and the bytes of the segment's text it stands for.
struct Piece {
  TokenId id = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

// Working memory of the models, reused from text to text.
struct ModelScratch {
  struct Symbol {  // BPE: a linked list over the word
    TokenId id = 0;
    std::uint32_t size = 0;  // bytes; 0 when it was merged into the one before
    std::int32_t previous = -1, next = -1;
  };
  struct Candidate {  // BPE: a pair that may be merged
    std::uint32_t rank = 0, left = 0;
    TokenId id = 0;
  };
  struct Best {  // Unigram: the best path that ends before a byte
    double score = 0;
    TokenId id = 0;
    std::uint32_t begin = 0;
    bool reached = false;
  };
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
  std::vector<Best> best;
  std::vector<Piece> path;
  std::string word;
};

class Model {
 public:
  virtual ~Model() = default;
  // Appends the pieces of text[word) for each word, until `out` has at least `most`.
  virtual void tokenize(std::string_view text, const std::vector<ByteSpan>& words,
                        ModelScratch& scratch, std::size_t most, std::vector<Piece>& out) const = 0;
  [[nodiscard]] virtual std::optional<TokenId> unknown() const = 0;
};

struct VocabEntry {
  std::string text;
  TokenId id = 0;
  double score = 0;  // Unigram
};

struct WordPieceOptions {
  TokenId unknown = 0;
  std::string prefix = "##";
  std::size_t max_characters = 100;  // a longer word is unknown as a whole
  bool byte_level = false;           // a byte counts as a character
};
std::unique_ptr<const Model> make_word_piece(const std::vector<VocabEntry>& vocab,
                                             const WordPieceOptions& options);

struct BpeOptions {
  std::optional<TokenId> unknown;
  std::string prefix, suffix;  // of continuing pieces, of the last piece
  bool fuse_unknown = false, byte_fallback = false, ignore_merges = false;
  bool byte_level = false;  // vocab and merges are spelled in raw bytes
};
using Merges = std::vector<std::pair<std::string, std::string>>;
Result<std::unique_ptr<const Model>> make_bpe(const std::vector<VocabEntry>& vocab,
                                              const Merges& merges, const BpeOptions& options);

struct UnigramOptions {
  TokenId unknown = 0;
  double lowest_score = 0;  // of the whole vocabulary
  bool byte_fallback = false;
  bool byte_level = false;  // a byte counts as a character
};
std::unique_ptr<const Model> make_unigram(const std::vector<VocabEntry>& vocab,
                                          const UnigramOptions& options);

}  // namespace swy::text::tok
