// Every step cuts each piece that the steps before it left. Delimiters are found as a list of
// stretches that cover the piece, alternately match and no match; the behaviours are folds over
// that list. BERT's two splits (white space away, punctuation alone) are done in one pass.
// Cost: linear in the text for each step (patterns: see pattern.h). Test: tokenizer_test.cc,
// tests/parity.
#include "text/tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <array>

namespace swy::text::tok {
namespace {

using Kind = PreTokenizerStep::Kind;

struct Stretch {
  ByteSpan span;
  bool match = false;
};

class Cutter {
 public:
  explicit Cutter(Segment& segment) : segment_(segment) {}

  bool run(const PreTokenizerStep& step) {
    segment_.spare_splits.clear();
    if (step.kind == Kind::kMetaspace || step.kind == Kind::kByteLevel) mark_spaces(step);
    complete_ = true;
    const std::string_view text = segment_.text();
    for (const ByteSpan piece : segment_.splits) cut(step, text, piece);
    segment_.splits.swap(segment_.spare_splits);
    return complete_;
  }

 private:
  void cut(const PreTokenizerStep& step, std::string_view text, ByteSpan piece) {
    switch (step.kind) {
      case Kind::kBert:
        return bert(text, piece);
      case Kind::kWhitespace:
        return words(text, piece);
      case Kind::kWhitespaceSplit:
        return classes(text, piece, kSpace, Behavior::kRemoved);
      case Kind::kPunctuation:
        return classes(text, piece, kPunct, step.behavior);
      case Kind::kDigits:
        return classes(text, piece, kNumeric, step.behavior);
      case Kind::kMetaspace:
      case Kind::kByteLevel:
        if (!step.cut) return emit(piece);
        [[fallthrough]];
      case Kind::kSplit:
        return pattern(step, text, piece);
    }
  }

  void emit(ByteSpan piece) {
    if (piece.begin < piece.end) segment_.spare_splits.push_back(piece);
  }

  void bert(std::string_view text, ByteSpan piece) {
    std::uint32_t begin = piece.begin;
    for (std::uint32_t at = piece.begin; at < piece.end;) {
      std::size_t size = 0;
      const unsigned c = table_[decode(text, at, size)];
      const auto next = static_cast<std::uint32_t>(at + size);
      if ((c & (kSpace | kPunct)) != 0) {
        emit({begin, at});
        if ((c & kPunct) != 0) emit({at, next});
        begin = next;
      }
      at = next;
    }
    emit({begin, piece.end});
  }

  // \w+|[^\w\s]+ are the words.
  void words(std::string_view text, ByteSpan piece) {
    std::uint32_t begin = piece.begin;
    unsigned before = kSpace;
    for (std::uint32_t at = piece.begin; at < piece.end;) {
      std::size_t size = 0;
      const unsigned flags = table_[decode(text, at, size)];
      // Nothing is both white space and a word character.
      const unsigned now = flags & (kWord | kSpace);
      if (now != before) {
        if (before != kSpace) emit({begin, at});
        begin = at;
        before = now;
      }
      at += static_cast<std::uint32_t>(size);
    }
    if (before != kSpace) emit({begin, piece.end});
  }

  void classes(std::string_view text, ByteSpan piece, unsigned wanted, Behavior behavior) {
    stretches_.clear();
    std::uint32_t begin = piece.begin;
    for (std::uint32_t at = piece.begin; at < piece.end;) {
      std::size_t size = 0;
      const bool match = (table_[decode(text, at, size)] & wanted) != 0;
      const auto next = static_cast<std::uint32_t>(at + size);
      if (match) {
        if (begin < at) stretches_.push_back({{begin, at}, false});
        stretches_.push_back({{at, next}, true});
        begin = next;
      }
      at = next;
    }
    if (begin < piece.end) stretches_.push_back({{begin, piece.end}, false});
    fold(behavior);
  }

  void pattern(const PreTokenizerStep& step, std::string_view text, ByteSpan piece) {
    matches_.clear();
    const std::string_view part = text.substr(piece.begin, piece.end - piece.begin);
    complete_ = step.pattern.find(part, matches_) && complete_;
    stretches_.clear();
    std::uint32_t begin = 0;
    const auto add = [&](std::uint32_t b, std::uint32_t e, bool match) {
      stretches_.push_back({{piece.begin + b, piece.begin + e}, match != step.invert});
    };
    for (const ByteSpan m : matches_) {
      if (begin != m.begin) add(begin, m.begin, false);
      add(m.begin, m.end, true);
      begin = m.end;
    }
    if (begin != part.size()) add(begin, static_cast<std::uint32_t>(part.size()), false);
    fold(step.behavior);
  }

