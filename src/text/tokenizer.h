// Tokenizer: text to the token numbers a model was trained with, read from its Hugging Face folder.
//
// When to use: in front of every encoder. WordPiece, BPE (byte-level and with byte fallback) and
// Unigram give the numbers and the places that the reference library (huggingface/tokenizers) gives
// for the same file; what a file asks for and this code does not do is an error at load that names
// it, never a different result (docs/reference/tokenizers.md).
// Threading: a Tokenizer is immutable and shared by all threads; an Encoding belongs to one thread.
// Ownership: load gives a shared_ptr<const>; texts are borrowed until return; an Encoding owns its
// vectors and the working memory behind them, so keep one per thread and reuse it.
//
// Malformed UTF-8 is read as U+FFFD, one for each maximal subpart (what Python's errors="replace"
// does); offsets still count the bytes of the text as it was given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::text {

using TokenId = std::uint32_t;

// Bytes of a text, end excluded. A token that stands for no text (a special one) is {0, 0}.
struct ByteSpan {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  friend bool operator==(const ByteSpan&, const ByteSpan&) = default;
};

struct EncodeOptions {
  bool add_special = true;  // [CLS], [SEP], <s>, ... as the file's post-processor says
  bool offsets = false;     // fill Encoding::offsets
  // Special tokens included. The end of the text is dropped (of a pair: of the longer one first).
  std::size_t max_tokens = std::numeric_limits<std::size_t>::max();
};

// Nothing past this many bytes of a text is read; Encoding::truncated says so.
inline constexpr std::size_t kMaxTokenizedBytes = std::size_t{1} << 28U;

class Encoding {
 public:
  Encoding();
  ~Encoding();
  Encoding(Encoding&&) noexcept;
  Encoding& operator=(Encoding&&) noexcept;

  std::vector<TokenId> ids;
  std::vector<std::uint8_t> type_ids;  // as many as ids; the segment number BERT calls token type
  std::vector<std::uint8_t> special;   // as many as ids; 1: put there by the post-processor
  std::vector<ByteSpan> offsets;  // as many as ids if asked for, else empty; of a pair's second
                                  // text: places in the second text
  // Which ids come from the first and the second text (without special tokens).
  ByteSpan first, second;  // indexes into ids, not bytes
  bool truncated = false;  // tokens or text were dropped
  // A pattern of the file gave up on this text (its step limit); what was left is one piece.
  bool pattern_gave_up = false;

 private:
  friend class Tokenizer;
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

struct SpecialIds {
  std::optional<TokenId> pad, cls, sep, unk,
      mask;  // cls and sep are <s> and </s> in RoBERTa's terms
};

class Tokenizer {
 public:
  // `path`: a folder with tokenizer.json (else vocab.txt and tokenizer_config.json of BERT), or a
  // tokenizer.json file. The error names the file and the place in it.
  static Result<std::shared_ptr<const Tokenizer>> load(const std::string& path);
  // The text of a tokenizer.json; `name` stands for the file in errors.
  static Result<std::shared_ptr<const Tokenizer>> parse(std::string_view json,
                                                        const std::string& name);
  // The texts of BERT's vocab.txt and tokenizer_config.json ("" for none).
  static Result<std::shared_ptr<const Tokenizer>> parse_vocab(std::string_view vocab,
                                                              std::string_view config,
                                                              const std::string& name);
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Replaces what `out` holds. Total: any bytes, any length; time is n log n at most.
  void encode(std::string_view text, const EncodeOptions& options, Encoding& out) const;
  // Cross-encoders: both texts in one sequence.
  void encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options,
                   Encoding& out) const;

  [[nodiscard]] std::optional<TokenId> id_of(std::string_view token) const;
  // The token as the file spells it ("##ing", "Ġthe"); "" for an id that does not exist.
  [[nodiscard]] std::string_view token(TokenId id) const;
  // One more than the largest id: the rows an embedding table needs.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] const SpecialIds& special() const;
  [[nodiscard]] std::size_t special_count(bool pair) const;  // added by add_special

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace swy::text
