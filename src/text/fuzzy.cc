// Fuzzy phrase search by character n-grams.
//
// What: phrase and text are folded, everything between words becomes one space, and a space stands
// before and after a phrase (unless the edge is CJK). score(phrase, text) = max over windows of w
// n-grams of the text of
//   |distinct n-grams of the phrase that are in the window| / |distinct n-grams of the phrase|,   w
//   = grams of the phrase * 5/4 + 1.
// Why: one wrong, missing or extra letter touches at most n n-grams, so a phrase of m n-grams with
// k slips keeps about 1 - k*n/m. Cost: O(text) table look-ups for all phrases together; a window is
// only slid for the phrases whose n-grams occur often enough in the block at hand to reach the
// threshold (O(block) each). When it loses: phrases of four or five letters (one slip takes half of
// them), languages written without vowels or spaces. Source: containment after Broder, On the
// resemblance and containment of documents, 1997. The text is read in blocks that overlap by the
// longest window, so a score does not depend on where a block ends. Test: fuzzy_test.cc (against a
// direct computation).
#include "text/fuzzy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "text/utf8.h"

namespace swy::text {
namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kMaxPhrase = 128;
constexpr std::size_t kMaxGrams = 65000;
constexpr std::uint32_t kEnd = 0xFFFFFFFF;

// The normalised characters of a text, one at a time; kEnd after the last.
class Characters {
 public:
  explicit Characters(std::string_view text) : text_(text) {}
  char32_t next() {
    if (held_ != 0) return std::exchange(held_, 0);
    bool gap = false;
    while (pos_ < text_.size()) {
      const Decoded d = decode_next(text_, pos_);
      pos_ += d.size;
      if (!is_word(d.cp)) {
        gap = true;
        continue;
      }
      const char32_t c = fold(d.cp);
      if (gap || first_) {
        first_ = false;
        held_ = c;
        return ' ';
      }
      return c;
    }
    if (ended_ || first_) return kEnd;
    ended_ = true;
    return ' ';
  }

 private:
  std::string_view text_;
  std::size_t pos_ = 0;
  char32_t held_ = 0;
  bool first_ = true;
  bool ended_ = false;
};

// The last n characters as one number: injective for n <= 3 (21 bits each), mixed into 64 bits
// beyond.
class Window {
 public:
  explicit Window(std::size_t n) : n_(n) {}
  // The n-gram that ends with c, or 0 while there are fewer than n characters.
  std::uint64_t push(char32_t c) {
    std::copy(last_.begin() + 1, last_.end(), last_.begin());
    last_.back() = c;
    if (++seen_ < n_) return 0;
    std::uint64_t h = 0;
    for (std::size_t i = last_.size() - n_; i < last_.size(); ++i) h = h * kStep + last_[i] + 1;
    return h;
  }

 private:
  static constexpr std::uint64_t kStep = 0x200000;  // 2^21 > any code point + 1
  std::size_t n_;
  std::size_t seen_ = 0;
  std::array<char32_t, 5> last_{};
};

std::uint64_t spread(std::uint64_t gram) { return gram * 0x9E3779B97F4A7C15ULL >> 20U; }

// The normalised phrase, without the spaces next to CJK edges.
std::u32string normalised(std::string_view phrase) {
  std::u32string s;
  Characters chars(phrase);
  for (char32_t c = chars.next(); c != kEnd; c = chars.next()) s.push_back(c);
  if (s.size() > 2 && is_cjk(s[1])) s.erase(0, 1);
  if (s.size() > 2 && is_cjk(s[s.size() - 2])) s.pop_back();
  return s;
}

}  // namespace

Result<FuzzyMatcher> FuzzyMatcher::build(std::span<const std::string> phrases, std::size_t n) {
  if (n < 2 || n > 5)
    return fail(ErrorCode::kInvalidArgument, "n-grams of 2 to 5 characters are possible");
  FuzzyMatcher m;
  m.n_ = n;
  std::vector<std::vector<std::uint64_t>> grams;
  std::vector<std::uint64_t> all;
  for (const std::string& p : phrases) {
    const std::u32string s = normalised(p);
    if (s.size() < n || s.size() > kMaxPhrase) {
      return fail(ErrorCode::kInvalidArgument,
                  "fuzzy phrase \"" + p + "\" has " + std::to_string(s.size()) + " characters; " +
                      std::to_string(n) + " to " + std::to_string(kMaxPhrase) + " are possible");
    }
    Window window(n);
    std::vector<std::uint64_t>& own = grams.emplace_back();
    for (const char32_t c : s) {
      if (const std::uint64_t g = window.push(c); g != 0) own.push_back(g);
    }
    const auto total = static_cast<std::uint32_t>(own.size());
    std::sort(own.begin(), own.end());
    own.erase(std::unique(own.begin(), own.end()), own.end());
    m.phrases_.push_back({0, static_cast<std::uint32_t>(own.size()), total + total / 4 + 1});
    m.max_window_ = std::max(m.max_window_, m.phrases_.back().window);
    all.insert(all.end(), own.begin(), own.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.size() > kMaxGrams)
    return fail(ErrorCode::kTooLarge, "the fuzzy phrases have too many different n-grams");
  m.grams_ = static_cast<std::uint32_t>(all.size());
  std::size_t size = 16;
  while (size < all.size() * 4) size *= 2;
  m.slots_.assign(size, {});
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::size_t at = spread(all[i]) & (size - 1);
    while (m.slots_[at].id != 0) at = (at + 1) & (size - 1);
    m.slots_[at] = {all[i], static_cast<std::uint32_t>(i + 1)};
  }
  for (std::size_t i = 0; i < grams.size(); ++i) {
    m.phrases_[i].first = static_cast<std::uint32_t>(m.ids_.size());
    for (const std::uint64_t g : grams[i])
      m.ids_.push_back(m.id_of(g));  // ascending, as the grams are
  }
  return m;
}

