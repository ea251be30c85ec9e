// Each step is linear in the text. The ASCII table is found by trying: the steps are run on every
// ASCII character alone; steps that look at more than one character (strip, prepend, patterns of
// more than one character) switch the table off. A carriage return is slow under a charsmap,
// because with a following line feed it is one grapheme. Test: tokenizer_test.cc, tests/parity.
#include "text/tokenizer/normalizer.h"

#include <algorithm>

#include "text/utf8.h"

namespace swy::text::tok {
namespace {

template <typename Keep>
void filter(Chars& chars, Keep keep) {
  chars.erase(
      std::remove_if(chars.begin(), chars.end(), [&](const Char& c) { return !keep(c.cp); }),
      chars.end());
}

void bert(const NormalizerStep& step, Chars& chars, Chars& spare) {
  const CharTable& table = CharTable::get();
  const auto line = [](char32_t c) { return c == '\t' || c == '\n' || c == '\r'; };
  if (step.clean) {
    filter(chars,
           [&](char32_t c) { return c != 0xFFFD && (line(c) || (table[c] & kControl) == 0); });
    for (Char& c : chars)
      if (line(c.cp) || (table[c.cp] & kSpace) != 0) c.cp = ' ';
  }
  if (step.cjk) {
    spare.clear();
    for (const Char& c : chars) {
      const bool wide = (table[c.cp] & kCjk) != 0;
      if (wide) spare.push_back({' ', c.begin, c.end});
      spare.push_back(c);
      if (wide) spare.push_back({' ', c.begin, c.end});
    }
    chars.swap(spare);
  }
  if (step.accents) {
    normalize(chars, Form::kNfd, spare);
    filter(chars, [&](char32_t c) { return (table[c] & kMark8) == 0; });
  }
  if (step.lower) lowercase(chars, spare);
}

void strip(const NormalizerStep& step, Chars& chars) {
  const CharTable& table = CharTable::get();
  const auto space = [&](const Char& c) { return (table[c.cp] & kSpace) != 0; };
  if (step.right)
    while (!chars.empty() && space(chars.back())) chars.pop_back();
  if (step.left) chars.erase(chars.begin(), std::find_if_not(chars.begin(), chars.end(), space));
}

void nmt(Chars& chars) {
  filter(chars, [](char32_t c) {
    return !((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
             c == 0x9F);
  });
  for (Char& c : chars) {
    const char32_t p = c.cp;
    if (p == 9 || p == 0xA || p == 0xC || p == 0xD || p == 0x1680 || (p >= 0x200B && p <= 0x200F) ||
        p == 0x2028 || p == 0x2029 || p == 0x2581 || p == 0xFEFF || p == 0xFFFD) {
      c.cp = ' ';
    }
  }
}

void prepend(const std::string& text, Chars& chars, Chars& spare) {
  if (chars.empty()) return;
  spare.clear();
  for (std::size_t i = 0; i < text.size();) {
    std::size_t size = 0;
    const char32_t cp = decode(text, i, size);
    spare.push_back({cp, chars[0].begin, chars[0].end});
    i += size;
  }
  spare.insert(spare.end(), chars.begin(), chars.end());
  chars.swap(spare);
}

// What is put in for a match has the place of the character before the end of the match.
bool replace(const NormalizerStep& step, Segment& segment) {
  if (segment.text().empty()) return true;
  std::vector<ByteSpan> matches;
  const bool complete = step.pattern.find(segment.text(), matches);
  if (matches.empty()) return complete;
  segment.begin_rebuild();
  std::uint32_t at = 0;
  for (const ByteSpan& m : matches) {
    segment.copy(at, m.begin);
    if (m.end == 0) {
      segment.insert(step.text, 0, 0);
    } else {
      segment.insert(step.text, m.end - 1, m.end);
    }
    at = m.end;
  }
  segment.copy(at, static_cast<std::uint32_t>(segment.text().size()));
  segment.end_rebuild();
  return complete;
}

}  // namespace

bool Normalizer::apply_steps(Segment& segment) const {
  using Kind = NormalizerStep::Kind;
  bool complete = true;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].kind == Kind::kReplace) {
      complete = replace(steps[i], segment) && complete;
      continue;
    }
    // Steps over characters in a row share one conversion.
    Chars& chars = segment.to_chars();
    Chars& spare = segment.spare_chars;
    for (; i < steps.size() && steps[i].kind != Kind::kReplace; ++i) {
      const NormalizerStep& step = steps[i];
      switch (step.kind) {
        case Kind::kBert:
          bert(step, chars, spare);
          break;
        case Kind::kForm:
          normalize(chars, step.form, spare);
          break;
        case Kind::kLowercase:
          lowercase(chars, spare);
          break;
        case Kind::kStripAccents:
          filter(chars, [](char32_t c) { return (CharTable::get()[c] & kCombining) == 0; });
          break;
        case Kind::kStrip:
          strip(step, chars);
          break;
        case Kind::kPrepend:
          prepend(step.text, chars, spare);
          break;
        case Kind::kCharsmap:
          step.charsmap->apply(chars, spare);
          break;
        case Kind::kNmt:
          nmt(chars);
          break;
        case Kind::kReplace:
          break;
      }
    }
    --i;
    segment.from_chars();
  }
  return complete;
}

void Normalizer::finish() {
  using Kind = NormalizerStep::Kind;
  const auto single = [](const NormalizerStep& s) {
    if (s.kind == Kind::kReplace) return s.pattern.literal_size() == 1;
    return s.kind != Kind::kStrip && s.kind != Kind::kPrepend;
  };
  by_character_ = std::all_of(steps.begin(), steps.end(), single);
  if (!by_character_) return;
  const bool clusters = std::any_of(steps.begin(), steps.end(), [](const NormalizerStep& s) {
    return s.kind == Kind::kCharsmap;
  });
  for (unsigned char c = 0; c < 128; ++c) {
    const char text = static_cast<char>(c);
    const std::string result = apply(std::string_view(&text, 1));
    const bool simple = result.size() == 1 && is_ascii(result) && !(c == '\r' && clusters);
    ascii_[c] = simple ? static_cast<unsigned char>(result[0]) : kSlow;
    same_ascii_ = same_ascii_ && ascii_[c] == c;
  }
}

bool Normalizer::apply(Segment& segment) const {
  if (steps.empty()) return true;
  const std::string_view text = segment.text();
  if (!by_character_ || !is_ascii(text)) return apply_steps(segment);
  if (same_ascii_) return true;
  std::string& bytes = segment.begin_bytes();
  bytes.resize(text.size());
  unsigned char slow = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned char to = ascii_[static_cast<unsigned char>(text[i])];
    bytes[i] = static_cast<char>(to);
    slow |= to;
  }
  if ((slow & 0x80U) != 0) return apply_steps(segment);
  segment.end_bytes();
  return true;
}

std::string Normalizer::apply(std::string_view text) const {
  Segment segment;
  segment.reset(text, 0, static_cast<std::uint32_t>(text.size()), false);
  apply_steps(segment);
  return std::string(segment.text());
}

}  // namespace swy::text::tok
