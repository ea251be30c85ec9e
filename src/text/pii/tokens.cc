// Tokens of the tagger and what is known of each by itself.
//
// What: runs of letters and marks, runs of digits, single other characters; a pattern's span is one
// token. Cost: one pass over the code points. Test: pii_test.cc.
#include <algorithm>
#include <array>

#include "text/pii/lists.h"
#include "text/pii_tagger.h"
#include "text/utf8.h"

namespace swy::text {
namespace {

enum Kind : std::uint32_t { kLetters, kDigits, kOther, kPattern };
enum Case : std::uint32_t { kLower, kCapital, kAllCaps, kMixed, kInitial, kCaseless };

constexpr std::size_t kMaxWord = 64;  // bytes of a word that are hashed

bool upper(char32_t cp) { return fold(cp) != cp; }

struct WordBytes {
  std::array<char, kMaxWord + 4> bytes{};
  std::size_t n = 0;
  std::array<std::size_t, 4> last{};  // where the last three code points begin
  std::array<std::size_t, 4> first{};
  std::size_t code_points = 0;
  void add(char32_t cp) {
    if (!note()) return;
    n += encode(cp, bytes.data() + n);
  }
  void add_ascii(char c) {
    if (!note()) return;
    bytes[n++] = c;
  }
  bool note() {
    if (n >= kMaxWord) return false;
    if (code_points < first.size()) first[code_points] = n;
    last[0] = last[1];
    last[1] = last[2];
    last[2] = n;
    ++code_points;
    return true;
  }
  [[nodiscard]] std::string_view all() const { return {bytes.data(), n}; }
  [[nodiscard]] std::string_view tail(std::size_t k) const {
    return code_points < k ? all() : all().substr(last[3 - k]);
  }
  [[nodiscard]] std::string_view head3() const {
    return code_points <= 3 ? all() : all().substr(0, first[3]);
  }
};

class Reader {
 public:
  Reader(std::string_view text, std::span<const PiiSpan> sure, std::span<const PiiSpan> hints,
         std::vector<PiiToken>& out)
      : s_(text), sure_(sure), hints_(hints), out_(out) {}

  void run() {
    out_.clear();
    std::size_t i = 0;
    while (i < s_.size()) {
      if (next_sure_ < sure_.size() && i >= sure_[next_sure_].begin) {
        const PiiSpan& p = sure_[next_sure_++];
        if (p.end <= i) continue;
        pattern(p);
        i = p.end;
        continue;
      }
      const Decoded d = decode_next(s_, i);
      if (is_space(d.cp)) {
        blank_ = blank_ || (gap_ == 2 && d.cp == '\n');
        gap_ = std::max<std::uint8_t>(gap_, d.cp == '\n' ? 2 : 1);
        i += d.size;
        continue;
      }
      i = token(i, d);
    }
    const bool cased = capitals_ > 0 && smalls_ > 0;
    for (std::size_t k = 0; k < out_.size(); ++k) {
      out_[k].cased = cased;
      const bool last = k + 1 == out_.size() || out_[k + 1].gap == 2;
      if (last) out_[k].line |= 2U;
    }
    if (cased) mark_cold();
  }

 private:
  // Words in small letters and commas, kCalm of them on either side, no list knowing any: in a text
  // that uses capitals nothing begins there.
  void mark_cold() {
    constexpr std::size_t kCalm = 2;
    const auto calm = [](const PiiToken& t) {
      const bool word = (t.shape & 0xFU) == kLetters && ((t.shape >> 4U) & 0xFU) == kLower;
      return (word && (t.lists & ~pii::kParticle) == 0) || (t.shape >> 8U) == ',';
    };
    std::size_t run = 0;
    for (std::size_t k = 0; k <= out_.size(); ++k) {
      if (k < out_.size() && calm(out_[k]) && out_[k].gap != 2) {
        ++run;
        continue;
      }
      for (std::size_t c = kCalm; c + kCalm < run; ++c) out_[k - run + c].cold = true;
      if (k < out_.size()) run = 0;
    }
  }

  [[nodiscard]] std::size_t limit() const {
    return next_sure_ < sure_.size() ? sure_[next_sure_].begin : s_.size();
  }

  std::size_t token(std::size_t i, Decoded d) {
    PiiToken t;
    t.begin = static_cast<std::uint32_t>(i);
    const std::size_t end = std::max(limit(), i + d.size);
    if (is_ascii_digit(d.cp)) {
      while (i < end && is_ascii_digit(static_cast<unsigned char>(s_[i]))) ++i;
      finish_digits(t, i);
    } else if (is_word(d.cp) && d.cp != '_') {
      i = letters(i, end, t);
    } else {
      i += d.size;
      t.end = static_cast<std::uint32_t>(i);
      t.word = pii::word_hash(s_.substr(t.begin, i - t.begin));
      t.suffix2 = t.suffix3 = t.prefix3 = t.word;
      t.shape = kOther | static_cast<std::uint32_t>(d.cp << 8U);
    }
    push(t);
    if (d.cp == ':') label_ = out_.size() > 1 ? out_[out_.size() - 2].word : 0;
    return i;
  }