  void fold(Behavior behavior) {
    switch (behavior) {
      case Behavior::kRemoved:
        for (const Stretch& s : stretches_)
          if (!s.match) emit(s.span);
        return;
      case Behavior::kIsolated:
        for (const Stretch& s : stretches_) emit(s.span);
        return;
      case Behavior::kContiguous:
        return merge([](bool match, bool before) { return match == before; });
      case Behavior::kMergedWithPrevious:
        return merge([](bool match, bool before) { return match && !before; });
      case Behavior::kMergedWithNext:
        return merge_with_next();
    }
  }

  // Joins a stretch to the piece before it where `joins` says so.
  template <typename Joins>
  void merge(Joins joins) {
    bool before = false;
    bool open = false;
    ByteSpan piece;
    for (const Stretch& s : stretches_) {
      if (open && joins(s.match, before)) {
        piece.end = s.span.end;
      } else {
        if (open) emit(piece);
        piece = s.span;
        open = true;
      }
      before = s.match;
    }
    if (open) emit(piece);
  }

  // A match joins the stretch after it; of matches in a row only the last one does.
  void merge_with_next() {
    for (std::size_t i = 0; i < stretches_.size(); ++i) {
      ByteSpan piece = stretches_[i].span;
      if (stretches_[i].match && i + 1 < stretches_.size() && !stretches_[i + 1].match)
        piece.end = stretches_[++i].span.end;
      emit(piece);
    }
  }

  // Metaspace: the mark for every space, and in front. ByteLevel: a space in front.
  void mark_spaces(const PreTokenizerStep& step) {
    const bool metaspace = step.kind == Kind::kMetaspace;
    const std::string_view text = segment_.text();
    const std::string_view mark = metaspace ? std::string_view(step.mark) : " ";
    const auto prepends = [&](ByteSpan piece) {
      if (step.prepend == PreTokenizerStep::Prepend::kNever) return false;
      const bool there =
          text.substr(piece.begin).starts_with(mark) || (metaspace && text[piece.begin] == ' ');
      if (there) return false;
      return step.prepend == PreTokenizerStep::Prepend::kAlways ||
             segment_.original(piece.begin, piece.begin).begin == 0;
    };
    if (!metaspace && std::none_of(segment_.splits.begin(), segment_.splits.end(), prepends))
      return;
    segment_.begin_rebuild();
    for (ByteSpan& piece : segment_.splits) {
      const std::uint32_t begin = segment_.rebuilt();
      if (prepends(piece)) {
        std::uint32_t first = piece.begin + 1;
        while (first < piece.end && is_continuation(text[first])) ++first;
        segment_.insert(mark, piece.begin, first);
      }
      std::uint32_t at = piece.begin;
      for (std::uint32_t i = at; metaspace && i < piece.end; ++i) {
        if (text[i] != ' ') continue;
        segment_.copy(at, i);
        segment_.insert(mark, i, i + 1);
        at = i + 1;
      }
      segment_.copy(at, piece.end);
      piece = {begin, segment_.rebuilt()};
    }
    segment_.end_rebuild();
  }

  Segment& segment_;
  const CharTable& table_ = CharTable::get();
  std::vector<Stretch> stretches_;
  std::vector<ByteSpan> matches_;
  bool complete_ = true;
};

}  // namespace

bool PreTokenizer::needs_places() const {
  return std::any_of(steps.begin(), steps.end(), [](const PreTokenizerStep& s) {
    return s.kind == Kind::kMetaspace && s.prepend == PreTokenizerStep::Prepend::kFirst;
  });
}

bool PreTokenizer::apply(Segment& segment) const {
  segment.splits.clear();
  if (segment.text().empty()) return true;
  segment.splits.push_back({0, static_cast<std::uint32_t>(segment.text().size())});
  Cutter cutter(segment);
  bool complete = true;
  for (const PreTokenizerStep& step : steps) complete = cutter.run(step) && complete;
  return complete;
}

}  // namespace swy::text::tok
