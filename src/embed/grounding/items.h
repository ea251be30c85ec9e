// Items: a text as words, names, numbers, dates and units with their places and normal forms, in
// sentences.
//
// When to use: inside src/embed, for comparing an answer with its context. Threading: pure.
// Ownership: Items owns its vectors and reuses them; the text is borrowed until return.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace swy::embed::grounding {

enum class Kind : std::uint8_t { kFunction, kNegation, kWord, kUnit, kName, kNumber, kDate };

// Of a number. Lengths, masses, durations and data are brought to one unit each.
enum class Dimension : std::uint8_t {
  kNone,
  kLength,
  kMass,
  kDuration,
  kData,
  kPercent,
  kDollar,
  kEuro,
  kPound,
  kYen,
  kCelsius,
  kFahrenheit,
  kClock,  // minutes since midnight
};

struct Item {
  std::uint32_t begin = 0;  // bytes in the text
  std::uint32_t end = 0;
  std::uint32_t sentence = 0;
  Kind kind = Kind::kFunction;
  Dimension dimension = Dimension::kNone;
  bool capital = false;
  bool opens = false;          // first of its sentence
  std::uint64_t key = 0;       // equal for equal normal forms
  std::uint64_t loose = 0;     // equal also for inflections ("walks", "walked"), 7 pm and 7
  std::uint64_t opposite = 0;  // loose form of the word's opposite, 0 where none is known
  double value = 0;            // of numbers, as written
  double base = 0;             // in the unit of its dimension

  [[nodiscard]] bool valued() const { return kind >= Kind::kName; }
  [[nodiscard]] bool content() const { return kind >= Kind::kWord; }
};

struct Sentence {
  std::uint32_t begin = 0;  // bytes
  std::uint32_t end = 0;
  std::uint32_t first = 0;  // items[first .. last)
  std::uint32_t last = 0;
  bool refers = false;  // begins with "it", "she", "this" ...: goes on about the one before
};

inline constexpr std::size_t kMaxSentenceItems = 48;

struct Items {
  std::vector<Item> items;
  std::vector<Sentence> sentences;
  std::vector<std::uint64_t> inside;  // working memory: names that stand inside sentences
};

// Total: any bytes. A sentence of more than kMaxSentenceItems items is cut.
void read_items(std::string_view text, Items& out);

}  // namespace swy::embed::grounding
