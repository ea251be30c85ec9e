// Reading a text into items; see items.h.
//
// One pass cuts words (letters, digits and marks of any script; apostrophes inside; every CJK
// character on its own) and numbers (1,200.50 with its currency sign, percent, ordinal ending, k or
// unit: 7pm, 3rd, 5km); a second joins neighbours (six hundred, 5 million, 7 : 30 pm), gives
// numbers their unit and dates their month; a third finds names by their capitals. Linear. A name
// at the start of a sentence is known only by the name after it or by standing inside a sentence
// elsewhere. Test: grounding_test.cc.
#include "embed/grounding/items.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/hash.h"
#include "embed/grounding/words.h"
#include "text/utf8.h"

namespace swy::embed::grounding {
namespace {

constexpr std::uint64_t kWordSeed = 1;
constexpr std::uint64_t kNumberSeed = 2;
constexpr std::uint64_t kClockSeed = 3;
constexpr std::uint64_t kMonthSeed = 4;
constexpr std::uint64_t kUnitSeed = 5;
constexpr std::size_t kMaxWordBytes = 64;  // a longer word is compared by its first bytes

std::uint64_t hash_number(double value, std::uint64_t seed) {
  // Six digits: what a person would call the same number.
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6);
  return base::hash64({text.data(), static_cast<std::size_t>(end.ptr - text.data())}, seed);
}

struct Reader {
  std::string_view text;
  Items& out;
  std::size_t at = 0;
  bool sentence_ended = true;

