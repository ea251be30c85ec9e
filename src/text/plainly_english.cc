// Function words, counted in windows.
//
// What: yes when the text has no letter beyond ASCII, no code span or URL, few code signs, and at
// least kMinWords words, and of every kWindow words in a row at least kMinHits are function words
// of English that hardly occur in other languages written with the same letters (so not "in", "is",
// "was", "for", "at", "or", "do", "of", "we", "my", "by": German, Dutch, Danish, Polish, French and
// Portuguese have them too). Why: in running English about every third word is on the list, in
// other languages none; a window without them may be another language, a list of names or a table,
// and then the detector decides. The last window is the last kWindow words, so no stretch is
// outside of all windows. Cost: 1.5 ns a byte, no allocation. When it loses: English without
// function words (headlines, lists) is not recognised, which costs time only; a few words of
// another language inside a window are not seen. Source: none. Test: language_test.cc (against the
// detector).
#include "text/plainly_english.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace swy::text {
namespace {

constexpr int kMinWords = 16;
constexpr int kWindow = 24;
constexpr int kMinHits = 3;

constexpr std::size_t kWords = 55;
constexpr std::array<std::string_view, kWords> kFunctionWords = {
    "the",    "and",    "to",     "that",  "this",    "with",  "you",   "your",  "are",   "it",
    "not",    "have",   "has",    "from",  "they",    "them",  "their", "which", "what",  "when",
    "would",  "could",  "should", "will",  "can",     "how",   "does",  "there", "were",  "been",
    "being",  "our",    "if",     "but",   "because", "about", "into",  "than",  "then",  "who",
    "why",    "please", "some",   "these", "those",   "she",   "his",   "where", "while", "after",
    "before", "each",   "every",  "very",  "just"};

// A word of at most eight letters as one number.
constexpr std::uint64_t pack(std::string_view w) {
  std::uint64_t n = 0;
  for (const char c : w) n = n << 8U | static_cast<unsigned char>(c);
  return n;
}
constexpr std::size_t slot_of(std::uint64_t n) {
  return static_cast<std::size_t>((n * 0x9E3779B97F4A7C15U) >> 56U);
}

// Open addressing over 256 slots; 0 is empty.
constexpr std::array<std::uint64_t, 256> kTable = [] {
  std::array<std::uint64_t, 256> t{};
  for (const std::string_view w : kFunctionWords) {
    std::size_t at = slot_of(pack(w));
    while (t[at] != 0) at = (at + 1) % t.size();
    t[at] = pack(w);
  }
  return t;
}();

bool is_function_word(std::uint64_t packed) {
  for (std::size_t at = slot_of(packed); kTable[at] != 0; at = (at + 1) % kTable.size()) {
    if (kTable[at] == packed) return true;
  }
  return false;
}

enum Class : std::uint8_t { kOther, kLetter, kSign, kColon, kQuote, kStop };

constexpr std::array<Class, 256> kClasses = [] {
  std::array<Class, 256> t{};
  for (std::size_t c = 0; c < 256; ++c) t[c] = c < 0x80 ? kOther : kStop;
  for (std::size_t c = 'a'; c <= 'z'; ++c) t[c] = t[c - 32] = kLetter;
  for (const char c : std::string_view("{}()[];=<>_\\|&^%$#@~+*/"))
    t[static_cast<unsigned char>(c)] = kSign;
  t[':'] = kColon;
  t['`'] = kStop;
  t[0xE2] = kQuote;
  return t;
}();

class Windows {
 public:
  // False: the last kWindow words have too few hits.
  bool add(bool hit) {
    std::uint8_t& oldest = ring_[static_cast<std::size_t>(words_ % kWindow)];
    hits_ += static_cast<int>(hit) - static_cast<int>(oldest);
    oldest = static_cast<std::uint8_t>(hit);
    return ++words_ < kWindow || hits_ >= kMinHits;
  }
  // Of the last window, or of all words where they are fewer than a window.
  [[nodiscard]] bool good() const { return words_ >= kMinWords && hits_ >= kMinHits; }

 private:
  std::array<std::uint8_t, kWindow> ring_{};
  int words_ = 0;
  int hits_ = 0;
};

}  // namespace

std::optional<int> plainly_english(std::string_view text) {
  Windows windows;
  int letters = 0;
  int signs = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Class k = kClasses[static_cast<unsigned char>(text[i])];
    if (k == kStop || (k == kColon && text.substr(i, 3) == "://")) return std::nullopt;
    if (k == kQuote) {  // U+2010 to U+203F: dashes, quotes, bullets, the ellipsis
      if (text.size() - i < 3 || text[i + 1] != '\x80' ||
          static_cast<unsigned char>(text[i + 2]) < 0x90)
        return std::nullopt;
      i += 3;
      continue;
    }
    if (k != kLetter) {
      signs += static_cast<int>(k == kSign);
      ++i;
      continue;
    }
    const std::size_t from = i;
    std::uint64_t packed = 0;
    do {
      packed = packed << 8U | (static_cast<unsigned char>(text[i]) | 0x20U);
    } while (++i < text.size() && kClasses[static_cast<unsigned char>(text[i])] == kLetter);
    letters += static_cast<int>(i - from);
    if (!windows.add(i - from <= 8 && is_function_word(packed))) return std::nullopt;
  }
  // Prose has one code sign in fifty letters or fewer; from one in eight on the detector calls a
  // text code.
  if (!windows.good() || signs * 16 > letters) return std::nullopt;
  return letters;
}

}  // namespace swy::text