std::uint16_t FuzzyMatcher::id_of(std::uint64_t gram) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = spread(gram) & mask; slots_[at].id != 0; at = (at + 1) & mask) {
    if (slots_[at].gram == gram) return static_cast<std::uint16_t>(slots_[at].id);
  }
  return 0;
}

void FuzzyMatcher::scan(std::string_view text, float threshold, std::span<float> best) const {
  if (phrases_.empty()) return;
  std::array<std::uint64_t, 32> few{};
  std::vector<std::uint64_t> many;
  if (grams_ + 1 > few.size() * 64) many.assign(grams_ / 64 + 1, 0);
  const std::span<std::uint64_t> seen = many.empty() ? std::span<std::uint64_t>(few) : many;
  std::array<std::uint16_t, kBlock>
      ids;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled before it is read
  static_assert(kBlock > 4 * kMaxPhrase);
  std::size_t filled = 0;
  Characters chars(text);
  Window window(n_);
  std::size_t carried = 0;
  for (char32_t c = chars.next(); c != kEnd; c = chars.next()) {
    const std::uint64_t gram = window.push(c);
    if (gram == 0) continue;
    ids[filled++] = id_of(gram);
    if (filled == kBlock) {
      score_block(ids, seen, threshold, best);
      std::copy(ids.end() - static_cast<std::ptrdiff_t>(max_window_), ids.end(), ids.begin());
      filled = carried = max_window_;
    }
  }
  if (filled > carried) score_block({ids.data(), filled}, seen, threshold, best);
}

void FuzzyMatcher::score_block(std::span<const std::uint16_t> ids, std::span<std::uint64_t> seen,
                               float threshold, std::span<float> best) const {
  std::fill(seen.begin(), seen.end(), 0);
  for (const std::uint16_t id : ids) seen[id / 64U] |= std::uint64_t{1} << (id % 64U);
  for (std::size_t i = 0; i < phrases_.size(); ++i) {
    const Phrase& p = phrases_[i];
    std::uint32_t present = 0;
    for (std::uint32_t k = 0; k < p.count; ++k) {
      const std::uint16_t id = ids_[p.first + k];
      present += static_cast<std::uint32_t>(seen[id / 64U] >> (id % 64U) & 1U);
    }
    const float bound = static_cast<float>(present) / static_cast<float>(p.count);
    if (bound < threshold || bound <= best[i]) continue;
    best[i] = std::max(best[i], best_window(p, ids, bound));
  }
}

float FuzzyMatcher::best_window(const Phrase& p, std::span<const std::uint16_t> ids,
                                float bound) const {
  std::array<std::uint16_t, kMaxPhrase>
      in_window{};  // how often each n-gram of the phrase is in the window
  const std::span<const std::uint16_t> own(ids_.data() + p.first, p.count);
  const auto place = [&](std::uint16_t id) -> std::size_t {
    if (id == 0) return kMaxPhrase;
    const auto it = std::lower_bound(own.begin(), own.end(), id);
    return it != own.end() && *it == id ? static_cast<std::size_t>(it - own.begin()) : kMaxPhrase;
  };
  std::uint32_t covered = 0;
  std::uint32_t most = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i >= p.window) {
      const std::size_t old = place(ids[i - p.window]);
      if (old != kMaxPhrase && --in_window[old] == 0) --covered;
    }
    const std::size_t now = place(ids[i]);
    if (now == kMaxPhrase || in_window[now]++ != 0) continue;
    most = std::max(most, ++covered);
    if (static_cast<float>(most) / static_cast<float>(p.count) >= bound)
      break;  // cannot get better
  }
  return static_cast<float>(most) / static_cast<float>(p.count);
}

void FuzzyMatcher::match(std::string_view text, float threshold,
                         std::vector<FuzzyScore>& out) const {
  out.clear();
  std::vector<float> best(phrases_.size(), 0.0F);
  scan(text, threshold, best);
  for (std::size_t i = 0; i < best.size(); ++i) {
    if (best[i] > 0 && best[i] >= threshold)
      out.push_back({static_cast<std::uint32_t>(i), best[i]});
  }
}

FuzzyScore FuzzyMatcher::best(std::string_view text, float threshold) const {
  std::vector<FuzzyScore> all;
  match(text, threshold, all);
  FuzzyScore top;
  for (const FuzzyScore& s : all) {
    if (s.score > top.score) top = s;
  }
  return top;
}

}  // namespace swy::text
