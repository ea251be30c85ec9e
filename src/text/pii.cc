// detect_pii: patterns, then the tagger on what they left, then the second opinion; one list
// without overlap. Test: pii_test.cc.
#include "text/pii.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "text/pii/patterns.h"
#include "text/pii_tagger.h"

namespace swy::text {
namespace {

struct Work {
  pii::Found found;
  std::vector<PiiToken> tokens;
  std::vector<PiiModel::Tagged> tagged;
  std::vector<PiiSpan> all;
};

Work& work_of_thread() {
  thread_local Work work;
  return work;
}

// Keeps, of spans that overlap, the more certain one, then the longer, then the earlier.
void without_overlap(std::vector<PiiSpan>& all, std::vector<PiiSpan>& out) {
  std::sort(all.begin(), all.end(), [](const PiiSpan& a, const PiiSpan& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  for (const PiiSpan& s : all) {
    bool keep = true;
    while (keep && !out.empty() && out.back().end > s.begin) {
      const PiiSpan& before = out.back();
      const bool better = s.confidence > before.confidence + 1e-6F;
      if (better) {
        out.pop_back();
      } else {
        keep = false;
      }
    }
    if (keep) out.push_back(s);
  }
}

// Patterns' own overlaps are settled before the tagger sees them as tokens.
void settle(std::vector<PiiSpan>& spans) {
  std::vector<PiiSpan> kept;
  kept.reserve(spans.size());
  without_overlap(spans, kept);
  spans.swap(kept);
}

}  // namespace

std::optional<PiiType> pii_type(std::string_view name) {
  for (std::size_t i = 0; i < kPiiTypes; ++i) {
    const auto type = static_cast<PiiType>(i);
    const std::string_view known = to_string(type);
    const bool same = known.size() == name.size() &&
                      std::equal(known.begin(), known.end(), name.begin(), [](char a, char b) {
                        return a == (b >= 'a' && b <= 'z' ? static_cast<char>(b - 32) : b);
                      });
    if (same) return type;
  }
  return std::nullopt;
}

namespace {

// A capital letter at the head of a message makes the tagger take it for a part of the name.
bool is_greeting(std::string_view word) {
  constexpr std::array<std::string_view, 4> kGreetings = {"Dear", "Hello", "Hi", "Hey"};
  return std::find(kGreetings.begin(), kGreetings.end(), word) != kGreetings.end();
}

}  // namespace

void pii_patterns(std::string_view text, std::vector<PiiSpan>& sure, std::vector<PiiSpan>& hints) {
  pii::Found found;
  pii::find_patterns(text, PiiOptions().max_spans, found);
  settle(found.sure);
  sure = std::move(found.sure);
  hints = std::move(found.phones);
}

void detect_pii(std::string_view text, const PiiOptions& options, std::vector<PiiSpan>& out) {
  constexpr std::uint32_t kTagged = (1U << kTaggedPiiTypes) - 1;
  out.clear();
  Work& w = work_of_thread();
  pii::find_patterns(text, options.max_spans, w.found);
  if (w.found.sure.size() > 1) settle(w.found.sure);
  w.all.clear();
  for (const PiiSpan& s : w.found.sure) {
    if ((options.types & pii_bit(s.type)) != 0) w.all.push_back(s);
  }
  if ((options.types & kTagged) != 0) {
    const PiiModel& model = options.model != nullptr ? *options.model : PiiModel::builtin();
    pii_tokens(text, w.found.sure, w.found.phones, w.tokens);
    model.tag(w.tokens, w.tagged);
    for (const PiiModel::Tagged& t : w.tagged) {
      if ((options.types & pii_bit(t.type)) == 0) continue;
      const bool greets = t.type == PiiType::kPerson && t.first < t.last &&
                          is_greeting(text.substr(w.tokens[t.first].begin,
                                                  w.tokens[t.first].end - w.tokens[t.first].begin));
      const PiiToken& first = w.tokens[t.first + (greets ? 1 : 0)];
      w.all.push_back({t.type, first.begin, w.tokens[t.last].end, model.confidence(t.margin)});
    }
  }
  if (options.second != nullptr) options.second->find(text, w.all);
  std::erase_if(w.all, [&](const PiiSpan& s) {
    return s.confidence < options.min_confidence || (options.types & pii_bit(s.type)) == 0;
  });
  without_overlap(w.all, out);
  if (out.size() > options.max_spans) out.resize(options.max_spans);
}

}  // namespace swy::text
