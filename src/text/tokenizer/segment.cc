// Places follow the reference library: a changed character keeps the place of the character it came
// from, an inserted one that of its neighbour. Test: tokenizer_test.cc, tests/parity.
#include "text/tokenizer/segment.h"

#include "text/utf8.h"

namespace swy::text::tok {

void Segment::reset(std::string_view source, std::uint32_t begin, std::uint32_t end,
                    bool keep_places) {
  text_ = source.substr(begin, end - begin);
  shift_ = begin;
  in_place_ = true;
  keep_ = keep_places;
  splits.clear();
}

ByteSpan Segment::place(std::uint32_t at) const {
  if (!in_place_) return at < places_.size() ? places_[at] : ByteSpan{shift_, shift_};
  std::uint32_t b = at;
  while (b > 0 && is_continuation(text_[b])) --b;
  std::uint32_t e = at + 1;
  while (e < text_.size() && is_continuation(text_[e])) ++e;
  return {shift_ + b, shift_ + e};
}

ByteSpan Segment::original(std::uint32_t begin, std::uint32_t end) const {
  if (begin >= end) return {place(begin).begin, place(begin).begin};
  return {place(begin).begin, place(end - 1).end};
}

Segment Segment::slice(ByteSpan part) const {
  Segment s;
  s.text_ = text_.substr(part.begin, part.end - part.begin);
  s.in_place_ = in_place_;
  s.keep_ = keep_;
  s.shift_ = in_place_ ? shift_ + part.begin : shift_;
  if (!in_place_ && keep_) {
    s.places_.assign(places_.begin() + static_cast<std::ptrdiff_t>(part.begin),
                     places_.begin() + static_cast<std::ptrdiff_t>(part.end));
  }
  return s;
}

Chars& Segment::to_chars() {
  chars_.clear();
  for (std::size_t i = 0; i < text_.size();) {
    std::size_t size = 0;
    const char32_t cp = decode(text_, i, size);
    const auto at = static_cast<std::uint32_t>(i);
    if (in_place_) {
      chars_.push_back({cp, shift_ + at, shift_ + at + static_cast<std::uint32_t>(size)});
    } else {
      const ByteSpan p = place(at);
      chars_.push_back({cp, p.begin, p.end});
    }
    i += size;
  }
  return chars_;
}

void Segment::from_chars() {
  own_.clear();
  places_.clear();
  for (const Char& c : chars_) {
    if (c.cp < 0x80) {
      own_.push_back(static_cast<char>(c.cp));
    } else {
      append(own_, c.cp);
    }
    if (keep_) places_.resize(own_.size(), ByteSpan{c.begin, c.end});
  }
  in_place_ = false;
  text_ = own_;
}

void Segment::end_bytes() {
  own_.swap(spare_);
  text_ = own_;
}

void Segment::begin_rebuild() {
  spare_.clear();
  spare_places_.clear();
}

void Segment::copy(std::uint32_t begin, std::uint32_t end) {
  spare_.append(text_.substr(begin, end - begin));
  if (!keep_) return;
  for (std::uint32_t i = begin; i < end; ++i) spare_places_.push_back(place(i));
}

void Segment::insert(std::string_view bytes, std::uint32_t b, std::uint32_t e) {
  spare_.append(bytes);
  if (keep_) spare_places_.resize(spare_.size(), original(b, e));
}

void Segment::end_rebuild() {
  own_.swap(spare_);
  places_.swap(spare_places_);
  text_ = own_;
  in_place_ = false;
}

}  // namespace swy::text::tok
