// Word lists and a crude stemmer; see words.h. The stemmer only has to bring forms of one word
// together inside one context, so it strips s, es, ies, ed, ing, ly, er, doubled consonants and a
// last e, and never makes less than three letters. It joins some words that are not related
// ("universe", "university" stay apart; "caring", "cars" meet). Test: grounding_test.cc.
#include "embed/grounding/words.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace swy::embed::grounding {
namespace {

using namespace std::string_view_literals;

// Sorted, so that binary search finds them (a test checks the order).
constexpr std::array kFunction = {
    "a"sv,        "about"sv,    "above"sv,     "after"sv,  "again"sv,   "ago"sv,     "all"sv,
    "also"sv,     "although"sv, "am"sv,        "an"sv,     "and"sv,     "another"sv, "any"sv,
    "anything"sv, "are"sv,      "around"sv,    "as"sv,     "at"sv,      "be"sv,      "because"sv,
    "been"sv,     "before"sv,   "being"sv,     "below"sv,  "between"sv, "both"sv,    "but"sv,
    "by"sv,       "can"sv,      "could"sv,     "did"sv,    "do"sv,      "does"sv,    "doing"sv,
    "done"sv,     "during"sv,   "each"sv,      "either"sv, "else"sv,    "ever"sv,    "every"sv,
    "for"sv,      "from"sv,     "further"sv,   "had"sv,    "has"sv,     "have"sv,    "having"sv,
    "he"sv,       "her"sv,      "here"sv,      "hers"sv,   "him"sv,     "his"sv,     "how"sv,
    "however"sv,  "i"sv,        "if"sv,        "in"sv,     "into"sv,    "is"sv,      "it"sv,
    "its"sv,      "itself"sv,   "just"sv,      "let"sv,    "may"sv,     "me"sv,      "might"sv,
    "must"sv,     "my"sv,       "of"sv,        "off"sv,    "on"sv,      "once"sv,    "one"sv,
    "only"sv,     "or"sv,       "other"sv,     "our"sv,    "out"sv,     "over"sv,    "own"sv,
    "per"sv,      "please"sv,   "same"sv,      "shall"sv,  "she"sv,     "should"sv,  "since"sv,
    "so"sv,       "some"sv,     "something"sv, "such"sv,   "than"sv,    "that"sv,    "the"sv,
    "their"sv,    "them"sv,     "then"sv,      "there"sv,  "these"sv,   "they"sv,    "this"sv,
    "those"sv,    "through"sv,  "thus"sv,      "to"sv,     "too"sv,     "under"sv,   "until"sv,
    "up"sv,       "upon"sv,     "us"sv,        "very"sv,   "was"sv,     "we"sv,      "were"sv,
    "what"sv,     "when"sv,     "where"sv,     "which"sv,  "while"sv,   "who"sv,     "whom"sv,
    "whose"sv,    "why"sv,      "will"sv,      "with"sv,   "within"sv,  "would"sv,   "yes"sv,
    "yet"sv,      "you"sv,      "your"sv,      "yours"sv};

constexpr std::array kNegations = {
    "ain't"sv,  "aren't"sv,  "can't"sv,   "cannot"sv,  "couldn't"sv, "didn't"sv,  "doesn't"sv,
    "don't"sv,  "hadn't"sv,  "hasn't"sv,  "haven't"sv, "isn't"sv,    "neither"sv, "never"sv,
    "no"sv,     "nobody"sv,  "none"sv,    "nor"sv,     "not"sv,      "nothing"sv, "shouldn't"sv,
    "wasn't"sv, "weren't"sv, "without"sv, "won't"sv,   "wouldn't"sv};

struct NamedUnit {
  std::string_view name;
  Unit unit;
};
constexpr Unit length(double f, std::string_view c) { return {Dimension::kLength, f, c}; }
constexpr Unit mass(double f, std::string_view c) { return {Dimension::kMass, f, c}; }
constexpr Unit lasting(double f, std::string_view c) { return {Dimension::kDuration, f, c}; }
constexpr Unit data(double f, std::string_view c) { return {Dimension::kData, f, c}; }

// Base units: metre, gram, minute, byte.
constexpr std::array kUnits = {
    NamedUnit{"mm"sv, length(0.001, "mm")},
    NamedUnit{"millimeter"sv, length(0.001, "mm")},
    NamedUnit{"millimetre"sv, length(0.001, "mm")},
    NamedUnit{"cm"sv, length(0.01, "cm")},
    NamedUnit{"centimeter"sv, length(0.01, "cm")},
    NamedUnit{"centimetre"sv, length(0.01, "cm")},
    NamedUnit{"meter"sv, length(1, "m")},
    NamedUnit{"metre"sv, length(1, "m")},
    NamedUnit{"m"sv, length(1, "m")},
    NamedUnit{"km"sv, length(1000, "km")},
    NamedUnit{"kilometer"sv, length(1000, "km")},
    NamedUnit{"kilometre"sv, length(1000, "km")},
    NamedUnit{"mile"sv, length(1609.344, "mi")},
    NamedUnit{"mi"sv, length(1609.344, "mi")},
    NamedUnit{"foot"sv, length(0.3048, "ft")},
    NamedUnit{"feet"sv, length(0.3048, "ft")},
    NamedUnit{"ft"sv, length(0.3048, "ft")},
    NamedUnit{"inch"sv, length(0.0254, "in")},
    NamedUnit{"inche"sv, length(0.0254, "in")},
    NamedUnit{"yard"sv, length(0.9144, "yd")},
    NamedUnit{"mg"sv, mass(0.001, "mg")},
    NamedUnit{"milligram"sv, mass(0.001, "mg")},
    NamedUnit{"g"sv, mass(1, "g")},
    NamedUnit{"gram"sv, mass(1, "g")},
    NamedUnit{"kg"sv, mass(1000, "kg")},
    NamedUnit{"kilogram"sv, mass(1000, "kg")},
    NamedUnit{"kilo"sv, mass(1000, "kg")},
    NamedUnit{"lb"sv, mass(453.592, "lb")},
    NamedUnit{"ounce"sv, mass(28.3495, "oz")},
    NamedUnit{"oz"sv, mass(28.3495, "oz")},
    NamedUnit{"ton"sv, mass(1e6, "t")},
    NamedUnit{"tonne"sv, mass(1e6, "t")},
    NamedUnit{"second"sv, lasting(1.0 / 60, "s")},
    NamedUnit{"sec"sv, lasting(1.0 / 60, "s")},
    NamedUnit{"minute"sv, lasting(1, "min")},
    NamedUnit{"min"sv, lasting(1, "min")},
    NamedUnit{"hour"sv, lasting(60, "h")},
    NamedUnit{"hr"sv, lasting(60, "h")},
    NamedUnit{"day"sv, lasting(1440, "d")},
    NamedUnit{"week"sv, lasting(10080, "wk")},
    NamedUnit{"month"sv, lasting(43830, "mo")},
    NamedUnit{"year"sv, lasting(525960, "yr")},
    NamedUnit{"yr"sv, lasting(525960, "yr")},
    NamedUnit{"decade"sv, lasting(5259600, "dec")},
    NamedUnit{"century"sv, lasting(52596000, "cty")},
    NamedUnit{"byte"sv, data(1, "b")},
    NamedUnit{"kb"sv, data(1e3, "kb")},
    NamedUnit{"mb"sv, data(1e6, "mb")},
    NamedUnit{"gb"sv, data(1e9, "gb")},
    NamedUnit{"tb"sv, data(1e12, "tb")},
    NamedUnit{"percent"sv, {Dimension::kPercent, 1, "%"}},
    NamedUnit{"percentage"sv, {Dimension::kPercent, 1, "%"}},
    NamedUnit{"dollar"sv, {Dimension::kDollar, 1, "$"}},
    NamedUnit{"usd"sv, {Dimension::kDollar, 1, "$"}},
    NamedUnit{"cent"sv, {Dimension::kDollar, 0.01, "c"}},
    NamedUnit{"euro"sv, {Dimension::kEuro, 1, "eur"}},
    NamedUnit{"eur"sv, {Dimension::kEuro, 1, "eur"}},
    NamedUnit{"pound"sv, {Dimension::kPound, 1, "gbp"}},
    NamedUnit{"gbp"sv, {Dimension::kPound, 1, "gbp"}},
    NamedUnit{"yen"sv, {Dimension::kYen, 1, "yen"}},
    NamedUnit{"celsius"sv, {Dimension::kCelsius, 1, "celsius"}},
    NamedUnit{"fahrenheit"sv, {Dimension::kFahrenheit, 1, "fahrenheit"}}};

using Number = std::pair<std::string_view, double>;
constexpr std::array kNumbers = {
    Number{"first"sv, 1},     Number{"second"sv, 2},     Number{"third"sv, 3},
    Number{"fourth"sv, 4},    Number{"fifth"sv, 5},      Number{"sixth"sv, 6},
    Number{"zero"sv, 0},      Number{"two"sv, 2},        Number{"three"sv, 3},
    Number{"four"sv, 4},      Number{"five"sv, 5},       Number{"six"sv, 6},
    Number{"seven"sv, 7},     Number{"eight"sv, 8},      Number{"nine"sv, 9},
    Number{"ten"sv, 10},      Number{"eleven"sv, 11},    Number{"twelve"sv, 12},
    Number{"thirteen"sv, 13}, Number{"fourteen"sv, 14},  Number{"fifteen"sv, 15},
    Number{"sixteen"sv, 16},  Number{"seventeen"sv, 17}, Number{"eighteen"sv, 18},
    Number{"nineteen"sv, 19}, Number{"twenty"sv, 20},    Number{"thirty"sv, 30},
    Number{"forty"sv, 40},    Number{"fifty"sv, 50},     Number{"sixty"sv, 60},
    Number{"seventy"sv, 70},  Number{"eighty"sv, 80},    Number{"ninety"sv, 90}};
constexpr std::array kScales = {Number{"hundred"sv, 1e2}, Number{"thousand"sv, 1e3},
                                Number{"million"sv, 1e6}, Number{"billion"sv, 1e9},
                                Number{"trillion"sv, 1e12}};

constexpr std::array kMonths = {"january"sv,   "february"sv, "march"sv,    "april"sv,
                                "may"sv,       "june"sv,     "july"sv,     "august"sv,
                                "september"sv, "october"sv,  "november"sv, "december"sv};
constexpr std::array kDays = {"monday"sv, "tuesday"sv,  "wednesday"sv, "thursday"sv,
                              "friday"sv, "saturday"sv, "sunday"sv};

using Pair = std::pair<std::string_view, std::string_view>;
constexpr std::array kOpposites = {
    Pair{"increase"sv, "decrease"sv}, Pair{"increased"sv, "decreased"sv},
    Pair{"rise"sv, "fall"sv},         Pair{"rose"sv, "fell"sv},
    Pair{"more"sv, "less"sv},         Pair{"most"sv, "least"sv},
    Pair{"before"sv, "after"sv},      Pair{"north"sv, "south"sv},
    Pair{"northern"sv, "southern"sv}, Pair{"east"sv, "west"sv},
    Pair{"eastern"sv, "western"sv},   Pair{"high"sv, "low"sv},
    Pair{"higher"sv, "lower"sv},      Pair{"open"sv, "closed"sv},
    Pair{"win"sv, "lose"sv},          Pair{"won"sv, "lost"sv},
    Pair{"early"sv, "late"sv},        Pair{"earlier"sv, "later"sv},
    Pair{"large"sv, "small"sv},       Pair{"larger"sv, "smaller"sv},
    Pair{"largest"sv, "smallest"sv},  Pair{"accept"sv, "reject"sv},
    Pair{"accepted"sv, "rejected"sv}, Pair{"support"sv, "oppose"sv},
    Pair{"supported"sv, "opposed"sv}, Pair{"allow"sv, "forbid"sv},
    Pair{"allowed"sv, "forbidden"sv}, Pair{"above"sv, "below"sv},
    Pair{"maximum"sv, "minimum"sv},   Pair{"success"sv, "failure"sv},
    Pair{"succeeded"sv, "failed"sv},  Pair{"always"sv, "never"sv},
    Pair{"positive"sv, "negative"sv}, Pair{"strong"sv, "weak"sv},
    Pair{"old"sv, "new"sv},           Pair{"active"sv, "inactive"sv},
    Pair{"hot"sv, "cold"sv},          Pair{"male"sv, "female"sv},
    Pair{"buy"sv, "sell"sv},          Pair{"arrive"sv, "depart"sv},
    Pair{"outdoor"sv, "indoor"sv},    Pair{"cheap"sv, "expensive"sv},
    Pair{"fast"sv, "slow"sv},         Pair{"true"sv, "false"sv},
    Pair{"all"sv, "none"sv}};

bool ends(std::string_view word, std::string_view tail) {
  return word.size() >= tail.size() + 3 && word.substr(word.size() - tail.size()) == tail;
}

}  // namespace

