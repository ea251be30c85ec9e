// Aho-Corasick over the bytes of the folded text.
//
// What: a trie of the folded phrases whose missing edges are completed with the edges of the
// longest proper suffix, so that one table look-up a byte follows all phrases at once. Bytes that
// occur in no phrase share one column (a phrase list uses some 30 of 256), which keeps the table in
// the cache: 100 phrases of 12 bytes need about 150 KB. Cost: build O(total bytes * columns); match
// O(text bytes + matches), whatever the number of phrases. When it loses: very few phrases (memmem
// is faster), or tens of thousands (the table leaves the cache). Folding: an ASCII byte folds
// through the column table; other code points are decoded, folded and encoded again. Malformed
// bytes pass unchanged, and since a phrase is valid UTF-8 they can be in no match; so a match
// begins its number of code points before its end even where folding changes the number of bytes.
// Source: Aho and Corasick, Efficient string matching, CACM 18(6), 1975. Test: phrases_test.cc
// (against a naive search).
#include "text/phrases.h"

#include <algorithm>
#include <utility>

#include "text/utf8.h"

namespace swy::text {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;
constexpr std::uint32_t kEnds = 0x80000000;
constexpr std::size_t kMaxTableEntries = std::size_t{64} * 1024 * 1024 / sizeof(std::uint32_t);

}  // namespace

struct PhraseSet::Trie {
  explicit Trie(std::uint32_t columns_in) : columns(columns_in) { add_state(); }
  std::uint32_t add_state() {
    next.resize(next.size() + columns, kNone);
    states.push_back({kNone, 0});
    return static_cast<std::uint32_t>(states.size() - 1);
  }
  std::uint32_t& edge(std::uint32_t state, std::uint32_t column) {
    return next[std::size_t{state} * columns + column];
  }
  std::uint32_t insert(std::string_view bytes, const std::array<std::uint8_t, 256>& classes) {
    std::uint32_t at = 0;
    for (const char c : bytes) {
      const std::uint32_t column = classes[static_cast<unsigned char>(c)];
      if (edge(at, column) == kNone) {
        const std::uint32_t made = add_state();  // may move the table: before taking the reference
        edge(at, column) = made;
      }
      at = edge(at, column);
    }
    return at;
  }
  // Breadth first: completes the edges and links each state to the next shorter phrase end.
  void complete() {
    std::vector<std::uint32_t> fail(states.size(), 0);
    std::vector<std::uint32_t> queue{0};
    for (std::size_t head = 0; head < queue.size(); ++head) {
      const std::uint32_t s = queue[head];
      const std::uint32_t f = fail[s];
      if (s != 0) states[s].link = states[f].phrase != kNone ? f : states[f].link;
      for (std::uint32_t c = 0; c < columns; ++c) {
        std::uint32_t& to = edge(s, c);
        const std::uint32_t fallback = s == 0 ? 0 : edge(f, c);
        if (to == kNone) {
          to = fallback;
        } else {
          fail[to] = fallback;
          queue.push_back(to);
        }
      }
    }
    for (std::uint32_t& to : next) {
      const bool ends = states[to].phrase != kNone || states[to].link != 0;
      to = to * columns | (ends ? kEnds : 0);
    }
  }
  std::uint32_t columns;
  std::vector<std::uint32_t> next;
  std::vector<State> states;
};

Result<PhraseSet> PhraseSet::build(std::span<const std::string> phrases, PhraseOptions options) {
  PhraseSet set;
  set.options_ = options;
  std::vector<std::string> bytes;
  bytes.reserve(phrases.size());
  std::size_t total = 0;
  for (std::size_t i = 0; i < phrases.size(); ++i) {
    const std::string& p = phrases[i];
    if (p.empty()) {
      return fail(ErrorCode::kInvalidArgument, "phrase " + std::to_string(i) + " is empty");
    }
    if (!is_valid_utf8(p)) {
      return fail(ErrorCode::kInvalidArgument,
                  "phrase " + std::to_string(i) + " is not valid UTF-8");
    }
    bytes.push_back(options.ignore_case ? folded(p) : p);
    total += bytes.back().size();
  }
  for (const std::string& b : bytes) {
    for (const char c : b) {
      std::uint8_t& k = set.class_[static_cast<unsigned char>(c)];
      // 195 bytes at most occur in UTF-8, so a column number fits.
      if (k == 0) k = static_cast<std::uint8_t>(set.columns_++);
    }
  }
  if ((total + 1) * set.columns_ > kMaxTableEntries) {
    return fail(ErrorCode::kTooLarge,
                "the phrases need a table above 64 MiB; use fewer or shorter phrases");
  }
  if (options.ignore_case) {
    for (std::size_t c = 'A'; c <= 'Z'; ++c) set.class_[c] = set.class_[c + 32];
  }
  Trie trie(set.columns_);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint32_t end = trie.insert(bytes[i], set.class_);
    Phrase p;
    p.code_points = static_cast<std::uint32_t>(count_code_points(bytes[i]));
    p.next_same = trie.states[end].phrase;
    p.word_left = options.whole_words && is_word(decode_next(bytes[i], 0).cp);
    p.word_right = options.whole_words && is_word(decode_before(bytes[i], bytes[i].size()).cp);
    trie.states[end].phrase = static_cast<std::uint32_t>(i);
    set.phrases_.push_back(p);
  }
  set.filter_ = StartFilter::build(bytes, options.ignore_case);
  trie.complete();
  set.next_ = std::move(trie.next);
  set.states_ = std::move(trie.states);
  for (std::size_t b = 0; b < 256; ++b) {
    set.begins_[b] = (b >= 0x80 && options.ignore_case) || set.next_[set.class_[b]] != 0;
  }
  return set;
}