  void run();
  void word();
  void number();
  std::size_t digits(std::size_t from, double& value) const;
  void push(std::size_t begin, std::size_t end, Item item);
  void break_sentence() { sentence_ended = true; }
};

void Reader::push(std::size_t begin, std::size_t end, Item item) {
  item.begin = static_cast<std::uint32_t>(begin);
  item.end = static_cast<std::uint32_t>(end);
  auto& sentences = out.sentences;
  const auto n = static_cast<std::uint32_t>(out.items.size());
  if (sentence_ended || n - sentences.back().first >= kMaxSentenceItems) {
    item.opens = sentence_ended;
    sentences.push_back({item.begin, item.end, n, n, false});
    sentence_ended = false;
  }
  sentences.back().end = item.end;
  sentences.back().last = n + 1;
  item.sentence = static_cast<std::uint32_t>(sentences.size() - 1);
  out.items.push_back(item);
}

void set_number(Item& item, double value, Dimension dimension = Dimension::kNone) {
  item.kind = Kind::kNumber;
  item.value = value;
  item.base = value;
  item.dimension = dimension;
  item.key = item.loose = hash_number(value, kNumberSeed);
}

void set_clock(Item& item, double minutes) {
  item.kind = Kind::kDate;
  item.dimension = Dimension::kClock;
  item.value = item.base = minutes;
  item.key = hash_number(minutes, kClockSeed);
  const int hour = static_cast<int>(minutes) / 60 % 12;
  item.loose =
      std::fmod(minutes, 60) == 0 ? hash_number(hour == 0 ? 12 : hour, kNumberSeed) : item.key;
}

void set_month(Item& item, int month) {
  item.kind = Kind::kDate;
  item.value = item.base = month;
  item.key = item.loose = hash_number(month, kMonthSeed);
}

void set_word(Item& item, std::string_view folded, char* scratch) {
  if (folded.size() > kMaxWordBytes) folded = folded.substr(0, kMaxWordBytes);
  item.key = base::hash64(folded, kWordSeed);
  item.loose = base::hash64(stem(folded, scratch), kWordSeed);
  if (is_negation(folded)) {
    item.kind = Kind::kNegation;
    item.loose = base::hash64("not", kWordSeed);
    return;
  }
  if (is_function_word(folded)) {
    item.kind = Kind::kFunction;
  } else {
    item.kind = Kind::kWord;
  }
  if (const int month = month_of(folded); month != 0 && (item.capital || folded != "march")) {
    if (folded != "may" || item.capital) return set_month(item, month);
  }
  if (is_weekday(folded)) {
    item.kind = Kind::kDate;
    return;
  }
  if (const auto n = number_word(folded)) return set_number(item, *n);
  if (scale_word(folded)) return;
  if (const auto unit = unit_of(folded); unit && folded.size() > 1) {
    item.kind = Kind::kUnit;
    item.key = item.loose = base::hash64(unit->canonical, kUnitSeed);
    return;
  }
  if (const std::string_view other = opposite_of(folded); !other.empty()) {
    item.opposite = base::hash64(stem(other, scratch), kWordSeed);
  }
}

bool is_apostrophe(char32_t c) { return c == '\'' || c == 0x2019; }

void Reader::word() {
  const std::size_t begin = at;
  std::array<char, kMaxWordBytes + 8> folded{};
  std::array<char, kMaxWordBytes + 8> scratch{};
  std::size_t n = 0;
  Item item;
  bool digits = false;
  bool first = true;
  while (at < text.size()) {
    const text::Decoded d = text::decode_next(text, at);
    char32_t c = d.cp;
    if (is_apostrophe(c)) {
      const std::size_t next = at + d.size;
      if (next >= text.size() || !text::is_ascii_alpha(text::decode_next(text, next).cp)) break;
      c = '\'';
    } else if (!text::is_word(c)) {
      break;
    }
    if (!first && text::is_cjk(c)) break;
    const char32_t low = text::fold(c);
    if (first) item.capital = low != c;
    digits = digits || text::is_ascii_digit(c);
    if (n + 4 < folded.size()) n += text::encode(low, folded.data() + n);
    at += d.size;
    first = false;
    if (text::is_cjk(c)) break;
  }
  std::string_view w(folded.data(), n);
  if (w.size() > 3 && w.substr(w.size() - 2) == "'s") w.remove_suffix(2);
  set_word(item, w, scratch.data());
  if (digits && item.kind == Kind::kWord) item.kind = Kind::kName;  // an identifier
  push(begin, at, item);
}

// The end of the number that starts at `from`.
std::size_t Reader::digits(std::size_t from, double& value) const {
  std::array<char, 40> plain{};
  std::size_t n = 0;
  std::size_t i = from;
  bool point = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    const bool more =
        i + 1 < text.size() && text::is_ascii_digit(static_cast<unsigned char>(text[i + 1]));
    if (c >= '0' && c <= '9') {
      if (n < plain.size()) plain[n++] = c;
      continue;
    }
    if (c == ',' && more && i + 3 < text.size() && !point) {
      const auto d = [&](std::size_t k) { return text[k] >= '0' && text[k] <= '9'; };
      if (!d(i + 2) || !d(i + 3) || (i + 4 < text.size() && d(i + 4))) break;
      continue;  // thousands
    }
    if (c == '.' && more && !point && n < plain.size()) {
      point = true;
      plain[n++] = c;
      continue;
    }
    break;
  }
  std::from_chars(plain.data(), plain.data() + n, value);
  return i;
}

struct Suffix {
  std::string_view name;
  double factor;
};
constexpr std::array<Suffix, 5> kSuffixes = {
    {{"k", 1e3}, {"m", 1e6}, {"mn", 1e6}, {"bn", 1e9}, {"b", 1e9}}};

// What letters directly behind a number make of it; false: it is an identifier.
bool apply_suffix(Item& item, double value, std::string_view letters) {
  if (letters.empty() || letters == "st" || letters == "nd" || letters == "rd" || letters == "th") {
    set_number(item, value, item.dimension);
    return true;
  }
  if (letters == "am" || letters == "pm") {
    set_clock(item, (std::fmod(value, 12) + (letters == "pm" ? 12 : 0)) * 60);
    return true;
  }
  if (letters == "s") {  // the 1920s
    set_number(item, value);
    return true;
  }
  if (const auto unit = unit_of(letters); unit && item.dimension == Dimension::kNone) {
    set_number(item, value, unit->dimension);
    item.base = value * unit->factor;
    return true;
  }
  for (const Suffix& s : kSuffixes) {
    if (s.name != letters) continue;
    set_number(item, value * s.factor, item.dimension);
    return true;
  }
  return false;
}