bool is_function_word(std::string_view word) {
  return std::binary_search(kFunction.begin(), kFunction.end(), word);
}

bool is_negation(std::string_view word) {
  return std::binary_search(kNegations.begin(), kNegations.end(), word);
}

std::optional<Unit> unit_of(std::string_view word) {
  for (int plural = 0; plural < 2; ++plural) {
    for (const NamedUnit& u : kUnits) {
      if (u.name == word) return u.unit;
    }
    if (word == "centuries") return Unit{Dimension::kDuration, 52596000, "cty"};
    if (word.size() < 3 || word.back() != 's') break;
    word.remove_suffix(1);
  }
  return std::nullopt;
}

std::optional<double> number_word(std::string_view word) {
  for (const auto& [name, value] : kNumbers) {
    if (name == word) return value;
  }
  return std::nullopt;
}

std::optional<double> scale_word(std::string_view word) {
  for (const auto& [name, value] : kScales) {
    if (name == word) return value;
  }
  return std::nullopt;
}

int month_of(std::string_view word) {
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    const bool whole = word == kMonths[i];
    // "may", "mar" and "dec" are words or names of their own; only the long form of May is a month.
    const bool brief = word.size() == 3 && i != 4 && kMonths[i].substr(0, 3) == word;
    if (whole || brief || (i == 8 && word == "sept")) return static_cast<int>(i) + 1;
  }
  return 0;
}

