// Byte pair encoding: a word starts as its characters (under ByteLevel: bytes); of all neighbouring
// pairs in the merge list the one of lowest rank, leftmost first, becomes one symbol, until no pair
// is left. Sennrich et al., arXiv 1508.07909; byte-level form: GPT-2.
//
// Short words: the lowest rank is found by scanning (n x n, n <= 24). Long ones: a heap of
// candidates, stale ones dropped when they come up: n log n whatever the text repeats. Most words
// of real text are entries of the vocabulary that their own merges lead to; which entries those are
// is worked out when the model is built, so that such a word costs one look-up. Models without a
// pre-tokenizer (Llama 2, Gemma) get a whole text as one word: it is cut before every U+2581 that
// no merge can join to the character before it, which changes nothing, and the parts are done as
// words. It loses on text without word boundaries, where everything goes through the heap.
// Follows the reference also in its corners: a pending unknown token is not flushed before byte
// fallback, a character without entry and without unknown token vanishes and later places move up.
// Test: models_test.cc (scan = heap), tokenizer_test.cc, tests/parity.
#include <algorithm>
#include <array>
#include <unordered_set>

#include "text/tokenizer/model.h"
#include "text/tokenizer/trie.h"
#include "text/tokenizer/unicode.h"

namespace swy::text::tok {
namespace {

constexpr std::size_t kScanLimit = 24;  // above it the heap is faster (measured)
constexpr TokenId kNone = Trie::kNone;
constexpr std::string_view kMark = "\u2581";  // what SentencePiece models write for a space

// Pairs of tokens to rank and result: open addressing, a power of two of slots, at most half full.
class MergeTable {
 public:
  struct Slot {
    TokenId left = kNone, right = kNone;
    std::uint32_t rank = kNone;
    TokenId id = 0;
  };
  explicit MergeTable(std::size_t count) {
    std::size_t size = 16;
    while (size < 2 * count) size *= 2;
    slots_.resize(size);
  }
  void set(const Slot& s) { slots_[place(s.left, s.right)] = s; }
  // rank is kNone if there is no such pair.
  [[nodiscard]] const Slot& get(TokenId left, TokenId right) const {
    return slots_[place(left, right)];
  }

 private:
  [[nodiscard]] std::size_t place(TokenId left, TokenId right) const {
    const std::size_t mask = slots_.size() - 1;
    const std::uint64_t key = std::uint64_t{left} << 32U | right;
    std::size_t i = (key * 0x9E3779B97F4A7C15ULL >> 20U) & mask;  // Fibonacci hashing
    while (slots_[i].rank != kNone && (slots_[i].left != left || slots_[i].right != right))
      i = (i + 1) & mask;
    return i;
  }
  std::vector<Slot> slots_;
};

class Bpe final : public Model {
 public:
  Bpe(const std::vector<VocabEntry>& vocab, Trie trie, MergeTable merges, BpeOptions options)
      : trie_(std::move(trie)), merges_(std::move(merges)), options_(std::move(options)) {
    affixes_ = !options_.prefix.empty() || !options_.suffix.empty();
    for (std::size_t b = 0; b < 256; ++b) {
      const char c = static_cast<char>(static_cast<unsigned char>(b));
      byte_[b] = trie_.find(std::string_view(&c, 1));
      constexpr std::string_view kHex = "0123456789ABCDEF";
      fallback_[b] = trie_.find(std::string("<0x") + kHex[b >> 4U] + kHex[b & 15U] + ">");
    }
    find_direct(vocab);
    find_cuts(vocab);
  }

  void tokenize(std::string_view text, const std::vector<ByteSpan>& words, ModelScratch& scratch,
                std::size_t most, std::vector<Piece>& out) const override {
    for (const ByteSpan word : words) {
      for (std::uint32_t at = word.begin; at < word.end;) {
        if (out.size() >= most) return;
        const std::uint32_t end = cuts_ ? next_cut(text, at, word.end) : word.end;
        tokenize_word(text.substr(at, end - at), at, scratch, out);
        at = end;
      }
    }
  }
  [[nodiscard]] std::optional<TokenId> unknown() const override { return options_.unknown; }

 private:
  using Symbol = ModelScratch::Symbol;
  using Symbols = std::vector<Symbol>;

  void tokenize_word(std::string_view word, std::uint32_t at, ModelScratch& scratch,
                     std::vector<Piece>& out) const {
    const TokenId id = trie_.find(word);
    if (id != kNone && direct_[id]) {
      out.push_back({id, at, at + static_cast<std::uint32_t>(word.size())});
      return;
    }
    merge_word(word, scratch);
    for (std::int32_t i = scratch.symbols.empty() ? -1 : 0; i >= 0;) {
      const Symbol& s = scratch.symbols[static_cast<std::size_t>(i)];
      out.push_back({s.id, at, at + s.size});
      at += s.size;
      i = s.next;
    }
  }

