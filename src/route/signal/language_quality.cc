// language_quality: how well-formed the text is, as against noise, mashed keys and broken encoding.
//
// What: value = 1 - min(1, 4 m + 1.5 u + 3 r + s + 0.5 c + 2 d), shares of
//   m  malformed UTF-8 bytes and U+FFFD
//   u  words that no language spells so: Latin, four letters or more, without a vowel, with six
//      consonants in a row, or over 30 letters
//   r  characters in runs of the same letter, four or longer
//   s  symbols beyond 30 % of the characters (code and tables are below that)
//   c  capitals beyond 70 % of the letters, when there are at least 20
//   d  words that repeat the word before
// True when the value is at least `least`; label = good or poor. confidence = logistic of the
// distance from `least` with slope 12: a guess, no labelled data was at hand. Unknown: no text in
// scope, or fewer than 12 bytes. Cost: one pass over at most 8 KiB. When it loses: correct words
// without sense; languages whose words it knows nothing of pass. Source: none. Test:
// language_quality_test.cc.
#include <algorithm>
#include <cmath>

#include "route/detail/plugin.h"
#include "text/utf8.h"

namespace swy::route {
namespace {

constexpr std::size_t kLeastBytes = 12;
constexpr std::size_t kMostBytes = 8192;

struct Options {
  double least = 0.6;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("least", least, {0, 1}, "true when the value is at least this");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class Counter {
 public:
  double quality(std::string_view s) {
    for (std::size_t i = 0; i < s.size();) {
      const text::Decoded d = text::decode_next(s, i);
      take(d);
      i += d.size;
    }
    end_word();
    const double n = std::max(1.0, chars_);
    const double words = std::max(1.0, words_);
    const double symbols = std::max(0.0, symbols_ / n - 0.3);
    const double caps = letters_ < 20 ? 0 : std::max(0.0, capitals_ / letters_ - 0.7);
    return 1 - std::min(1.0, 4 * malformed_ / n + 1.5 * odd_ / words + 3 * runs_ / n + symbols +
                                 0.5 * caps + 2 * repeats_ / words);
  }

 private:
  void take(const text::Decoded& d) {
    chars_ += 1;
    malformed_ += !d.valid || d.cp == text::kReplacement ? 1 : 0;
    same_ = d.cp == last_ ? same_ + 1 : 1;
    last_ = d.cp;
    if (same_ >= 4 && text::is_word(d.cp) && !text::is_ascii_digit(d.cp)) runs_ += 1;
    if (!text::is_word(d.cp)) {
      symbols_ += text::is_space(d.cp) ? 0 : 1;
      end_word();
      return;
    }
    const char32_t low = text::fold(d.cp);
    letters_ += text::is_ascii_digit(d.cp) ? 0 : 1;
    capitals_ += low != d.cp ? 1 : 0;
    word_ = word_ * 31 + low;
    ++length_;
    plain_ = plain_ && text::is_ascii_alpha(low);
    small_ = small_ || low == d.cp;
    const bool vowel =
        low == 'a' || low == 'e' || low == 'i' || low == 'o' || low == 'u' || low == 'y';
    vowels_ = vowels_ || vowel;
    row_ = vowel ? 0 : row_ + 1;
    longest_ = std::max(longest_, row_);
  }
  void end_word() {
    if (length_ > 0) {
      words_ += 1;
      odd_ +=
          plain_ && small_ && length_ >= 4 && (!vowels_ || longest_ >= 6 || length_ > 30) ? 1 : 0;
      repeats_ += word_ == before_ ? 1 : 0;
      before_ = word_;
    }
    word_ = 0;
    length_ = row_ = longest_ = 0;
    plain_ = true;
    vowels_ = small_ = false;
  }

  double chars_ = 0, malformed_ = 0, runs_ = 0, symbols_ = 0, letters_ = 0, capitals_ = 0;
  double words_ = 0, odd_ = 0, repeats_ = 0;
  char32_t last_ = 0;
  std::uint64_t word_ = 0, before_ = 0;
  std::size_t same_ = 0, length_ = 0, row_ = 0, longest_ = 0;
  bool plain_ = true, vowels_ = false, small_ = false;
};

class LanguageQuality final : public Signal {
 public:
  LanguageQuality(double least, chat::Scope scope) : least_(least), scope_(scope) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) -> Fact {
      const std::string_view s = r.text(scope_);
      if (s.size() < kLeastBytes) return {};
      const double q = Counter().quality(s.substr(0, kMostBytes));
      const double sure = 1 / (1 + std::exp(-12 * std::abs(q - least_)));
      return {plugin::truth(q >= least_), static_cast<float>(sure), q,
              plugin::label(q >= least_ ? "good" : "poor")};
    });
  }
  [[nodiscard]] double cost_us() const override { return 6; }

 private:
  double least_;
  chat::Scope scope_;
};

}  // namespace

std::unique_ptr<Signal> make_language_quality(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  if (!scope) return nullptr;
  return std::make_unique<LanguageQuality>(o.least, *scope);
}

}  // namespace swy::route
