// Word lists of the lexical comparison: function words, negations, units, number words, months and
// opposites. English; other languages have no list and all their words count as content.
//
// When to use: items.cc. Threading: pure. Ownership: tables live for the whole program.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "embed/grounding/items.h"

namespace swy::embed::grounding {

struct Unit {
  Dimension dimension = Dimension::kNone;
  double factor = 1;           // to the dimension's own unit
  std::string_view canonical;  // spelling under which "km" and "kilometres" are one
};

// All take the word folded.
bool is_function_word(std::string_view word);
bool is_negation(std::string_view word);
std::optional<Unit> unit_of(std::string_view word);
std::optional<double> number_word(std::string_view word);  // zero .. ninety
std::optional<double> scale_word(std::string_view word);   // hundred, thousand, ... trillion
int month_of(std::string_view word);                       // 1..12, 0: none
bool is_weekday(std::string_view word);
std::string_view opposite_of(std::string_view word);  // "" where none is known
// The word without inflection, crudely: in scratch memory of at least word.size() + 1 bytes.
std::string_view stem(std::string_view word, char* scratch);

}  // namespace swy::embed::grounding