  // Which characters stand before U+2581 inside some entry: a merge may join those two. Byte tokens
  // and the unknown token spell something else than they stand for, so both sides of a cut must be
  // entries of their own.
  void find_cuts(const std::vector<VocabEntry>& vocab) {
    cuts_ =
        !affixes_ && !options_.byte_level && !options_.ignore_merges && trie_.find(kMark) != kNone;
    for (const VocabEntry& e : vocab) {
      for (std::size_t at = e.text.find(kMark, 1); at != std::string::npos;
           at = e.text.find(kMark, at + 1)) {
        joins_mark_.insert(character_before(e.text, at));
      }
    }
  }

  [[nodiscard]] std::uint32_t next_cut(std::string_view text, std::uint32_t from,
                                       std::uint32_t end) const {
    const std::string_view word = text.substr(0, end);
    for (std::size_t at = word.find(kMark, from + 1); at != std::string_view::npos;
         at = word.find(kMark, at + 1)) {
      const std::string before = character_before(word, at);
      if (!joins_mark_.contains(before) && trie_.find(before) != kNone)
        return static_cast<std::uint32_t>(at);
    }
    return end;
  }

  // REQUIRES: at > 0, and a character starts there.
  static std::string character_before(std::string_view text, std::size_t at) {
    std::size_t begin = at - 1;
    while (begin > 0 && is_continuation(text[begin])) --begin;
    return std::string(text.substr(begin, at - begin));
  }

  // The entries of the vocabulary that a word of the same text becomes.
  void find_direct(const std::vector<VocabEntry>& vocab) {
    TokenId largest = 0;
    for (const VocabEntry& e : vocab) largest = std::max(largest, e.id);
    direct_.assign(std::size_t{largest} + 1, options_.ignore_merges);
    if (options_.ignore_merges) return;
    ModelScratch scratch;
    for (const VocabEntry& e : vocab) {
      if (e.text.empty() || trie_.find(e.text) != e.id) continue;
      merge_word(e.text, scratch);
      const Symbols& s = scratch.symbols;
      direct_[e.id] = !s.empty() && s[0].next < 0 && s[0].id == e.id && s[0].size == e.text.size();
    }
  }

  void merge_word(std::string_view word, ModelScratch& scratch) const {
    start(word, scratch);
    Symbols& s = scratch.symbols;
    if (s.size() > kScanLimit) {
      link(s);
      merge_by_heap(s, scratch.heap);
    } else {
      merge_by_scan(s);
      link(s);
    }
  }

  static void link(Symbols& s) {
    for (std::size_t i = 0; i < s.size(); ++i) {
      s[i].previous = static_cast<std::int32_t>(i) - 1;
      s[i].next = i + 1 < s.size() ? static_cast<std::int32_t>(i) + 1 : -1;
    }
  }

  // The characters of the word as symbols.
  void start(std::string_view word, ModelScratch& scratch) const {
    Symbols& out = scratch.symbols;
    out.clear();
    std::uint32_t unknown = 0;  // bytes of an unknown token that is not written yet
    for (std::size_t at = 0; at < word.size();) {
      std::size_t size = 1;
      if (!options_.byte_level) decode(word, at, size);
      const std::string_view c = word.substr(at, size);
      const TokenId id = first_id(c, at == 0, at + size == word.size(), scratch.word);
      at += size;
      if (id != kNone) {
        if (unknown > 0) out.push_back({*options_.unknown, unknown});
        unknown = 0;
        out.push_back({id, static_cast<std::uint32_t>(size)});
        continue;
      }
      if (options_.byte_fallback && falls_back(c)) {
        for (const char b : c) out.push_back({fallback_[static_cast<unsigned char>(b)], 1});
        continue;
      }
      if (!options_.unknown) continue;
      if (unknown > 0 && !options_.fuse_unknown) {
        out.push_back({*options_.unknown, unknown});
        unknown = 0;
      }
      unknown += static_cast<std::uint32_t>(size);
    }
    if (unknown > 0) out.push_back({*options_.unknown, unknown});
  }

  TokenId first_id(std::string_view c, bool first, bool last, std::string& spelled) const {
    if (!affixes_) return c.size() == 1 ? byte_[static_cast<unsigned char>(c[0])] : trie_.find(c);
    spelled.clear();
    if (!first) spelled += options_.prefix;
    spelled += c;
    if (last) spelled += options_.suffix;
    return trie_.find(spelled);
  }