// The first place at or after `from` where a phrase may begin; text.size() if there is none.
std::size_t PhraseSet::next_start(std::string_view text, std::size_t from) const {
  std::size_t i = filter_.next(text, from);
  while (i < text.size() && !begins_[static_cast<unsigned char>(text[i])]) ++i;
  return i;
}

void PhraseSet::scan(std::string_view text, Visit visit, void* self) const {
  if (phrases_.empty()) return;
  std::uint32_t state = 0;
  std::array<char, 4> buf{};
  for (std::size_t i = 0; i < text.size();) {
    if (state == 0) {  // nothing begun: skip to a byte that may begin a phrase
      i = next_start(text, i);
      if (i == text.size()) return;
    }
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80 || !options_.ignore_case) {
      state = next_[std::size_t{state & ~kEnds} + class_[byte]];
      ++i;
    } else {
      const Decoded d = decode_multibyte(text, i);
      buf[0] = text[i];
      const std::size_t n = d.valid ? encode(fold(d.cp), buf.data()) : 1;
      for (std::size_t k = 0; k < n; ++k) {
        const std::uint32_t column = class_[static_cast<unsigned char>(buf[k])];
        state = next_[std::size_t{state & ~kEnds} + column];
      }
      i += d.size;
    }
    if ((state & kEnds) != 0 && !report(text, i, (state & ~kEnds) / columns_, visit, self)) return;
  }
}

std::size_t PhraseSet::begin_of(std::string_view text, std::size_t end,
                                std::uint32_t code_points) const {
  std::size_t at = end;
  for (std::uint32_t n = 0; n < code_points && at > 0; ++n) at -= decode_before(text, at).size;
  return at;
}

bool PhraseSet::report(std::string_view text, std::size_t end, std::uint32_t state, Visit visit,
                       void* self) const {
  std::uint32_t at = states_[state].phrase != kNone ? state : states_[state].link;
  for (; at != 0; at = states_[at].link) {
    for (std::uint32_t id = states_[at].phrase; id != kNone; id = phrases_[id].next_same) {
      const Phrase& p = phrases_[id];
      const std::size_t begin = begin_of(text, end, p.code_points);
      if (p.word_left && begin > 0 &&
          !is_boundary(decode_before(text, begin).cp, decode_next(text, begin).cp)) {
        continue;
      }
      if (p.word_right && end < text.size() &&
          !is_boundary(decode_before(text, end).cp, decode_next(text, end).cp)) {
        continue;
      }
      if (!visit(self, {id, begin, end})) return false;
    }
  }
  return true;
}

std::optional<PhraseMatch> PhraseSet::find_first(std::string_view text) const {
  std::optional<PhraseMatch> found;
  for_each(text, [&](const PhraseMatch& m) {
    found = m;
    return false;
  });
  return found;
}

std::size_t PhraseSet::count_distinct(std::string_view text, std::size_t stop_at) const {
  std::array<std::uint64_t, 16> few{};  // 1,024 phrases
  std::vector<std::uint64_t> many;
  if (phrases_.size() > few.size() * 64) many.assign(phrases_.size() / 64 + 1, 0);
  const std::span<std::uint64_t> seen = many.empty() ? std::span<std::uint64_t>(few) : many;
  std::size_t count = 0;
  if (stop_at == 0) return 0;
  for_each(text, [&](const PhraseMatch& m) {
    const std::uint64_t bit = std::uint64_t{1} << (m.phrase % 64);
    if ((seen[m.phrase / 64] & bit) == 0) {
      seen[m.phrase / 64] |= bit;
      ++count;
    }
    return count < stop_at;
  });
  return count;
}

}  // namespace swy::text
