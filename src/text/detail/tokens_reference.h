// What estimate_tokens() must compute, one piece after the other. For tests and fuzzing only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/detail/token_costs.h"
#include "text/utf8.h"

namespace swy::text::token_costs {

class TokensReference {
 public:
  explicit TokensReference(std::string_view text) : text_(text) {}

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
    const std::size_t small = skip(Kind::kLower);
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

}  // namespace swy::text::token_costs
