// Letters, words and sentences by bits.
//
// What: sixty-four bytes at a time (masks.h) the letters, digits, spaces and marks become bit
// masks; counts are numbers of bits, words are runs of bits, and only ends of sentences, candidates
// for a mathematics word and code points beyond ASCII are looked at one by one. Cost: 0.7 ns a byte
// of ASCII. When it loses: text beyond ASCII costs 5 ns a code point, as a plain loop does. Source:
// none; bits for classes of characters are how simdjson (Langdale and Lemire, VLDB Journal 28,
// 2019) finds its tokens. Test: characters_test.cc.
#include "text/detail/characters.h"

#include <algorithm>

#include "text/utf8.h"

namespace swy::text {
namespace {

// Words that belong to mathematics problems. Sorted.
constexpr std::array<std::string_view, 48> kMathWords = {
    "abelian",     "algebra",   "angle",    "arithmetic",  "calculate",  "circle",
    "coefficient", "compute",   "cosine",   "cyclic",      "degrees",    "derivative",
    "deviation",   "dice",      "digit",    "digits",      "divided",    "divisible",
    "equation",    "equations", "evaluate", "fraction",    "hexagon",    "homomorphism",
    "integer",     "integers",  "integral", "matrix",      "maximum",    "median",
    "minimum",     "modulo",    "percent",  "permutation", "polynomial", "prime",
    "probability", "product",   "radius",   "remainder",   "roots",      "sequence",
    "solve",       "square",    "sum",      "theorem",     "triangle",   "vertices"};

// Which lengths occur among the math words with this first letter: spares most look-ups.
constexpr std::array<std::uint32_t, 26> kMathLengths = [] {
  std::array<std::uint32_t, 26> m{};
  for (const std::string_view w : kMathWords)
    m[static_cast<std::size_t>(w[0] - 'a')] |= 1U << w.size();
  return m;
}();

// Which second letters occur after each first one.
constexpr std::array<std::uint32_t, 26> kMathSeconds = [] {
  std::array<std::uint32_t, 26> m{};
  for (const std::string_view w : kMathWords)
    m[static_cast<std::size_t>(w[0] - 'a')] |= 1U << static_cast<unsigned>(w[1] - 'a');
  return m;
}();

// By first letter and length: words that end_word() looks at, "how", "many", "much" among them.
constexpr std::array<std::uint32_t, 32> kLengths = [] {
  std::array<std::uint32_t, 32> m{};
  for (std::size_t i = 0; i < 26; ++i) m[i + 1] = kMathLengths[i];
  m['h' & 31] |= 1U << 3U;
  m['m' & 31] |= 1U << 4U;
  return m;
}();
constexpr std::array<std::uint32_t, 32> kSeconds = [] {
  std::array<std::uint32_t, 32> m{};
  for (std::size_t i = 0; i < 26; ++i) m[i + 1] = kMathSeconds[i] << 1U;
  m['h' & 31] |= 1U << ('o' & 31U);
  m['m' & 31] |= 1U << ('a' & 31U) | 1U << ('u' & 31U);
  return m;
}();

class Reader {
 public:
  Reader(std::string_view text, MarkMap& marks) : text_(text), marks_(marks) {}

  Characters run() {
    for (base_ = 0; base_ < text_.size(); base_ += kBlock) block();
    if (open_) end_word(start_, text_.size());
    if (!text_.empty() && is_word(last_before(text_.size()))) ++out_.sentences;
    return out_;
  }

 private:
  void block() {
    const Block b = block_at(text_, base_);
    const std::uint64_t used = low_bits(text_.size() - base_);
    const std::uint64_t letters = b.letters();
    const std::uint64_t upper = b.between('A', 'Z');
    const std::uint64_t digits = b.between('0', '9');
    const std::uint64_t high = b.high();
    const std::uint64_t space = b.equal(' ') | b.between('\t', '\r');
    std::uint64_t word = letters | digits | b.equal('_');
    const std::uint64_t ascii_other = ~(word | space | high) & used;
    out_.letters += count_bits(letters);
    out_.digits += count_bits(digits);
    if (upper != 0) out_.upper_case += count_bits(upper);
    out_.code_points += count_bits(~high & used);
    out_.symbols += count_bits(ascii_other);
    // The underscore, and the tab among the spaces, are marks to whoever reads lines.
    marks_.set_block(base_ / kBlock, ~(letters | digits | high | (space & ~b.equal('\t'))) & used);
    // A full stop, an exclamation mark or a question mark.
    for (std::uint64_t m = (b.equal('.') | b.equal('!') | b.equal('?')) & used; m != 0;
         m &= m - 1) {
      const std::size_t i = base_ + lowest(m);
      mark(static_cast<unsigned char>(text_[i]), i, i + 1);
    }
    word |= carried_;
    carried_ = 0;
    if ((high & used) != 0) beyond_ascii(high & used, word);
    words(word, digits);
  }