  std::size_t letters(std::size_t i, std::size_t end, PiiToken& t) {
    WordBytes w;
    std::size_t uppers = 0;
    std::size_t cased = 0;
    bool first_upper = false;
    while (i < end) {
      const auto byte = static_cast<unsigned char>(s_[i]);
      if (byte < 0x80) {  // as below, in short
        const auto low = static_cast<unsigned char>(byte | 0x20U);
        if (low < 'a' || low > 'z') break;
        const bool up = low != byte;
        if (w.code_points == 0) first_upper = up;
        uppers += up ? 1U : 0U;
        (up ? capitals_ : smalls_) += 1;
        ++cased;
        w.add_ascii(static_cast<char>(low));
        ++i;
        continue;
      }
      const Decoded d = decode_next(s_, i);
      if (!is_word(d.cp)) break;
      const bool up = upper(d.cp);
      if (w.code_points == 0) first_upper = up;
      uppers += up ? 1U : 0U;
      (up ? capitals_ : smalls_) += 1;
      cased += up || d.cp < 0x250 ? 1U : 0U;
      w.add(fold(d.cp));
      i += d.size;
    }
    t.end = static_cast<std::uint32_t>(i);
    t.word = pii::word_hash(w.all());
    t.suffix3 = pii::word_hash(w.tail(3));
    t.suffix2 = pii::word_hash(w.tail(2));
    t.prefix3 = pii::word_hash(w.head3());
    t.lists = pii::lists_of(t.word);
    const std::size_t n = w.code_points;
    const Case c = cased == 0                   ? kCaseless
                   : uppers == 0                ? kLower
                   : first_upper && n == 1      ? kInitial
                   : first_upper && uppers == 1 ? kCapital
                   : uppers == n                ? kAllCaps
                                                : kMixed;
    const std::uint32_t length = n <= 3 ? static_cast<std::uint32_t>(n) : n <= 6 ? 4U : 5U;
    t.shape = kLetters | static_cast<std::uint32_t>(c) << 4U | length << 8U;
    return i;
  }

  void finish_digits(PiiToken& t, std::size_t end) const {
    t.end = static_cast<std::uint32_t>(end);
    const std::size_t n = end - t.begin;
    // Years and small numbers by value, others by length: digits carry no meaning to be learned.
    std::array<char, 8> key{'#', static_cast<char>('0' + std::min<std::size_t>(n, 15))};
    if (n == 4) key[2] = s_[t.begin] == '1' || s_[t.begin] == '2' ? 'y' : 'n';
    t.word = pii::word_hash({key.data(), 3});
    t.suffix3 = pii::word_hash({key.data(), 2});
    key[2] = s_[t.begin];
    t.suffix2 = pii::word_hash({key.data(), 3});
    t.prefix3 = t.suffix3;
    t.shape = kDigits | static_cast<std::uint32_t>(std::min<std::size_t>(n, 15)) << 8U;
  }

  void pattern(const PiiSpan& p) {
    PiiToken t;
    t.begin = p.begin;
    t.end = p.end;
    t.word = pii::word_hash(to_string(p.type)) + 2;
    t.suffix2 = t.suffix3 = t.prefix3 = t.word;
    t.shape = kPattern | static_cast<std::uint32_t>(p.type) << 8U;
    push(t);
  }

  void push(PiiToken t) {
    t.gap = out_.empty() ? std::uint8_t{2} : gap_;
    gap_ = 0;
    if (t.gap == 2) {
      t.line |= 1U;
      line_label_ = label_;
      label_ = 0;
      line_start_ = t.shape;
      in_line_ = 0;
    }
    if (t.gap == 2 && blank_) lead_ = 0;
    blank_ = false;
    if (lead_ == 0 && (t.shape & 0xFU) == kDigits) {
      const auto before = [&](std::size_t k) {
        return out_.size() >= k ? out_[out_.size() - k].word : 0;
      };
      lead1_ = t.gap == 2 ? 1 : before(1);
      lead_ = t.gap == 2 ? 1 : (before(1) ^ (before(2) << 1U)) | 2U;
    }
    t.lead = lead_;
    t.lead1 = lead_ == 0 ? 0 : lead1_;
    t.label = label_ != 0 ? label_ : line_label_ + 1;
    t.line |=
        std::min<std::uint32_t>(in_line_++, 3) << 2U | ((line_start_ & 0xFU) == kOther ? 16U : 0U);
    while (next_hint_ < hints_.size() && hints_[next_hint_].end <= t.begin) ++next_hint_;
    if (next_hint_ < hints_.size() && hints_[next_hint_].begin < t.end) {
      t.hint = hints_[next_hint_].begin >= t.begin ? 1 : 2;
    }
    out_.push_back(t);
  }

