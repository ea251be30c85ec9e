// Unigram: of all ways to write a word as entries of the vocabulary, the one with the largest sum
// of scores (log probabilities): best(end) = max over entries w ending there of best(end - |w|) +
// score(w), by dynamic programming from left to right, all entries at a place from one trie walk.
// A character that no entry covers costs the lowest score minus 10. Kudo, arXiv 1804.10959.
//
// Unknown characters in a row are one unknown token, or the bytes of it with byte fallback. Sums
// are taken in the order of the reference and the first of equal paths stays, so that results are
// the same bit for bit. Cost: length x longest entry. Test: models_test.cc (against all
// segmentations), tests/parity.
#include <algorithm>
#include <array>
#include <limits>

#include "text/tokenizer/model.h"
#include "text/tokenizer/trie.h"
#include "text/tokenizer/unicode.h"

namespace swy::text::tok {
namespace {

constexpr double kUnknownPenalty = 10.0;  // SentencePiece's kUnkPenalty

class Unigram final : public Model {
 public:
  Unigram(const std::vector<VocabEntry>& vocab, const UnigramOptions& options) : options_(options) {
    std::vector<Trie::Entry> entries;
    entries.reserve(vocab.size());
    TokenId largest = 0;
    for (const VocabEntry& e : vocab) {
      entries.emplace_back(e.text, e.id);
      largest = std::max(largest, e.id);
    }
    scores_.resize(std::size_t{largest} + 1);
    for (const VocabEntry& e : vocab) scores_[e.id] = e.score;
    trie_ = Trie(std::move(entries));
    for (std::size_t b = 0; b < 256; ++b) {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      bytes_[b] = trie_.find(std::string("<0x") + kHex[b >> 4U] + kHex[b & 15U] + ">");
    }
  }

  void tokenize(std::string_view text, const std::vector<ByteSpan>& words, ModelScratch& scratch,
                std::size_t most, std::vector<Piece>& out) const override {
    for (const ByteSpan word : words) {
      if (out.size() >= most) return;
      const std::string_view w = text.substr(word.begin, word.end - word.begin);
      search(w, scratch.best);
      trace(w, word.begin, scratch, out);
    }
  }
  [[nodiscard]] std::optional<TokenId> unknown() const override { return options_.unknown; }

 private:
  using Best = ModelScratch::Best;

  void search(std::string_view word, std::vector<Best>& best) const {
    best.assign(word.size() + 1, Best{});
    const auto offer = [&](std::size_t begin, std::size_t end, TokenId id, double score) {
      Best& b = best[end];
      if (b.reached && !(score > b.score)) return;
      b = {score, id, static_cast<std::uint32_t>(begin), true};
    };
    const double unknown_score = options_.lowest_score - kUnknownPenalty;
    for (std::size_t at = 0; at < word.size();) {
      std::size_t size = 1;
      if (!options_.byte_level) decode(word, at, size);
      const double before = best[at].score;
      bool covered = false;
      std::uint32_t node = Trie::kRoot;
      for (std::size_t i = at; i < word.size();) {
        if (!trie_.step(node, static_cast<unsigned char>(word[i]))) break;
        ++i;
        const TokenId id = trie_.value(node);
        if (id == Trie::kNone) continue;
        offer(at, i, id, scores_[id] + before);
        covered = covered || i - at == size;
      }
      if (!covered) offer(at, at + size, options_.unknown, unknown_score + before);
      at += size;
    }
  }

  // The best path, unknown stretches joined, appended in text order.
  void trace(std::string_view word, std::uint32_t shift, ModelScratch& scratch,
             std::vector<Piece>& out) const {
    std::vector<Piece>& path = scratch.path;
    path.clear();
    for (auto end = static_cast<std::uint32_t>(word.size()); end > 0;) {
      const Best& b = scratch.best[end];
      const bool joins =
          b.id == options_.unknown && !path.empty() && path.back().id == options_.unknown;
      if (joins) {
        path.back().begin = b.begin;
      } else {
        path.push_back({b.id, b.begin, end});
      }
      end = b.begin;
    }
    for (auto p = path.rbegin(); p != path.rend(); ++p) {
      if (p->id == options_.unknown) {
        spell_unknown(word.substr(p->begin, p->end - p->begin), shift + p->begin, out);
      } else {
        out.push_back({p->id, shift + p->begin, shift + p->end});
      }
    }
  }

  void spell_unknown(std::string_view part, std::uint32_t begin, std::vector<Piece>& out) const {
    const auto end = begin + static_cast<std::uint32_t>(part.size());
    const auto byte = [&](char c) { return bytes_[static_cast<unsigned char>(c)]; };
    const TokenId whole = trie_.find(part);
    if (whole == Trie::kNone && options_.byte_fallback &&
        std::all_of(part.begin(), part.end(), [&](char c) { return byte(c) != Trie::kNone; })) {
      for (const char c : part) out.push_back({byte(c), begin, end});
      return;
    }
    out.push_back({whole == Trie::kNone ? options_.unknown : whole, begin, end});
  }

  Trie trie_;
  std::vector<double> scores_;  // by id
  UnigramOptions options_;
  std::array<TokenId, 256> bytes_{};
};

}  // namespace

std::unique_ptr<const Model> make_unigram(const std::vector<VocabEntry>& vocab,
                                          const UnigramOptions& options) {
  return std::make_unique<const Unigram>(vocab, options);
}

}  // namespace swy::text::tok