Dimension currency(std::string_view text, std::size_t at, std::size_t& begin) {
  if (at == 0) return Dimension::kNone;
  const text::Decoded d = text::decode_before(text, at);
  Dimension dimension = Dimension::kNone;
  if (d.cp == '$') dimension = Dimension::kDollar;
  if (d.cp == 0x20AC) dimension = Dimension::kEuro;
  if (d.cp == 0xA3) dimension = Dimension::kPound;
  if (d.cp == 0xA5) dimension = Dimension::kYen;
  if (dimension != Dimension::kNone) begin = at - d.size;
  return dimension;
}

void Reader::number() {
  std::size_t begin = at;
  Item item;
  item.dimension = currency(text, at, begin);
  double value = 0;
  std::size_t i = digits(at, value);
  // 7:30 is one time; a longer chain of colons is none.
  double minutes = -1;
  if (i + 2 < text.size() && text[i] == ':' && value < 24 && std::floor(value) == value) {
    double m = 0;
    const std::size_t end = digits(i + 1, m);
    if (end == i + 3 && m < 60) {
      minutes = m;
      i = end;
    }
  }
  const std::size_t letters = i;
  while (i < text.size() && i - letters < 12 &&
         (text::is_ascii_alpha(static_cast<unsigned char>(text[i])))) {
    ++i;
  }
  const std::string tail = text::folded(text.substr(letters, i - letters));
  const bool iso =
      tail == "t" && i < text.size() && text::is_ascii_digit(static_cast<unsigned char>(text[i]));
  const bool goes_on = !iso && i < text.size() && text::is_word(text::decode_next(text, i).cp) &&
                       !text::is_cjk(text::decode_next(text, i).cp);
  if (minutes >= 0 && (tail.empty() || tail == "am" || tail == "pm")) {
    const double hour = tail.empty() ? value : std::fmod(value, 12) + (tail == "pm" ? 12 : 0);
    set_clock(item, hour * 60 + minutes);
  } else if (goes_on || !apply_suffix(item, value, iso ? "" : tail)) {
    word();  // an identifier such as 4b9_x2
    return;
  }
  if (i < text.size() && text[i] == '%') {
    ++i;
    item.dimension = Dimension::kPercent;
  }
  push(begin, iso ? letters : i, item);  // 2025-03-05T14:12: the T belongs to neither
  at = std::max(i, at + 1);
}

void Reader::run() {
  while (at < text.size()) {
    const text::Decoded d = text::decode_next(text, at);
    if (text::is_ascii_digit(d.cp)) {
      number();
      continue;
    }
    if (text::is_word(d.cp)) {
      word();
      continue;
    }
    const std::size_t next = at + d.size;
    const bool space = next >= text.size() || text::is_space(text::decode_next(text, next).cp) ||
                       text[next] == '"' || text[next] == '\'' || text[next] == ')';
    if (((d.cp == '.' || d.cp == '!' || d.cp == '?') && space) || d.cp == 0x3002 || d.cp == '\n' ||
        d.cp == '{' || d.cp == '}') {
      // "Mr. Hall", "J. Smith": a short capitalised word before a point ends nothing.
      const bool brief = d.cp == '.' && !out.items.empty() && out.items.back().capital &&
                         out.items.back().end == at &&
                         out.items.back().end - out.items.back().begin <= 2;
      if (!brief) break_sentence();
    }
    at = next;
  }
}