  // Code points that are not ASCII; their bytes join `word` if they belong to words.
  void beyond_ascii(std::uint64_t high, std::uint64_t& word) {
    std::uint64_t m = high & ~low_bits(skip_);
    skip_ = 0;
    while (m != 0) {
      const std::size_t i = lowest(m);
      const Decoded d = decode_multibyte(text_, base_ + i);
      const std::size_t end = i + d.size;
      ++out_.code_points;
      if (is_word(d.cp)) {
        ++out_.letters;
        if (fold(d.cp) != d.cp) ++out_.upper_case;
        // Every CJK character is a word; the one that begins a run is counted with the run.
        const bool runs_on = i > 0 ? (word >> (i - 1) & 1U) != 0 : open_;
        if (runs_on && is_cjk(d.cp)) ++out_.words;
        word |= low_bits(end) & ~low_bits(i);
        if (end > kBlock) carried_ = low_bits(end - kBlock);
      } else if (!is_space(d.cp)) {
        ++out_.symbols;
        mark(d.cp, base_ + i, base_ + end);
      }
      if (end >= kBlock) {
        skip_ = end - kBlock;
        return;
      }
      m &= ~low_bits(end);
    }
  }

  void words(std::uint64_t word, std::uint64_t digits) {
    const std::uint64_t before = word << 1U | static_cast<std::uint64_t>(open_);
    std::uint64_t starts = word & ~before;
    std::uint64_t ends = ~word & before;
    out_.words += count_bits(starts);
    out_.numbers += digits == 0 ? 0 : count_bits(starts & digits);
    if (open_ && ends != 0) {
      end_word(start_, base_ + lowest(ends));
      ends &= ends - 1;
      open_ = false;
    }
    for (; ends != 0; starts &= starts - 1, ends &= ends - 1) {
      const std::size_t s = lowest(starts);
      end_word(base_ + s, base_ + lowest(ends));
    }
    if (starts != 0) {
      start_ = base_ + lowest(starts);
      open_ = true;
    }
  }

  void end_word(std::size_t from, std::size_t to) {
    ++ended_;
    const std::size_t size = to - from;
    const auto first = static_cast<unsigned char>(text_[from]);
    const auto second = static_cast<unsigned char>(text_[size > 1 ? from + 1 : from]);
    const std::uint32_t looks = kLengths[first & 31U] >> std::min<std::size_t>(size, 31U) &
                                kSeconds[first & 31U] >> (second & 31U) & 1U;
    if (looks != 0) look_at(text_.substr(from, size));
  }

  void look_at(std::string_view w) {
    if (is_math_word(w)) ++out_.math_words;
    if (w == "how" || w == "How") how_ = ended_;
    if ((w == "many" || w == "much") && how_ + 1 == ended_) out_.asks_quantity = true;
  }

  // The last character before `at` that is no space; U+0000 if there is none.
  [[nodiscard]] char32_t last_before(std::size_t at) const {
    while (at > 0) {
      const Decoded d = decode_before(text_, at);
      if (!is_space(d.cp)) return d.cp;
      at -= d.size;
    }
    return 0;
  }

  // A character at `at` that may end a sentence or question; the next one is at `next`.
  void mark(char32_t c, std::size_t at, std::size_t next) {
    const bool question = c == '?' || c == 0xFF1F || c == 0x61F;
    const bool wide = c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0x964;
    if (c >= 0x80 && !question && !wide) return;
    const char32_t last = last_before(at);
    const bool closes = next >= text_.size() || is_space(decode_next(text_, next).cp);
    if (question && last != '?' &&
        (closes || c != '?' || text_[next] == '"' || text_[next] == ')')) {
      ++out_.questions;
    }
    const bool sentence = is_word(last) || last == ')' || last == '"' || last == '$';
    if (sentence && (wide || (closes && c < 0x80))) ++out_.sentences;
  }

  std::string_view text_;
  MarkMap& marks_;
  Characters out_;
  std::size_t base_ = 0;
  std::size_t start_ = 0;           // of the word that is open
  bool open_ = false;               // the block begins inside a word
  std::uint64_t carried_ = 0;       // bytes of a word's code point that began in the block before
  std::size_t skip_ = 0;            // bytes of any code point that began in the block before
  std::uint32_t ended_ = 0;         // words
  std::uint32_t how_ = 0xFFFFFFF0;  // number of the last "how"
};

}  // namespace

bool is_math_word(std::string_view w) {
  if (w.size() < 3 || w.size() > 12) return false;
  const auto first = static_cast<std::size_t>(static_cast<unsigned char>(w[0]) | 0x20U) - 'a';
  const auto second = static_cast<std::size_t>(static_cast<unsigned char>(w[1]) | 0x20U) - 'a';
  if (first >= kMathLengths.size() || second >= 26 || (kMathLengths[first] >> w.size() & 1U) == 0 ||
      (kMathSeconds[first] >> second & 1U) == 0) {
    return false;
  }
  std::array<char, 12> low{};
  for (std::size_t i = 0; i < w.size(); ++i)
    low[i] = static_cast<char>(fold(static_cast<unsigned char>(w[i])));
  return std::binary_search(kMathWords.begin(), kMathWords.end(),
                            std::string_view(low.data(), w.size()));
}

Characters read_characters(std::string_view text, MarkMap& marks) {
  return Reader(text, marks).run();
}

}  // namespace swy::text