bool is_weekday(std::string_view word) {
  return std::find(kDays.begin(), kDays.end(), word) != kDays.end();
}

std::string_view opposite_of(std::string_view word) {
  for (const auto& [a, b] : kOpposites) {
    if (a == word) return b;
    if (b == word) return a;
  }
  return "";
}

std::string_view stem(std::string_view word, char* scratch) {
  if (word.size() < 4 || static_cast<unsigned char>(word.back()) >= 0x80) return word;
  std::memcpy(scratch, word.data(), word.size());
  std::size_t n = word.size();
  const auto now = [&] { return std::string_view(scratch, n); };
  if (ends(now(), "'s")) n -= 2;
  if (ends(now(), "ies")) {
    n -= 2;
    scratch[n - 1] = 'y';
  } else if (ends(now(), "sses")) {
    n -= 2;
  } else if (ends(now(), "s") && !ends(now(), "ss") && !ends(now(), "us")) {
    n -= 1;
  }
  if (ends(now(), "ied")) {
    n -= 2;
    scratch[n - 1] = 'y';
  } else {
    for (const std::string_view tail : {"ing"sv, "ed"sv, "ly"sv}) {
      if (!ends(now(), tail)) continue;
      n -= tail.size();
      if (n > 3 && scratch[n - 1] == scratch[n - 2] && scratch[n - 1] != 'l' &&
          scratch[n - 1] != 's') {
        --n;
      }
      break;
    }
  }
  if (n > 3 && scratch[n - 1] == 'e') --n;
  return now();
}

}  // namespace swy::embed::grounding
