// Token estimate.
//
// What: the text is cut the way GPT-style pre-tokenisers cut it (a word with the space before it,
// digits in threes, a run of punctuation with the space before and the line ends after it, a run of
// line ends, a run of spaces), and each piece costs what such pieces cost on average. The tables
// give hundredths of a token by the length of the piece. A change from lower to upper case inside a
// word starts a new piece (getUserName), since vocabularies hold the humps. Why: the cutting rule
// is public and exact; only the number of tokens per piece needs the vocabulary, and for common
// words it is 1. Non-ASCII letters cost by script (hundredths per code point). Fit and error: see
// tokens.h. Cost: one pass, no allocation. When it loses: rare names, hexadecimal and base64
// strings, scripts that are rare in the training data of a vocabulary (cl100k needs up to four
// times o200k's tokens for Georgian or Telugu). Test: tokens_test.cc.
#include "text/tokens.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "text/detail/runs.h"
#include "text/utf8.h"

namespace swy::text {
namespace {

using Table = std::array<std::uint16_t, 20>;

// Index: length of the piece in letters; beyond the end of the table kPerLetter each.
constexpr Table kWord = {0,   100, 100, 100, 101, 103, 104, 106, 107, 112,
                         112, 120, 137, 125, 155, 180, 235, 285, 300, 330};  // after a space
constexpr Table kPart = {0,   100, 101, 104, 106, 113, 119, 130, 136, 158,
                         146, 134, 210, 240, 190, 320, 330, 350, 370, 400};  // after anything else
constexpr Table kUpper = {0,   100, 101, 121, 145, 140, 141, 165, 230, 255,
                          230, 230, 330, 360, 400, 430, 460, 490, 520, 550};
constexpr Table kMarks = {0,   100, 103, 141, 191, 238, 282, 300, 340, 400,
                          440, 470, 500, 520, 540, 550, 560, 565, 570, 575};  // mixed punctuation
constexpr std::uint32_t kPerLetter = 30;
constexpr std::uint32_t kAfterAccent = 28;  // per ASCII letter that follows an accented one

std::uint32_t look_up(const Table& t, std::size_t n, std::uint32_t each = kPerLetter) {
  if (n < t.size()) return t[n];
  return t.back() + static_cast<std::uint32_t>(n - (t.size() - 1)) * each;
}

// Hundredths of a token per code point below `end`, from the row before on. Sorted.
struct Script {
  char32_t end;
  std::uint16_t cost;
};
constexpr std::array kScripts = {
    Script{0xC0, 100},      // Latin-1 signs
    Script{0x250, 74},      // accented Latin: it also splits the word it is in
    Script{0x370, 80},      // phonetic letters, loose accents
    Script{0x400, 40},      // Greek
    Script{0x530, 32},      // Cyrillic
    Script{0x590, 40},      // Armenian
    Script{0x600, 46},      // Hebrew
    Script{0x780, 39},      // Arabic
    Script{0x900, 120},     // Syriac, Thaana, NKo
    Script{0xE00, 40},      // India and Sri Lanka
    Script{0xF00, 42},      // Thai, Lao
    Script{0x1000, 145},    // Tibetan
    Script{0x10A0, 53},     // Burmese
    Script{0x1100, 40},     // Georgian
    Script{0x1780, 120},    // jamo, Ethiopic, Cherokee and others
    Script{0x1800, 55},     // Khmer
    Script{0x1E00, 120},    // Mongolian and others
    Script{0x1F00, 30},     // Vietnamese
    Script{0x2000, 120},    // Greek with old accents
    Script{0x2070, 100},    // dashes and quotes
    Script{0x3000, 150},    // signs
    Script{0x3040, 80},     // CJK punctuation
    Script{0x3100, 60},     // kana
    Script{0xA000, 74},     // Han
    Script{0xAC00, 250},    // rare scripts
    Script{0xD7B0, 67},     // hangul
    Script{0xFF00, 250},    // private use, presentation forms
    Script{0xFFF0, 85},     // full-width forms
    Script{0x110000, 250},  // emoji and rare scripts
};

std::uint32_t script_cost(char32_t cp) {
  return std::upper_bound(kScripts.begin(), kScripts.end(), cp,
                          [](char32_t c, const Script& s) { return c < s.end; })
      ->cost;
}

bool is_latin(char32_t cp) { return cp < 0x250 ? cp >= 0xC0 : cp >= 0x1E00 && cp < 0x1F00; }

// One mark right before a letter, with no space before it, is often part of the word's token
// (".get", "_id", "'s").
std::uint32_t join_cost(char mark) {
  switch (mark) {
    case '\'':
      return 0;
    case '.':
    case '_':
      return 3;
    case '(':
      return 11;
    case '#':
      return 13;
    case '*':
      return 26;
    case ',':
    case '-':
    case '/':
    case '=':
    case '@':
    case '+':
      return 35;
    case '[':
    case '\\':
    case '"':
      return 52;
    case '<':
      return 69;
    default:
      return 90;
  }
}

enum class Kind : std::uint8_t { kLower, kCapital, kDigit, kSpace, kBreak, kMark, kHigh };

constexpr std::array<Kind, 256> kKinds = [] {
  std::array<Kind, 256> k{};
  k.fill(Kind::kMark);
  for (std::size_t c = 0x80; c < 256; ++c) k[c] = Kind::kHigh;
  for (std::size_t c = 'a'; c <= 'z'; ++c) k[c] = Kind::kLower;
  for (std::size_t c = 'A'; c <= 'Z'; ++c) k[c] = Kind::kCapital;
  for (std::size_t c = '0'; c <= '9'; ++c) k[c] = Kind::kDigit;
  k[' '] = k['\t'] = k['\v'] = k['\f'] = Kind::kSpace;
  k['\n'] = k['\r'] = Kind::kBreak;
  return k;
}();

class Estimator {
 public:
  explicit Estimator(std::string_view text) : text_(text) {}

