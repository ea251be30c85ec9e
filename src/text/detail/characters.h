// Characters: what the code points of a text add up to: letters, words, sentences.
//
// Private to text; structure.cc asks. Pure, no allocation. characters_test.cc has a plain version
// of it and compares.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/detail/masks.h"
#include "text/structure.h"

namespace swy::text {

struct Characters {
  std::uint32_t code_points = 0;
  std::uint32_t words = 0;  // runs of word characters; every CJK character is one
  std::uint32_t sentences = 0;
  std::uint32_t questions = 0;
  std::uint32_t letters = 0;
  std::uint32_t digits = 0;
  std::uint32_t upper_case = 0;
  std::uint32_t symbols = 0;
  std::uint32_t numbers = 0;     // words that begin with a digit
  std::uint32_t math_words = 0;  // of mathematics problems
  bool asks_quantity = false;    // "how many", "how much"

  bool operator==(const Characters&) const = default;
};

// Where a text has ASCII characters that are neither letter, digit, space nor line end: a bit each.
class MarkMap {
 public:
  void set_block(std::size_t block, std::uint64_t bits) { bits_[block] = bits; }
  // The first mark in [from, to), or `to`. REQUIRES: to <= the text's size.
  [[nodiscard]] std::size_t next(std::size_t from, std::size_t to) const {
    if (from >= to) return to;
    std::size_t block = from / kBlock;
    std::uint64_t m = bits_[block] & ~low_bits(from % kBlock);
    while (m == 0) {
      if (++block * kBlock >= to) return to;
      m = bits_[block];
    }
    const std::size_t at = block * kBlock + lowest(m);
    return at < to ? at : to;
  }

 private:
  std::array<std::uint64_t, kMaxStructureBytes / kBlock + 1>
      bits_;  // set for the text's blocks only
};

// REQUIRES: text.size() <= kMaxStructureBytes.
Characters read_characters(std::string_view text, MarkMap& marks);

// Words that belong to mathematics problems, in any case.
bool is_math_word(std::string_view word);

}  // namespace swy::text
