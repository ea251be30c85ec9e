// All text functions on arbitrary bytes: they must be total, and what they promise must hold.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "text/base64.h"
#include "text/detail/characters_reference.h"
#include "text/detail/tokens_reference.h"
#include "text/fuzzy.h"
#include "text/image_facts.h"
#include "text/language.h"
#include "text/ngram.h"
#include "text/phrases.h"
#include "text/regex.h"
#include "text/structure.h"
#include "text/tokens.h"
#include "text/utf8.h"

namespace {

using namespace swy::text;

void walk(std::string_view s) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < s.size(); ++n) {
    const Decoded d = decode_next(s, i);
    i += d.size;
    SWY_ASSERT(i <= s.size() && decode_before(s, i).size == d.size);
  }
  SWY_ASSERT(n == count_code_points(s));
  const std::int64_t tokens = estimate_tokens(s);
  SWY_ASSERT(tokens <= static_cast<std::int64_t>(s.size()) && (tokens > 0) == !s.empty());
  SWY_ASSERT(tokens == token_costs::TokensReference(s).run());
  const Structure st = analyse(s);
  static MarkMap marks;
  const std::string_view clipped = clip(s, kMaxStructureBytes);
  SWY_ASSERT(read_characters(clipped, marks) == CharactersReference::of(clipped));
  SWY_ASSERT(st.has_code.confidence <= 1 && st.has_math.confidence <= 1 &&
             st.has_table.confidence <= 1);
  const Language l = detect_language(s);
  SWY_ASSERT(l.confidence >= 0 && l.confidence <= 1);
}

void round_trips(std::string_view s) {
  SWY_ASSERT(base64_decode(base64_encode(s)).value() == s);
  if (const auto raw = base64_decode(s)) SWY_ASSERT(base64_encode(*raw) == s);
  const Sketch sketch = make_sketch(s, {.max_features = 64});
  SWY_ASSERT(Sketch::parse(sketch.to_text()).value() == sketch);
  if (const auto parsed = Sketch::parse(s)) SWY_ASSERT(parsed->to_text() == s);
}

// The first line of the input as a pattern, the rest as the text.
void search(std::string_view s) {
  const std::size_t cut = s.find('\n');
  if (cut == std::string_view::npos) return;
  const std::vector<std::string> patterns = {std::string(s.substr(0, cut)), "ab", "\xC3\xA9"};
  const std::string_view text = s.substr(cut + 1);
  for (const bool whole : {false, true}) {
    if (const auto set = PhraseSet::build(patterns, {.ignore_case = true, .whole_words = whole})) {
      std::size_t matches = 0;
      set->for_each(text, [&](const PhraseMatch& m) {
        ++matches;
        SWY_ASSERT(m.begin < m.end && m.end <= text.size());
        SWY_ASSERT(folded(text.substr(m.begin, m.end - m.begin)) == folded(patterns[m.phrase]));
      });
      // Too many phrases for the filter of beginnings: the same matches must be found without it.
      std::vector<std::string> more = patterns;
      for (char c = 'A'; c < 'i'; ++c) more.push_back({'\x02', c, '\x02', '\x02', '\x02'});
      std::size_t without = 0;
      if (const auto all = PhraseSet::build(more, {.ignore_case = true, .whole_words = whole})) {
        all->for_each(text, [&](const PhraseMatch& m) { without += m.phrase < patterns.size(); });
        SWY_ASSERT(matches == without);
      }
    }
  }
  if (const auto m = FuzzyMatcher::build(patterns, 2)) {
    const FuzzyScore best = m->best(text, 0.3F);
    SWY_ASSERT(best.score >= 0 && best.score <= 1);
  }
  if (cut > 64) return;  // patterns of this length compile fast
  if (const auto re = Regex::compile(s.substr(0, cut))) {
    const auto m = re->find(text);
    SWY_ASSERT(!m || (m->begin <= m->end && m->end <= text.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view s(reinterpret_cast<const char*>(data), size);
  walk(s);
  round_trips(s);
  search(s);
  const ImageFacts head = image_head_facts(s);
  SWY_ASSERT(head.bytes == 0);
  (void)image_facts("data:image/png;base64," + std::string(s));
  return 0;
}