  std::string_view s_;
  std::span<const PiiSpan> sure_, hints_;
  std::vector<PiiToken>& out_;
  std::size_t next_sure_ = 0, next_hint_ = 0;
  std::uint8_t gap_ = 2;
  std::size_t capitals_ = 0, smalls_ = 0;
  bool blank_ = false;  // an empty line came
  std::uint64_t label_ = 0, line_label_ = 0, lead_ = 0, lead1_ = 0;
  std::uint32_t line_start_ = 0, in_line_ = 0;
};

// One 64-bit feature of a template and up to two values.
std::uint64_t feature(std::uint64_t which, std::uint64_t a, std::uint64_t b = 0) {
  std::uint64_t h = (a ^ (which << 56U)) * 0x9e3779b97f4a7c15U;
  h ^= (b + 0x165667b19e3779f9U * which) * 0xc2b2ae3d27d4eb4fU;
  h ^= h >> 29U;
  return h * 0xbf58476d1ce4e5b9U;
}

const PiiToken& at(std::span<const PiiToken> t, std::size_t i, int delta) {
  static const PiiToken kNone;
  const std::size_t k = i + static_cast<std::size_t>(delta);  // wraps below zero: out of range
  return k < t.size() ? t[k] : kNone;
}

}  // namespace

void pii_tokens(std::string_view text, std::span<const PiiSpan> sure,
                std::span<const PiiSpan> hints, std::vector<PiiToken>& out) {
  Reader(text, sure, hints, out).run();
}

void pii_features(std::span<const PiiToken> tokens, std::size_t i, PiiFeatures& out) {
  const PiiToken& t = tokens[i];
  const PiiToken& a = at(tokens, i, -1);
  const PiiToken& a2 = at(tokens, i, -2);
  const PiiToken& b = at(tokens, i, 1);
  const PiiToken& b2 = at(tokens, i, 2);
  const std::uint64_t place = static_cast<std::uint64_t>(t.gap) | std::uint64_t{b.gap} << 4U |
                              std::uint64_t{t.line} << 8U | std::uint64_t{t.hint} << 16U;
  std::uint64_t f = 0;
  std::size_t n = 0;
  const auto add = [&](std::uint64_t x, std::uint64_t y = 0) { out[n++] = feature(++f, x, y); };
  add(t.word);  // the lexical ones first: kPiiLexicalFeatures
  add(t.suffix3);
  add(t.suffix2, t.shape);
  add(t.prefix3);
  add(t.word, a.word);
  add(t.word, b.word);
  add(0, 0);  // bias
  add(a.word, t.shape & 0xFFU);
  add(b.word, t.shape & 0xFFU);
  add(a2.word, t.shape & 0xFFU);
  add(b2.word, t.shape & 0xFFU);
  add(a.word, a2.word);
  add(b.word, b2.word);
  add(a.word, b.word);
  add(t.shape, place);
  add(t.shape, a.shape);
  add(t.shape, b.shape);
  add(t.shape + (std::uint64_t{a.shape} << 32U), b.shape);
  add(t.shape + (std::uint64_t{a.shape} << 32U), a2.shape);
  add(t.shape + (std::uint64_t{b.shape} << 32U), b2.shape);
  add(t.lists, t.shape);
  add(a.lists, t.shape & 0xFFU);
  add(b.lists, t.shape & 0xFFU);
  add(t.lists, a.lists + (std::uint64_t{b.lists} << 32U));
  add(t.label, t.shape);
  add(t.label, t.line);
  add(a.word, place);
  add(a2.word, a.shape + (std::uint64_t{t.shape} << 32U));
  add(at(tokens, i, -3).word, a.shape + (std::uint64_t{t.shape} << 32U));
  add(t.gap, t.shape & 0xFFU);
  add(t.cased ? 1 : 0, t.shape);
  add(t.lead1, t.shape + (std::uint64_t{a.shape} << 32U));
  add(t.lead, place);
  add(t.lead, t.shape + (std::uint64_t{a.shape} << 32U));
  add(a.lists | std::uint64_t{a2.lists} << 32U,
      t.gap | std::uint64_t{a.gap} << 4U | std::uint64_t{t.lists} << 8U);
  add(b2.lists, b.shape + (std::uint64_t{t.shape} << 32U));
}

}  // namespace swy::text