std::string_view word_of(std::string_view text, const Item& item, std::array<char, 16>& buffer) {
  const std::size_t n = item.end - item.begin;
  if (n >= buffer.size()) return "";
  for (std::size_t i = 0; i < n; ++i) {
    const char c = text[item.begin + i];
    buffer[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return {buffer.data(), n};
}

// "7 pm", "5 million", "six hundred": takes b into a.
bool join(std::string_view text, Item& a, const Item& b) {
  if (a.kind != Kind::kNumber && a.dimension != Dimension::kClock) return false;
  if (b.begin - a.end > 3 || a.sentence != b.sentence) return false;
  std::array<char, 16> buffer{};
  const std::string_view w = word_of(text, b, buffer);
  if (w == "am" || w == "pm" || w == "a" || w == "p") {
    if (w.size() == 1 && text.substr(b.end, 3) != ".m.") return false;
    if (a.dimension == Dimension::kClock && a.base >= 780) return false;
    if (a.kind == Kind::kNumber && (a.value > 12 || std::floor(a.value) != a.value)) return false;
    const double minutes = a.dimension == Dimension::kClock ? a.base : a.value * 60;
    set_clock(a, std::fmod(minutes, 720) + (w[0] == 'p' ? 720 : 0));
  } else if (const auto scale = scale_word(w); scale && a.kind == Kind::kNumber) {
    const double factor = *scale;
    set_number(a, a.value * factor, a.dimension);
  } else if (b.kind == Kind::kNumber && a.kind == Kind::kNumber && b.value < 10 && b.value > 0 &&
             a.value >= 20 && a.value <= 90 && std::fmod(a.value, 10) == 0 && number_word(w)) {
    set_number(a, a.value + b.value, a.dimension);  // twenty-five
  } else {
    return false;
  }
  a.end = b.end;
  return true;
}

// Joins neighbours in place and moves sentence bounds along.
void join_numbers(std::string_view text, Items& out) {
  auto& items = out.items;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (kept > 0 && join(text, items[kept - 1], items[i])) continue;
    items[kept++] = items[i];
  }
  items.resize(kept);
  for (Sentence& s : out.sentences) s.first = s.last = 0;
  for (std::size_t i = 0; i < kept; ++i) {
    Sentence& s = out.sentences[items[i].sentence];
    if (s.last == 0) s.first = static_cast<std::uint32_t>(i);
    s.last = static_cast<std::uint32_t>(i + 1);
  }
}

// Units after numbers, and the middle of 2025-01-10 as a month.
void qualify_numbers(std::string_view text, std::vector<Item>& items) {
  std::array<char, 16> buffer{};
  for (std::size_t i = 0; i + 1 < items.size(); ++i) {
    Item& a = items[i];
    if (a.kind != Kind::kNumber) continue;
    const Item& b = items[i + 1];
    if (b.begin - a.end <= 1 && b.sentence == a.sentence) {
      const auto unit = unit_of(word_of(text, b, buffer));
      if (unit && a.dimension == Dimension::kNone) {
        a.dimension = unit->dimension;
        a.base = a.value * unit->factor;
      }
    }
    if (i + 2 < items.size() && a.value >= 1000 && a.value < 2200 && text[a.end] == '-' &&
        b.begin == a.end + 1 && b.kind == Kind::kNumber && b.value >= 1 && b.value <= 12 &&
        items[i + 2].begin == b.end + 1 && text[b.end] == '-') {
      set_month(items[i + 1], static_cast<int>(b.value));
    }
  }
}

void find_references(std::string_view text, Items& out) {
  constexpr std::array<std::string_view, 11> kWords = {
      "he", "her", "his", "it", "its", "she", "that", "their", "these", "they", "this"};
  std::array<char, 16> buffer{};
  for (Sentence& s : out.sentences) {
    if (s.first == s.last) continue;
    const std::string_view word = word_of(text, out.items[s.first], buffer);
    s.refers = std::find(kWords.begin(), kWords.end(), word) != kWords.end();
  }
}

void find_names(Items& out) {
  auto& items = out.items;
  auto& inside = out.inside;
  inside.clear();
  for (const Item& item : items) {
    if (item.kind == Kind::kWord && item.capital && !item.opens) inside.push_back(item.key);
  }
  std::sort(inside.begin(), inside.end());
  for (std::size_t i = 0; i < items.size(); ++i) {
    Item& item = items[i];
    if (item.kind != Kind::kWord || !item.capital) continue;
    const bool next = i + 1 < items.size() && items[i + 1].capital && !items[i + 1].opens &&
                      items[i + 1].kind >= Kind::kWord && items[i + 1].begin - item.end <= 2;
    if (!item.opens || next || std::binary_search(inside.begin(), inside.end(), item.key)) {
      item.kind = Kind::kName;
    }
  }
}

}  // namespace

void read_items(std::string_view text, Items& out) {
  out.items.clear();
  out.sentences.clear();
  Reader reader{text, out};
  reader.run();
  join_numbers(text, out);
  qualify_numbers(text, out.items);
  find_names(out);
  find_references(text, out);
}

}  // namespace swy::embed::grounding
