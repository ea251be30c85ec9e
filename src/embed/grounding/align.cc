// Lexical evidence for every word of an answer; see align.h and docs/reference/grounding.md.
//
// For a word at place i of the answer and a place j of the context, let N(i) be the content words
// and values within four content words of i in its sentence, weighted by rarity over distance; then
//   agreement(i, j) = weight of those that stand within 14 items of j / weight of N(i),
// where one that stands there in another sentence than j counts half, and only within eight, unless
// the later of two neighbouring sentences begins with a word such as "it" and so speaks of the
// earlier one. The word's `place` is the occurrence of its form with the highest agreement; its
// `rival` is the value of the same kind (number with number, name with name) in the best sentences
// that is not in the answer's sentence and has the highest agreement. A word that is there, but
// elsewhere, is what presence alone cannot tell from a supported one; the lead of the rival does.
// Cost: an item looks at kMaxOccurrences places and at the values of kTopSentences sentences, each
// compared in at most 8 x 29 steps: linear in the answer, whatever the context repeats.
// When it loses: paraphrases without common words, facts spread over sentences, arithmetic, and any
// language whose function words and negations the lists do not have. Test: grounding_test.cc.
#include "embed/grounding/align.h"

#include <algorithm>
#include <cmath>

namespace swy::embed::grounding {
namespace {

constexpr std::size_t kMaxOccurrences = 16;
constexpr std::uint32_t kReach = 8;      // items to each side in the context, over sentences
constexpr std::uint32_t kOwnReach = 14;  // and in the same sentence, or one that goes on about it
constexpr float kOtherSentence = 0.5F;   // what a neighbour counts that stands in the next sentence
constexpr std::size_t kNeighbours = 4;   // content items to each side in the answer
constexpr std::uint32_t kNegationReach = 4;

struct Neighbour {
  std::uint64_t loose = 0;
  float weight = 0;
};

struct Neighbours {
  std::array<Neighbour, 2 * kNeighbours> list;
  std::size_t count = 0;
  float weight = 0;
};

class Aligner {
 public:
  explicit Aligner(GroundingScratch::Impl& s)
      : s_(s), answer_(s.answer_items.items), context_(s.context_items.items) {}

  void run(const GroundingText& text);

 private:
  void sentence(std::uint32_t number);
  void item(std::uint32_t i, const Sentence& in, const Index::Top& top);
  [[nodiscard]] Neighbours around(std::uint32_t i, const Sentence& in) const;
  [[nodiscard]] float agreement(const Neighbours& n, std::uint32_t place) const;
  // What a neighbour in sentence b counts for a word in sentence a.
  [[nodiscard]] float closeness(std::uint32_t a, std::uint32_t b) const;
  void find_place(std::uint32_t i, const Neighbours& n, const Index::Top& top, Alignment& a) const;
  void consider(std::uint32_t i, const Neighbours& n, std::uint32_t place, Alignment& a) const;
  void find_rival(std::uint32_t i, const Neighbours& n, const Sentence& in, const Index::Top& top,
                  Alignment& a) const;
  [[nodiscard]] static bool negated(const std::vector<Item>& items, std::uint32_t i);
  [[nodiscard]] bool in_sentence(std::uint64_t loose, const std::vector<Item>& items,
                                 const Sentence& in) const;

  void features(std::uint32_t number);
  void own_features(std::uint32_t i, const Index::Top& top);
  void number_features(std::uint32_t i, const Index::Top& top);
  void sentence_features(const Sentence& in, const Index::Top& top);
  void neighbour_features(const Sentence& in);
  float& at(std::uint32_t i, std::size_t feature) { return s_.features.row(i)[feature]; }

