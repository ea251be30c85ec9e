// Segment: a stretch of the text between added tokens on its way through normalizer and
// pre-tokenizer, with the original place of every byte.
//
// When to use: inside the tokenizers. While a step changes nothing but single ASCII bytes the text
// is "in place": byte i stands for byte shift + i of the source and nothing else is kept. After any
// other change places are kept per byte, if somebody needs them. Threading: one thread; the vectors
// are reused. Ownership: `text` borrows the source or `own`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/tokenizer/unicode.h"

namespace swy::text::tok {

class Segment {
 public:
  // Starts over with source[begin, end). REQUIRES: source is valid UTF-8 and outlives the segment.
  void reset(std::string_view source, std::uint32_t begin, std::uint32_t end, bool keep_places);

  [[nodiscard]] std::string_view text() const { return text_; }
  // Where text()[begin, end) comes from. Without kept places only in-place text is exact.
  [[nodiscard]] ByteSpan original(std::uint32_t begin, std::uint32_t end) const;
  // A part of the text as a segment of its own, which borrows from this one.
  [[nodiscard]] Segment slice(ByteSpan part) const;

  // The text as characters and back. Chars may be changed at will in between.
  Chars& to_chars();
  void from_chars();
  // For steps that copy byte for byte: text() becomes `bytes`, still in place.
  std::string& begin_bytes() { return spare_; }
  void end_bytes();

  // Building a changed text piece by piece out of the current one.
  void begin_rebuild();
  void copy(std::uint32_t begin, std::uint32_t end);  // bytes of the current text
  void insert(std::string_view bytes, std::uint32_t b, std::uint32_t e);  // placed like [b, e)
  [[nodiscard]] std::uint32_t rebuilt() const { return static_cast<std::uint32_t>(spare_.size()); }
  void end_rebuild();

  std::vector<ByteSpan> splits, spare_splits;  // pieces of text(), not empty, ascending
  Chars spare_chars;

 private:
  [[nodiscard]] ByteSpan place(std::uint32_t at) const;

  std::string_view text_;
  std::string own_, spare_;
  bool in_place_ = true;
  bool keep_ = false;
  std::uint32_t shift_ = 0;
  std::vector<ByteSpan> places_, spare_places_;
  Chars chars_;
};

}  // namespace swy::text::tok
