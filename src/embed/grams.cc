// Grams of a text: see grams.h for what they are.
//
// Cost: one pass; per word one hash, one pair and (length - 1) pieces; a table of 16,384 slots with
// linear probing at a load of at most one half, so a step is about one cache line. 1 KB of English
// gives about 800 grams. When it loses: languages without spaces have no words beyond the
// character, pairs of neighbours carry them. Feature hashing: Weinberger et al. 2009 (arXiv
// 0902.2206), without the sign: rows of collided grams are learned together. Test: grams_test.cc.
#include "embed/grams.h"

#include "text/utf8.h"

namespace swy::embed {
namespace {

constexpr std::size_t kSlots = 2 * kMaxGrams;
constexpr std::size_t kMaxWord = 64;        // code points; a longer run is cut into words
constexpr std::size_t kRemembered = 16384;  // bytes of a text
constexpr char32_t kEdge = 1;               // word boundary inside a piece

// Finaliser of SplitMix64, upper half: every input bit reaches every output bit.
std::uint32_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return static_cast<std::uint32_t>(z >> 32U);
}

// Kinds of grams hash differently, so that a word is not its own piece.
enum Kind : std::uint64_t { kWord = 1, kMark = 2, kPair = 3, kPiece = 4 };

constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15ULL;

std::uint64_t step(std::uint64_t h, char32_t cp) { return (h ^ cp) * kPrime; }

}  // namespace

Grams::Grams() : slots_(kSlots, 0) {
  grams_.reserve(kMaxGrams);
  used_.reserve(kMaxGrams);
  word_.reserve(kMaxWord + 2);
  last_.reserve(kRemembered);
}

void Grams::add(std::uint32_t hash) {
  std::size_t at = hash % kSlots;
  while (slots_[at] != 0) {
    Gram& gram = grams_[slots_[at] - 1U];
    if (gram.hash == hash) {
      ++gram.count;
      return;
    }
    at = (at + 1) % kSlots;
  }
  if (grams_.size() == kMaxGrams) return;
  grams_.push_back({hash, 1});
  slots_[at] = static_cast<std::uint16_t>(grams_.size());
  used_.push_back(static_cast<std::uint16_t>(at));
}

void Grams::end_word() {
  if (word_.empty()) return;
  std::uint64_t h = kWord;
  for (const char32_t cp : word_) h = step(h, cp);
  const std::uint32_t word = mix(h);
  add(word);
  if (last_word_ != 0) add(mix(step(kPair ^ (std::uint64_t{last_word_} << 8U), word)));
  last_word_ = word;
  if (word_.size() >= 3) {  // a shorter word's only piece is the word
    const std::size_t n = word_.size();
    const auto at = [&](std::size_t i) { return i == 0 || i > n ? kEdge : word_[i - 1]; };
    for (std::size_t i = 0; i + 4 <= n + 2; ++i) {
      add(mix(step(step(step(step(kPiece, at(i)), at(i + 1)), at(i + 2)), at(i + 3))));
    }
  }
  word_.clear();
}

void Grams::read_part(std::string_view part) {
  last_word_ = 0;
  for (std::size_t pos = 0; pos < part.size();) {
    const text::Decoded d = text::decode_next(part, pos);
    pos += d.size;
    if (text::is_word(d.cp)) {
      const bool alone = text::is_cjk(d.cp);
      if (alone || word_.size() == kMaxWord) end_word();
      word_.push_back(text::is_ascii_digit(d.cp) ? U'0' : text::fold(d.cp));
      if (alone) end_word();
    } else {
      end_word();
      if (!text::is_space(d.cp)) add(mix(step(kMark, d.cp)));
    }
  }
  end_word();
}

void Grams::read(std::string_view text) {
  // Several heads ask about one text, one after the other.
  if (!last_.empty() && text == last_) return;
  last_.assign(text.size() <= kRemembered ? text : std::string_view());
  for (const std::uint16_t at : used_) slots_[at] = 0;
  used_.clear();
  grams_.clear();
  if (text.size() <= kMaxGramBytes) {
    read_part(text);
    return;
  }
  read_part(text::clip(text, kGramHeadBytes));
  std::string_view tail = text.substr(text.size() - (kMaxGramBytes - kGramHeadBytes));
  // A sequence that was cut begins with continuation bytes: at most three.
  for (int i = 0; i < 3 && (static_cast<unsigned char>(tail[0]) & 0xC0U) == 0x80; ++i) {
    tail.remove_prefix(1);
  }
  read_part(tail);
}

}  // namespace swy::embed
