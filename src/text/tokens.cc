// Token estimate.
//
// What: the text is cut the way GPT-style pre-tokenisers cut it (a word with the space before it,
// digits in threes, a run of punctuation with the space before and the line ends after it, a run of
// line ends, a run of spaces), and each piece costs what such pieces cost on average. The tables
// give hundredths of a token by the length of the piece. A change from lower to upper case inside a
// word starts a new piece (getUserName), since vocabularies hold the humps. Why: the cutting rule
// is public and exact; only the number of tokens per piece needs the vocabulary, and for common
// words it is 1. Non-ASCII letters cost by script (hundredths per code point). Fit and error: see
// tokens.h. Cost: one pass by bits (detail/masks.h),
// no allocation. When it loses: rare names, hexadecimal and base64
// strings, scripts that are rare in the training data of a vocabulary (cl100k needs up to four
// times o200k's tokens for Georgian or Telugu). Test: tokens_test.cc.
#include "text/tokens.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "text/detail/masks.h"
#include "text/detail/token_costs.h"
#include "text/utf8.h"

namespace swy::text {
namespace {

using namespace token_costs;

// kPart and kWord for every length within a block.
constexpr std::array<std::array<std::uint16_t, kBlock + 1>, 2> kPieces = [] {
  std::array<std::array<std::uint16_t, kBlock + 1>, 2> t{};
  for (std::size_t n = 0; n <= kBlock; ++n) {
    t[0][n] = static_cast<std::uint16_t>(look_up(kPart, n));
    t[1][n] = static_cast<std::uint16_t>(look_up(kWord, n));
  }
  return t;
}();

// What a piece costs depends on itself and its neighbours only, so the pieces of letters of a block
// are summed in one loop and everything else in others.
class Estimator {
 public:
  explicit Estimator(std::string_view text) : text_(text) {}

  std::int64_t run() {
    for (base_ = 0; base_ < text_.size(); base_ += kBlock) block();
    const auto whole = static_cast<std::int64_t>((cost_ + 50) / 100);
    return std::clamp<std::int64_t>(whole, text_.empty() ? 0 : 1,
                                    static_cast<std::int64_t>(text_.size()));
  }

 private:
  [[nodiscard]] Kind kind(std::size_t i) const {
    return kKinds[static_cast<unsigned char>(text_[i])];
  }
  // The end of the run of one kind that begins at `from`.
  [[nodiscard]] std::size_t end_of(Kind k, std::size_t from) const {
    while (from < text_.size() && kind(from) == k) ++from;
    return from;
  }
  static bool is_letter(Kind k) { return k == Kind::kLower || k == Kind::kCapital; }

  void block() {
    const Block b = block_at(text_, base_);
    const std::uint64_t used = low_bits(text_.size() - base_);
    const std::uint64_t small = b.between('a', 'z');
    const std::uint64_t capital = b.between('A', 'Z');
    const std::uint64_t letter = small | capital;
    const std::uint64_t digit = b.between('0', '9');
    const std::uint64_t blank = b.equal(' ');
    const std::uint64_t space = blank | b.equal('\t') | b.between('\v', '\f');
    const std::uint64_t line_end = b.equal('\n') | b.equal('\r');
    const std::uint64_t high = b.high();
    const std::uint64_t mark = ~(letter | digit | space | line_end | high) & used;
    before_ = base_ == 0 ? Kind::kHigh : kind(base_ - 1);
    const auto after = [this](std::uint64_t m, bool last) {
      return m << 1U | static_cast<std::uint64_t>(base_ > 0 && last);
    };
    const std::uint64_t after_letter = after(letter, is_letter(before_));
    const std::uint64_t after_capital = after(capital, before_ == Kind::kCapital);
    const std::uint64_t after_blank = after(blank, base_ > 0 && text_[base_ - 1] == ' ');
    const std::uint64_t after_high = after(high, before_ == Kind::kHigh);
    const std::uint64_t after_mark = after(mark, before_ == Kind::kMark);
    // A piece of letters is capitals, then small letters.
    const std::uint64_t starts = (capital & ~after_capital) | (small & ~after_letter);
    letters({starts, after_letter & (~letter | starts), capital, (capital & after_capital) != 0,
             after_blank, small & after_high & starts});
    for (std::uint64_t m = digit & ~after(digit, before_ == Kind::kDigit); m != 0; m &= m - 1) {
      const std::size_t at = base_ + lowest(m);
      cost_ += (end_of(Kind::kDigit, at) - at + 2) / 3 * 100;
    }
    // One space before a letter, a mark or something beyond ASCII costs nothing.
    const std::uint64_t joined = blank & (letter | mark | high) >> 1U;
    for (std::uint64_t m = space & ~after(space, before_ == Kind::kSpace) & ~joined; m != 0;
         m &= m - 1) {
      spaces(base_ + lowest(m));
    }
    const std::uint64_t breaks = line_end & ~after(line_end, before_ == Kind::kBreak) & ~after_mark;
    cost_ += std::uint64_t{count_bits(breaks)} * 101;
    for (std::uint64_t m = mark & ~after_mark; m != 0; m &= m - 1)
      marks(base_ + lowest(m), (after_blank >> lowest(m) & 1U) != 0);
    if (high != 0) beyond_ascii(high);
  }

