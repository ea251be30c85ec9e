// What read_characters() must compute, one code point after the other. For tests and fuzzing only.
#pragma once

#include <string_view>

#include "text/detail/characters.h"
#include "text/utf8.h"

namespace swy::text {

class CharactersReference {
 public:
  static Characters of(std::string_view text) {
    CharactersReference r(text);
    for (std::size_t i = 0; i < text.size();) i += r.step(i);
    r.end_word(text.size());
    if (is_word(r.last_)) ++r.out_.sentences;
    return r.out_;
  }

 private:
  explicit CharactersReference(std::string_view text) : text_(text) {}

  std::size_t step(std::size_t i) {
    const Decoded d = decode_next(text_, i);
    const char32_t c = d.cp;
    ++out_.code_points;
    if (is_word(c)) {
      if (!in_word_ || is_cjk(c)) ++out_.words;
      if (!in_word_) word_ = i;
      in_word_ = true;
      if (is_ascii_digit(c)) ++out_.digits;
      if (c >= 0x80 || is_ascii_alpha(c)) ++out_.letters;
      if (fold(c) != c) ++out_.upper_case;
      last_ = c;
      return d.size;
    }
    end_word(i);
    if (!is_space(c)) {
      ++out_.symbols;
      mark(c, i + d.size);
      last_ = c;
    }
    return d.size;
  }

  void end_word(std::size_t to) {
    if (!in_word_) return;
    in_word_ = false;
    const std::string_view w = text_.substr(word_, to - word_);
    if (is_ascii_digit(static_cast<unsigned char>(w.front()))) ++out_.numbers;
    if (is_math_word(w)) ++out_.math_words;
    if (after_how_ && (w == "many" || w == "much")) out_.asks_quantity = true;
    after_how_ = w == "how" || w == "How";
  }

  void mark(char32_t c, std::size_t next) {
    const bool closes = next >= text_.size() || is_space(decode_next(text_, next).cp);
    if (c == '?' || c == 0xFF1F || c == 0x61F) {
      if (last_ != '?' && (closes || c != '?' || text_[next] == '"' || text_[next] == ')'))
        ++out_.questions;
    }
    const bool stop = (c == '.' || c == '!' || c == '?') && closes;
    const bool after = is_word(last_) || last_ == ')' || last_ == '"' || last_ == '$';
    if ((stop || c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0x964) && after)
      ++out_.sentences;
  }

  std::string_view text_;
  Characters out_;
  std::size_t word_ = 0;
  bool in_word_ = false;
  bool after_how_ = false;
  char32_t last_ = 0;  // last character that is no space
};

}  // namespace swy::text
