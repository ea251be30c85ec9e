// Grams: the words, word pairs and character n-grams of a text, hashed and counted: the cheapest
// evidence about what a text is about.
//
// When to use: read() once per text, then give the object to every head (head.h) that has a cheap
// stage; to read the same text again costs a comparison. Threading: one thread at a time.
// Ownership: owns its tables and reuses them: no allocation after the first read.
//
// A gram is: a folded word (every digit read as 0, every CJK character a word), a mark that is no
// word character, two neighbouring words, and the four-character pieces of a word between its
// boundaries. Of a text longer than kMaxGramBytes only the beginning and the end are read, of the
// grams only the first kMaxGrams different ones are kept: cost is bounded whatever comes in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swy::embed {

inline constexpr std::size_t kMaxGramBytes = 4096;
inline constexpr std::size_t kGramHeadBytes = 3072;  // of a longer text: so many from the beginning
inline constexpr std::size_t kMaxGrams = 8192;
inline constexpr std::uint32_t kGramVersion = 1;  // goes into head files: hashes must not change

struct Gram {
  std::uint32_t hash = 0;
  std::uint32_t count = 0;
};

class Grams {
 public:
  Grams();
  void read(std::string_view text);
  // In order of first occurrence; hashes are distinct.
  [[nodiscard]] std::span<const Gram> all() const { return grams_; }

 private:
  void read_part(std::string_view part);
  void end_word();
  void add(std::uint32_t hash);

  std::vector<Gram> grams_;
  std::vector<std::uint16_t> slots_;  // open addressing: index into grams_ plus one; 0 is empty
  std::vector<std::uint16_t> used_;   // the slots to empty for the next text
  std::vector<char32_t> word_;        // the word being read
  std::uint32_t last_word_ = 0;       // hash of the word before; 0: none
  std::string last_;                  // what grams_ are of; empty: it was too long to keep
};

}  // namespace swy::embed