  std::int64_t run() {
    while (pos_ < text_.size()) step();
    const auto whole = static_cast<std::int64_t>((cost_ + 50) / 100);
    return std::clamp<std::int64_t>(whole, text_.empty() ? 0 : 1,
                                    static_cast<std::int64_t>(text_.size()));
  }

 private:
  [[nodiscard]] Kind kind(std::size_t i) const {
    return kKinds[static_cast<unsigned char>(text_[i])];
  }
  std::size_t skip(Kind k) {
    const std::size_t from = pos_;
    std::size_t to = from;  // a local, so that the loop keeps it in a register
    while (to < text_.size() && kind(to) == k) ++to;
    pos_ = to;
    return to - from;
  }
  void step() {
    switch (kind(pos_)) {
      case Kind::kLower:
      case Kind::kCapital:
        return word();
      case Kind::kDigit:
        cost_ += (skip(Kind::kDigit) + 2) / 3 * 100;
        return leave();
      case Kind::kSpace:
        return space();
      case Kind::kBreak:
        skip(Kind::kBreak);
        cost_ += 101;
        return leave();
      case Kind::kMark:
        return marks();
      case Kind::kHigh:
        return high();
    }
  }
  void leave() { after_space_ = false; }
  static bool is_letter(Kind k) { return k == Kind::kLower || k == Kind::kCapital; }

  void word() {
    const std::size_t capitals = skip(Kind::kCapital);
    const std::size_t small = small_run(text_.substr(pos_));
    pos_ += small;
    if (small == 0 && capitals > 1) {
      cost_ += look_up(kUpper, capitals);
    } else if (capitals > 1) {  // HTTPServer: the last capital belongs to the word that follows
      cost_ += look_up(kUpper, capitals - 1) + look_up(kPart, small + 1);
    } else {
      cost_ += look_up(after_space_ ? kWord : kPart, capitals + small);
    }
    leave();
  }

  // The last space goes with what follows, unless that is a digit or a line end; what is left is
  // one token.
  void space() {
    const std::size_t n = skip(Kind::kSpace);
    const bool joins = pos_ < text_.size() && kind(pos_) != Kind::kDigit &&
                       kind(pos_) != Kind::kBreak && text_[pos_ - 1] == ' ';
    if (pos_ < text_.size() && kind(pos_) == Kind::kBreak) {  // spaces before a line end go with it
      return leave();
    }
    if (n > (joins ? 1U : 0U)) cost_ += 100 + n / 64 * 100;
    after_space_ = joins;
  }

  void marks() {
    const std::size_t from = pos_;
    const std::size_t n = skip(Kind::kMark);
    const char first = text_[from];
    if (n == 1 && !after_space_ && pos_ < text_.size() && is_letter(kind(pos_))) {
      cost_ += join_cost(first);
      return leave();
    }
    const bool same = text_.substr(from, n).find_first_not_of(first) == std::string_view::npos;
    cost_ += same ? 100 + n / 16 * 100 : look_up(kMarks, n, 6);
    // Line ends after a mark are mostly part of its token (".\n", "}\n\n").
    if (const std::size_t breaks = skip(Kind::kBreak); breaks > 0 && n > 1) {
      cost_ += breaks == 1 ? 8 : n == 2 ? 10 : 45;
    }
    leave();
  }

  // A code point above U+007F. Latin letters make the word they are in dearer, also for the ASCII
  // letters after them.
  void high() {
    const Decoded d = decode_multibyte(text_, pos_);
    pos_ += d.size;
    if (!d.valid) {
      cost_ += 100;
      return leave();
    }
    cost_ += script_cost(d.cp);
    if (is_latin(d.cp)) {
      const std::size_t tail = skip(Kind::kLower);
      cost_ += tail * kAfterAccent;
    }
    leave();
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  std::uint64_t cost_ = 0;  // hundredths of a token
  bool after_space_ = false;
};

}  // namespace

std::int64_t estimate_tokens(std::string_view text) { return Estimator(text).run(); }

}  // namespace swy::text