  [[nodiscard]] bool falls_back(std::string_view c) const {
    return std::all_of(c.begin(), c.end(),
                       [&](char b) { return fallback_[static_cast<unsigned char>(b)] != kNone; });
  }

  void merge_by_scan(Symbols& s) const {
    std::array<std::uint32_t, kScanLimit> rank{};
    const auto rank_at = [&](std::size_t i) {
      return i + 1 < s.size() ? merges_.get(s[i].id, s[i + 1].id).rank : kNone;
    };
    for (std::size_t i = 0; i < s.size(); ++i) rank[i] = rank_at(i);
    while (s.size() > 1) {
      const auto last = rank.begin() + static_cast<std::ptrdiff_t>(s.size()) - 1;
      const auto best = std::min_element(rank.begin(), last);
      if (*best == kNone) return;
      const auto i = static_cast<std::size_t>(best - rank.begin());
      s[i].id = merges_.get(s[i].id, s[i + 1].id).id;
      s[i].size += s[i + 1].size;
      s.erase(s.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      std::copy(best + 2, last + 1, best + 1);
      rank[i] = rank_at(i);
      if (i > 0) rank[i - 1] = rank_at(i - 1);
    }
  }

  void merge_by_heap(Symbols& s, std::vector<ModelScratch::Candidate>& heap) const {
    const auto later = [](const ModelScratch::Candidate& a, const ModelScratch::Candidate& b) {
      return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
    };
    heap.clear();
    const auto offer = [&](std::int32_t left) {
      if (left < 0) return;
      const Symbol& l = s[static_cast<std::size_t>(left)];
      if (l.next < 0) return;
      const MergeTable::Slot& m = merges_.get(l.id, s[static_cast<std::size_t>(l.next)].id);
      if (m.rank == kNone) return;
      heap.push_back({m.rank, static_cast<std::uint32_t>(left), m.id});
      std::push_heap(heap.begin(), heap.end(), later);
    };
    for (std::size_t i = 0; i < s.size(); ++i) offer(static_cast<std::int32_t>(i));
    while (!heap.empty()) {
      const ModelScratch::Candidate top = heap.front();
      std::pop_heap(heap.begin(), heap.end(), later);
      heap.pop_back();
      Symbol& l = s[top.left];
      if (l.size == 0 || l.next < 0) continue;
      Symbol& r = s[static_cast<std::size_t>(l.next)];
      const MergeTable::Slot& m = merges_.get(l.id, r.id);
      if (m.rank == kNone || m.id != top.id) continue;
      l.id = top.id;
      l.size += r.size;
      r.size = 0;
      l.next = r.next;
      if (l.next >= 0)
        s[static_cast<std::size_t>(l.next)].previous = static_cast<std::int32_t>(top.left);
      offer(l.previous);
      offer(static_cast<std::int32_t>(top.left));
    }
  }

  Trie trie_;
  MergeTable merges_;
  BpeOptions options_;
  bool affixes_ = false;
  bool cuts_ = false;
  std::unordered_set<std::string> joins_mark_;
  std::array<TokenId, 256> byte_{}, fallback_{};
  std::vector<bool> direct_;  // by id
};

}  // namespace

Result<std::unique_ptr<const Model>> make_bpe(const std::vector<VocabEntry>& vocab,
                                              const Merges& merges, const BpeOptions& options) {
  std::vector<Trie::Entry> entries;
  entries.reserve(vocab.size());
  for (const VocabEntry& e : vocab) entries.emplace_back(e.text, e.id);
  Trie trie(std::move(entries));
  MergeTable table(merges.size());
  std::string joined;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    if (options.byte_level && left.empty() && right.empty()) continue;
    joined = left;
    if (right.size() > options.prefix.size()) joined += right.substr(options.prefix.size());
    MergeTable::Slot slot{trie.find(left), trie.find(right), static_cast<std::uint32_t>(rank),
                          trie.find(joined)};
    if (slot.left == kNone || slot.right == kNone || slot.id == kNone) {
      const std::string& missing = slot.left == kNone ? left : slot.right == kNone ? right : joined;
      return fail(ErrorCode::kInvalidArgument, "model.merges[" + std::to_string(rank) + "]: \"" +
                                                   missing + "\" is not in the vocabulary");
    }
    table.set(slot);
  }
  return std::make_unique<const Bpe>(vocab, std::move(trie), std::move(table), options);
}

}  // namespace swy::text::tok
