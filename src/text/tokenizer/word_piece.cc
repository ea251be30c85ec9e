// WordPiece: the longest entry of the vocabulary at the start of a word, then the longest
// continuing entry ("##...") at every place where the last one ended; a word that cannot be covered
// is unknown as a whole.
//
// Two tries, one for starts and one for continuing entries without their prefix, give the longest
// entry in one walk. Cost: the sum of the walks, at most length x longest entry; a word of more
// than max_characters is not looked at, so that repeated text stays linear. Source: the reference
// library's greedy search (Wu et al., arXiv 1609.08144, inference as in BERT). Test:
// tokenizer_test.cc, tests/parity.
#include "text/tokenizer/model.h"
#include "text/tokenizer/trie.h"
#include "text/tokenizer/unicode.h"

namespace swy::text::tok {
namespace {

class WordPiece final : public Model {
 public:
  WordPiece(Trie starts, Trie continuations, const WordPieceOptions& options)
      : starts_(std::move(starts)),
        continuations_(std::move(continuations)),
        unknown_(options.unknown),
        max_characters_(options.max_characters),
        byte_level_(options.byte_level) {}

  void tokenize(std::string_view text, const std::vector<ByteSpan>& words, ModelScratch&,
                std::size_t most, std::vector<Piece>& out) const override {
    for (const ByteSpan word : words) {
      if (out.size() >= most) return;
      const std::size_t before = out.size();
      if (too_long(text, word) || !cover(text, word, out)) {
        out.resize(before);
        out.push_back({unknown_, word.begin, word.end});
      }
    }
  }
  [[nodiscard]] std::optional<TokenId> unknown() const override { return unknown_; }

 private:
  [[nodiscard]] bool too_long(std::string_view text, ByteSpan word) const {
    const std::size_t size = word.end - word.begin;
    if (size <= max_characters_) return false;
    if (byte_level_ || size > 4 * max_characters_) return true;
    std::size_t characters = 0;
    for (std::uint32_t i = word.begin; i < word.end; ++i)
      characters += is_continuation(text[i]) ? 0 : 1;
    return characters > max_characters_;
  }

  bool cover(std::string_view text, ByteSpan word, std::vector<Piece>& out) const {
    const Trie* trie = &starts_;
    for (std::uint32_t at = word.begin; at < word.end; trie = &continuations_) {
      std::uint32_t node = Trie::kRoot;
      std::uint32_t end = at;
      TokenId id = Trie::kNone;
      for (std::uint32_t i = at; i < word.end;) {
        if (!trie->step(node, static_cast<unsigned char>(text[i]))) break;
        ++i;
        if (trie->value(node) == Trie::kNone) continue;
        id = trie->value(node);
        end = i;
      }
      if (id == Trie::kNone) return false;
      out.push_back({id, at, end});
      at = end;
    }
    return true;
  }

  Trie starts_, continuations_;
  TokenId unknown_;
  std::size_t max_characters_;
  bool byte_level_;
};

}  // namespace

std::unique_ptr<const Model> make_word_piece(const std::vector<VocabEntry>& vocab,
                                             const WordPieceOptions& options) {
  std::vector<Trie::Entry> starts;
  std::vector<Trie::Entry> continuations;
  for (const VocabEntry& e : vocab) {
    starts.emplace_back(e.text, e.id);
    if (e.text.size() > options.prefix.size() && e.text.starts_with(options.prefix))
      continuations.emplace_back(std::string_view(e.text).substr(options.prefix.size()), e.id);
  }
  return std::make_unique<const WordPiece>(Trie(std::move(starts)), Trie(std::move(continuations)),
                                           options);
}

}  // namespace swy::text::tok