  struct Letters {
    std::uint64_t starts;  // of pieces
    std::uint64_t ends;    // right after them
    std::uint64_t capital;
    bool capitals;  // two in a row somewhere
    std::uint64_t after_blank;
    std::uint64_t after_high;  // pieces of small letters that follow a byte beyond ASCII
  };

  void letters(Letters m) {
    if (base_ > 0 && done_ >= base_) {  // a piece from the block before ends at done_
      m.starts &= ~low_bits(done_ - base_);
      m.ends &= ~low_bits(done_ - base_ + 1);
    }
    for (; m.ends != 0; m.starts &= m.starts - 1, m.ends &= m.ends - 1) {
      const std::size_t s = lowest(m.starts);
      const std::size_t n = lowest(m.ends) - s;
      if (m.capitals || (m.after_high >> s & 1U) != 0) {
        piece(base_ + s, base_ + s + n, (m.after_blank >> s & 1U) != 0);
      } else {
        cost_ += kPieces[m.after_blank >> s & 1U][n];
      }
    }
    if (m.starts == 0) return;
    const std::size_t at = base_ + lowest(m.starts);  // crosses the edge
    done_ = end_of(Kind::kLower, end_of(Kind::kCapital, at));
    piece(at, done_, (m.after_blank >> (at - base_) & 1U) != 0);
  }

  void piece(std::size_t from, std::size_t to, bool after_blank) {
    const std::size_t capitals = end_of(Kind::kCapital, from) - from;
    const std::size_t small = to - from - capitals;
    if (capitals == 0 && from > 0 && kind(from - 1) == Kind::kHigh) {
      const Decoded d = decode_before(text_, from);
      if (d.valid && is_latin(d.cp)) {  // makes the word it is in dearer
        cost_ += small * kAfterAccent;
        return;
      }
    }
    if (small == 0 && capitals > 1) {
      cost_ += look_up(kUpper, capitals);
    } else if (capitals > 1) {  // HTTPServer: the last capital belongs to the word that follows
      cost_ += look_up(kUpper, capitals - 1) + look_up(kPart, small + 1);
    } else {
      cost_ += look_up(after_blank ? kWord : kPart, capitals + small);
    }
  }

  // The last space goes with what follows, unless that is a digit or a line end; what is left is
  // one token.
  void spaces(std::size_t from) {
    const std::size_t to = end_of(Kind::kSpace, from);
    if (to < text_.size() && kind(to) == Kind::kBreak) return;  // goes with the line end
    const bool joins = to < text_.size() && kind(to) != Kind::kDigit && text_[to - 1] == ' ';
    const std::size_t n = to - from;
    if (n > (joins ? 1U : 0U)) cost_ += 100 + n / 64 * 100;
  }

  void marks(std::size_t from, bool after_blank) {
    const std::size_t to = end_of(Kind::kMark, from);
    const std::size_t n = to - from;
    const char first = text_[from];
    if (n == 1 && !after_blank && to < text_.size() && is_letter(kind(to))) {
      cost_ += join_cost(first);
      return;
    }
    const bool same = text_.substr(from, n).find_first_not_of(first) == std::string_view::npos;
    cost_ += same ? 100 + n / 16 * 100 : look_up(kMarks, n, 6);
    // Line ends after a mark are mostly part of its token (".\n", "}\n\n").
    if (const std::size_t breaks = end_of(Kind::kBreak, to) - to; breaks > 0 && n > 1) {
      cost_ += breaks == 1 ? 8 : n == 2 ? 10 : 45;
    }
  }

  void beyond_ascii(std::uint64_t high) {
    std::uint64_t m = skip_ > base_ ? high & ~low_bits(skip_ - base_) : high;
    while (m != 0) {
      const std::size_t i = lowest(m);
      const Decoded d = decode_multibyte(text_, base_ + i);
      cost_ += d.valid ? script_cost(d.cp) : 100;
      skip_ = base_ + i + d.size;
      m &= ~low_bits(i + d.size);
    }
  }

  std::string_view text_;
  std::size_t base_ = 0;
  std::size_t done_ = 0;       // up to here the letters are counted
  std::size_t skip_ = 0;       // up to here code points beyond ASCII are counted
  Kind before_ = Kind::kHigh;  // the byte before the block
  std::uint64_t cost_ = 0;     // hundredths of a token
};

}  // namespace

std::int64_t estimate_tokens(std::string_view text) { return Estimator(text).run(); }

}  // namespace swy::text