  GroundingScratch::Impl& s_;
  const std::vector<Item>& answer_;
  const std::vector<Item>& context_;
};

// Places in kGroundingFeatures.
enum F : std::size_t {
  kNumber,
  kDate,
  kName,
  kWord,
  kFunction,
  kNegation,
  kUnit,
  kExact,
  kLoose,
  kAbsent,
  kRarity,
  kInQuestion,
  kAgreement,
  kValuedAgreement,
  kInBest,
  kInTop,
  kSameUnit,
  kOtherUnit,
  kRivalNumber,
  kRival,
  kRivalValued,
  kRivalLead,
  kNegationDiffers,
  kOpposite,
  kLeftPair,
  kRightPair,
  kBestCoverage,
  kTopCoverage,
  kValuedCoverage,
  kAbsentAround,
  kAbsentBefore,
  kAbsentAfter,
  kAgreementBefore,
  kAgreementAfter,
  kFunctionShare,
  kYouOrI,
  kQuestion,
  kLength,
  kCapital
};
static_assert(kCapital + 1 == kLexicalFeatures);

bool same_number(const Item& a, const Item& b) {
  if (a.dimension != b.dimension || a.dimension == Dimension::kNone) return false;
  return std::fabs(a.base - b.base) <= 0.002 * std::max(std::fabs(a.base), std::fabs(b.base));
}

Neighbours Aligner::around(std::uint32_t i, const Sentence& in) const {
  Neighbours n;
  const auto add = [&](std::uint32_t k, std::size_t distance) {
    const float weight =
        (answer_[k].valued() ? 1.5F : 1.0F) / (1.0F + 0.5F * static_cast<float>(distance));
    const float w = weight * (0.2F + s_.index.rarity(answer_[k].loose));
    n.list[n.count++] = {answer_[k].loose, w};
    n.weight += w;
  };
  std::size_t found = 0;
  for (std::uint32_t k = i; k-- > in.first && found < kNeighbours;) {
    if (answer_[k].content()) add(k, found++);
  }
  found = 0;
  for (std::uint32_t k = i + 1; k < in.last && found < kNeighbours; ++k) {
    if (answer_[k].content()) add(k, found++);
  }
  return n;
}

float Aligner::closeness(std::uint32_t a, std::uint32_t b) const {
  if (a == b) return 1;
  const std::uint32_t later = std::max(a, b);
  const bool told = later - std::min(a, b) == 1 && s_.context_items.sentences[later].refers;
  return told ? 1 : kOtherSentence;
}

float Aligner::agreement(const Neighbours& n, std::uint32_t place) const {
  if (n.weight <= 0) return 0.5F;  // a word alone: nothing speaks for or against the place
  const std::uint32_t from = place < kOwnReach ? 0 : place - kOwnReach;
  const auto to = std::min<std::size_t>(place + kOwnReach + 1, context_.size());
  float sum = 0;
  for (std::size_t k = 0; k < n.count; ++k) {
    float near = 0;
    for (std::size_t c = from; c < to; ++c) {
      if (context_[c].loose != n.list[k].loose || c == place) continue;
      const float close = closeness(context_[c].sentence, context_[place].sentence);
      const bool reached = close == 1 || (c + kReach >= place && c <= place + kReach);
      if (reached) near = std::max(near, close);
    }
    sum += near * n.list[k].weight;
  }
  return sum / n.weight;
}

void Aligner::consider(std::uint32_t i, const Neighbours& n, std::uint32_t place,
                       Alignment& a) const {
  const bool exact = context_[place].key == answer_[i].key;
  const float got = agreement(n, place);
  if (a.place != kNowhere && got + (exact ? 0.05F : 0.0F) <= a.agreement + (a.exact ? 0.05F : 0.0F))
    return;
  a.place = place;
  a.agreement = got;
  a.exact = exact;
}

void Aligner::find_place(std::uint32_t i, const Neighbours& n, const Index::Top& top,
                         Alignment& a) const {
  std::size_t looked = 0;
  for (std::uint32_t at = s_.index.first(answer_[i].loose);
       at != kNowhere && looked < kMaxOccurrences; at = s_.index.next(at), ++looked) {
    consider(i, n, at, a);
  }
  const bool number = answer_[i].kind == Kind::kNumber;
  if (looked < kMaxOccurrences && !number) return;
  for (const std::uint32_t sentence : top) {
    if (sentence == kNowhere) break;
    const Sentence& in = s_.context_items.sentences[sentence];
    for (std::uint32_t c = in.first; c < in.last; ++c) {
      const bool same = context_[c].loose == answer_[i].loose;
      if (same || (number && same_number(answer_[i], context_[c]))) consider(i, n, c, a);
    }
  }
}

bool Aligner::in_sentence(std::uint64_t loose, const std::vector<Item>& items,
                          const Sentence& in) const {
  for (std::uint32_t k = in.first; k < in.last; ++k) {
    if (items[k].loose == loose) return true;
  }
  return false;
}

void Aligner::find_rival(std::uint32_t i, const Neighbours& n, const Sentence& in,
                         const Index::Top& top, Alignment& a) const {
  const Item& mine = answer_[i];
  if (!mine.content()) return;
  for (const std::uint32_t sentence : top) {
    if (sentence == kNowhere) break;
    const Sentence& there = s_.context_items.sentences[sentence];
    for (std::uint32_t c = there.first; c < there.last; ++c) {
      const Item& other = context_[c];
      if (mine.opposite != 0 && other.loose == mine.opposite) a.opposite = c;
      if (other.kind != mine.kind || other.loose == mine.loose) continue;
      if (mine.dimension != other.dimension && mine.dimension != Dimension::kNone &&
          other.dimension != Dimension::kNone) {
        continue;
      }
      if (same_number(mine, other) || in_sentence(other.loose, answer_, in)) continue;
      // "The tower ... It was built for Paris": what the later sentence calls "it" has no rival
      // there.
      if (a.place != kNowhere && other.sentence != context_[a.place].sentence &&
          closeness(other.sentence, context_[a.place].sentence) == 1) {
        continue;
      }
      const float got = agreement(n, c);
      if (got <= a.rival_agreement) continue;
      a.rival = c;
      a.rival_agreement = got;
    }
  }
}

bool Aligner::negated(const std::vector<Item>& items, std::uint32_t i) {
  const std::uint32_t from = i < kNegationReach ? 0 : i - kNegationReach;
  for (std::uint32_t k = from; k < items.size() && k <= i + 1; ++k) {
    if (items[k].kind == Kind::kNegation && items[k].sentence == items[i].sentence) return true;
  }
  return false;
}

void Aligner::item(std::uint32_t i, const Sentence& in, const Index::Top& top) {
  Alignment& a = s_.alignments[i];
  a = Alignment{};
  const Neighbours n = around(i, in);
  find_place(i, n, top, a);
  find_rival(i, n, in, top, a);
  if (a.place != kNowhere && answer_[i].content()) {
    a.negation_differs = negated(answer_, i) != negated(context_, a.place);
  }
}

void Aligner::sentence(std::uint32_t number) {
  const Sentence& in = s_.answer_items.sentences[number];
  s_.tops[number] = s_.index.top(std::span(answer_).subspan(in.first, in.last - in.first));
  for (std::uint32_t i = in.first; i < in.last; ++i) item(i, in, s_.tops[number]);
}

void Aligner::number_features(std::uint32_t i, const Index::Top& top) {
  const Item& mine = answer_[i];
  const Alignment& a = s_.alignments[i];
  if (mine.kind != Kind::kNumber) return;
  if (a.place != kNowhere) {
    const Item& there = context_[a.place];
    const bool same =
        there.dimension == mine.dimension && (there.base == mine.base || same_number(there, mine));
    // A bare number ("amount": 18.5) is no clash of units.
    const bool bare = there.dimension == Dimension::kNone || mine.dimension == Dimension::kNone;
    if (same || !bare) at(i, same ? kSameUnit : kOtherUnit) = 1;
    if (!same && !bare && i + 1 < answer_.size() && answer_[i + 1].kind == Kind::kUnit) {
      at(i + 1, kOtherUnit) = 1;  // five miles for five kilometres: the unit is what differs
    }
    return;
  }
  for (const std::uint32_t sentence : top) {
    if (sentence == kNowhere) break;
    const Sentence& in = s_.context_items.sentences[sentence];
    for (std::uint32_t c = in.first; c < in.last; ++c) {
      if (context_[c].kind == Kind::kNumber && context_[c].dimension == mine.dimension) {
        at(i, kRivalNumber) = 1;
      }
    }
  }
}

void Aligner::own_features(std::uint32_t i, const Index::Top& top) {
  const Item& mine = answer_[i];
  const Alignment& a = s_.alignments[i];
  switch (mine.kind) {
    case Kind::kNumber:
      at(i, kNumber) = 1;
      break;
    case Kind::kDate:
      at(i, kDate) = 1;
      break;
    case Kind::kName:
      at(i, kName) = 1;
      break;
    case Kind::kWord:
      at(i, kWord) = 1;
      break;
    case Kind::kUnit:
      at(i, kUnit) = 1;
      break;
    case Kind::kNegation:
      at(i, kNegation) = 1;
      break;
    case Kind::kFunction:
      at(i, kFunction) = 1;
      break;
  }
  const bool found = a.place != kNowhere;
  at(i, kExact) = found && a.exact ? 1.0F : 0.0F;
  at(i, kLoose) = found && !a.exact ? 1.0F : 0.0F;
  at(i, kAbsent) = !found && mine.content() ? 1.0F : 0.0F;
  at(i, kRarity) = s_.index.rarity(mine.loose);
  at(i, kInQuestion) =
      std::binary_search(s_.question_forms.begin(), s_.question_forms.end(), mine.loose) ? 1.0F
                                                                                         : 0.0F;
  at(i, kAgreement) = a.agreement;
  at(i, kValuedAgreement) = mine.valued() ? a.agreement : 0.0F;
  for (std::size_t t = 0; t < top.size() && top[t] != kNowhere; ++t) {
    if (!in_sentence(mine.loose, context_, s_.context_items.sentences[top[t]])) continue;
    if (t == 0) at(i, kInBest) = 1;
    at(i, kInTop) = 1;
  }
  number_features(i, top);
  at(i, kRival) = a.rival_agreement;
  at(i, kRivalValued) = mine.valued() ? a.rival_agreement : 0.0F;
  at(i, kRivalLead) = mine.valued() || !found ? a.rival_agreement - a.agreement : 0.0F;
  at(i, kNegationDiffers) = a.negation_differs ? a.agreement : 0.0F;
  at(i, kOpposite) = a.opposite != kNowhere && at(i, kInTop) == 0 ? 1.0F : 0.0F;
  at(i, kCapital) = mine.capital ? 1.0F : 0.0F;
}

void Aligner::sentence_features(const Sentence& in, const Index::Top& top) {
  float all = 0, best = 0, tops = 0, valued = 0, valued_found = 0, functions = 0;
  bool second_person = false;
  for (std::uint32_t i = in.first; i < in.last; ++i) {
    const Item& item = answer_[i];
    if (!item.content()) {
      functions += 1;
      const std::string_view w = s_.answer.substr(item.begin, item.end - item.begin);
      second_person = second_person || w == "you" || w == "You" || w == "your" || w == "I" ||
                      w == "me" || w == "Your";
      continue;
    }
    const float w = 0.2F + at(i, kRarity);
    all += w;
    if (at(i, kInBest) > 0) best += w;
    if (at(i, kInTop) > 0) tops += w;
    if (!item.valued()) continue;
    valued += 1;
    if (at(i, kAbsent) == 0) valued_found += 1;
  }
  const auto n = static_cast<float>(in.last - in.first);
  const std::uint32_t end = s_.answer_items.sentences[answer_[in.first].sentence].end;
  const bool asks = s_.answer.substr(end, 3).find('?') != std::string_view::npos;
  for (std::uint32_t i = in.first; i < in.last; ++i) {
    at(i, kBestCoverage) = all > 0 ? best / all : 1.0F;
    at(i, kTopCoverage) = all > 0 ? tops / all : 1.0F;
    at(i, kValuedCoverage) = valued > 0 ? valued_found / valued : 1.0F;
    at(i, kFunctionShare) = functions / n;
    at(i, kYouOrI) = second_person ? 1.0F : 0.0F;
    at(i, kQuestion) = asks ? 1.0F : 0.0F;
    at(i, kLength) = std::log1p(n) / 4;
  }
  (void)top;
}

// Left and right content neighbours: do they stand next to this word in the context as well?
void Aligner::neighbour_features(const Sentence& in) {
  const auto near = [&](std::uint32_t a, std::uint32_t b) {
    const std::uint32_t p = s_.alignments[a].place;
    if (p == kNowhere) return false;
    const std::uint32_t from = p < 4 ? 0 : p - 4;
    const auto to = std::min<std::size_t>(p + 5, context_.size());
    for (std::size_t c = from; c < to; ++c) {
      if (context_[c].loose == answer_[b].loose) return true;
    }
    return false;
  };
  std::uint32_t before = kNowhere;
  for (std::uint32_t i = in.first; i < in.last; ++i) {
    if (before != kNowhere) {
      at(i, kAbsentBefore) = at(before, kAbsent);
      at(i, kAgreementBefore) = s_.alignments[before].agreement;
      at(i, kLeftPair) = near(i, before) ? 1.0F : 0.0F;
    }
    if (answer_[i].content()) before = i;
  }
  std::uint32_t after = kNowhere;
  for (std::uint32_t i = in.last; i-- > in.first;) {
    if (after != kNowhere) {
      at(i, kAbsentAfter) = at(after, kAbsent);
      at(i, kAgreementAfter) = s_.alignments[after].agreement;
      at(i, kRightPair) = near(i, after) ? 1.0F : 0.0F;
    }
    if (answer_[i].content()) after = i;
    float content = 0, absent = 0;
    const std::uint32_t from = i < in.first + 3 ? in.first : i - 3;
    for (std::uint32_t k = from; k < std::min(in.last, i + 4); ++k) {
      if (k == i || !answer_[k].content()) continue;
      content += 1;
      absent += at(k, kAbsent);
    }
    at(i, kAbsentAround) = content > 0 ? absent / content : 0.0F;
  }
}

void Aligner::features(std::uint32_t number) {
  const Sentence& in = s_.answer_items.sentences[number];
  for (std::uint32_t i = in.first; i < in.last; ++i) own_features(i, s_.tops[number]);
  sentence_features(in, s_.tops[number]);
  neighbour_features(in);
}

void Aligner::run(const GroundingText& text) {
  s_.alignments.resize(answer_.size());
  s_.tops.resize(s_.answer_items.sentences.size());
  s_.features.reset(answer_.size(), kAllFeatures);  // zeros; number_features writes one ahead
  for (std::uint32_t n = 0; n < s_.answer_items.sentences.size() && !text.stopped(); ++n) {
    const Sentence& in = s_.answer_items.sentences[n];
    if (in.first == in.last) continue;  // all of it was joined into the number before
    sentence(n);
    features(n);
  }
}

std::string_view cut(std::string_view text, bool& truncated) {
  truncated = truncated || text.size() > kMaxGroundingBytes;
  return text.substr(0, std::min(text.size(), kMaxGroundingBytes));
}

}  // namespace

void align(const GroundingText& text, GroundingScratch::Impl& s) {
  s.truncated = false;
  s.context = cut(text.context, s.truncated);
  s.answer = cut(text.answer, s.truncated);
  s.question = cut(text.question, s.truncated);
  read_items(s.context, s.context_items);
  read_items(s.answer, s.answer_items);
  read_items(s.question, s.question_items);
  s.index.build(s.context_items);
  s.question_forms.clear();
  for (const Item& item : s.question_items.items) s.question_forms.push_back(item.loose);
  std::sort(s.question_forms.begin(), s.question_forms.end());
  s.tokens.clear();
  s.sentences.clear();
  for (const Item& item : s.answer_items.items) {
    s.tokens.push_back({item.begin, item.end});
    s.sentences.push_back(item.sentence);
  }
  Aligner(s).run(text);
}

void pick_sentences(const GroundingScratch::Impl& s, std::uint32_t first, std::uint32_t last,
                    std::size_t bytes, std::vector<std::uint32_t>& out) {
  const auto& sentences = s.context_items.sentences;
  out.clear();
  std::size_t used = 0;
  const auto take = [&](std::uint32_t n) {
    if (n >= sentences.size() || std::find(out.begin(), out.end(), n) != out.end()) return;
    const std::size_t size = sentences[n].end - sentences[n].begin;
    if (used + size > bytes && !out.empty()) return;
    used += size;
    out.push_back(n);
  };
  for (std::size_t rank = 0; rank < kTopSentences; ++rank) {
    for (std::uint32_t a = first; a < last && used < bytes; ++a) take(s.tops[a][rank]);
  }
  const std::size_t chosen = out.size();
  for (std::size_t i = 0; i < chosen && used < bytes; ++i) {
    take(out[i] + 1);
    if (out[i] > 0) take(out[i] - 1);
  }
  // What is left of the room goes to the beginning of the context.
  for (std::uint32_t n = 0; n < sentences.size() && n < 256 && used < bytes; ++n) take(n);
  std::sort(out.begin(), out.end());
}

}  // namespace swy::embed::grounding
