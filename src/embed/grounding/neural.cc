// Evidence of checkpoints: token states of an encoder, logits of a token classifier; see align.h.
//
// States: answer and context go through the encoder in pieces of whole sentences; a word's state is
// the mean over its tokens' states, normalised. For a word a of the answer and the words c of the
// context sentences that the answer's sentences speak of (pick_sentences):
//   state_best = max cos(a, c), state_same = cos with its own place (align), state_rival = cos with
//   its rival, state_sentence = max over c in the best sentence.
// A word that stands in the context, but about something else, has a lower cosine with itself than
// one that stands there about the same. Words of a context that does not fit are left out.
// Detector: the pair (prompt with context and question, answer piece); a word's logit is the
// largest over its tokens of the unsupported label's logit minus the log of the summed others.
// Cost: forward passes over the answer and at most kContextBytes of context per answer piece; the
// context is not run again while the picked sentences stay the same. Test: grounding_test.cc.
#include <algorithm>
#include <cmath>

#include "embed/encoder.h"
#include "embed/grounding/align.h"
#include "text/utf8.h"

namespace swy::embed::grounding {
namespace {

constexpr std::size_t kPieceBytes = 700;  // some 180 tokens: attention stays cheap
constexpr std::size_t kContextBytes = 4096;
constexpr std::size_t kAnswerPieceBytes = 1500;
constexpr std::size_t kStateBest = kLexicalFeatures;
constexpr std::size_t kStateSame = kStateBest + 1;
constexpr std::size_t kStateRival = kStateBest + 2;
constexpr std::size_t kStateSentence = kStateBest + 3;
constexpr std::size_t kDetector = kEncoderFeatures;

void normalize(std::span<float> v) {
  float sum = 0;
  for (const float x : v) sum += x * x;
  if (sum <= 0) return;
  const float by = 1 / std::sqrt(sum);
  for (float& x : v) x *= by;
}

float dot(std::span<const float> a, std::span<const float> b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// States of items[first .. last) of `text` into rows `row` and following.
void states_of(const Encoder& encoder, std::string_view text, const std::vector<Item>& items,
               std::uint32_t first, std::uint32_t last, math::Matrix& rows, std::size_t row,
               GroundingScratch::Impl& s) {
  if (first == last) return;
  const std::uint32_t from = items[first].begin;
  const std::uint32_t to = items[last - 1].end;
  text::EncodeOptions options;
  options.offsets = true;
  options.max_tokens = encoder.info().max_tokens;
  encoder.tokenizer().encode(text.substr(from, to - from), options, s.encoding);
  if (s.encoding.ids.empty()) return;
  const Sequence sequence{s.encoding.ids, s.encoding.type_ids};
  if (!encoder.states_ids({&sequence, 1}, s.workspace, s.states))
    return;  // cannot: ids are its own
  std::uint32_t item = first;
  for (std::size_t t = 0; t < s.encoding.ids.size(); ++t) {
    if (s.encoding.special[t] != 0) continue;
    const std::uint32_t at = from + s.encoding.offsets[t].begin;
    while (item < last && items[item].end <= at) ++item;
    if (item == last) break;
    if (at + 1 < items[item].begin) continue;  // punctuation
    const auto out = rows.row(row + (item - first));
    const auto in = s.states.row(t);
    for (std::size_t d = 0; d < out.size(); ++d) out[d] += in[d];
  }
  for (std::uint32_t i = first; i < last; ++i) normalize(rows.row(row + (i - first)));
}

// f(first, last) over runs of sentences [from, to) that together have at most `bytes` bytes.
template <typename F>
void in_pieces(const std::vector<Sentence>& sentences, std::uint32_t from, std::uint32_t to,
               std::size_t bytes, F f) {
  while (from < to) {
    std::uint32_t last = from + 1;
    while (last < to && sentences[last].end - sentences[from].begin <= bytes) ++last;
    f(from, last);
    from = last;
  }
}

// Items of sentences first .. last; sentences whose items were all joined away have none.
std::pair<std::uint32_t, std::uint32_t> items_in(const std::vector<Sentence>& sentences,
                                                 std::uint32_t first, std::uint32_t last) {
  std::uint32_t begin = kNowhere, end = 0;
  for (std::uint32_t n = first; n < last; ++n) {
    if (sentences[n].first == sentences[n].last) continue;
    begin = std::min(begin, sentences[n].first);
    end = std::max(end, sentences[n].last);
  }
  return begin == kNowhere ? std::pair{0U, 0U} : std::pair{begin, end};
}

// The picked sentences' words: states, and where each stands.
void read_context(const Encoder& encoder, GroundingScratch::Impl& s) {
  if (s.picked == s.last_picked) return;
  for (const std::uint32_t item : s.row_items) s.placed[item] = kNowhere;
  s.row_items.clear();
  s.last_picked = s.picked;
  const auto& sentences = s.context_items.sentences;
  for (const std::uint32_t n : s.picked) {
    for (std::uint32_t i = sentences[n].first; i < sentences[n].last; ++i) {
      s.placed[i] = static_cast<std::uint32_t>(s.row_items.size());
      s.row_items.push_back(i);
    }
  }
  s.context_states.reset(s.row_items.size(), encoder.info().hidden);
  for (std::size_t i = 0; i < s.picked.size();) {
    std::size_t j = i + 1;
    while (j < s.picked.size() && s.picked[j] == s.picked[j - 1] + 1) ++j;
    in_pieces(sentences, s.picked[i], s.picked[i] + static_cast<std::uint32_t>(j - i), kPieceBytes,
              [&](std::uint32_t first, std::uint32_t last) {
                const auto [begin, end] = items_in(sentences, first, last);
                if (begin == end) return;
                states_of(encoder, s.context, s.context_items.items, begin, end, s.context_states,
                          s.placed[begin], s);
              });
    i = j;
  }
}

void state_features(std::uint32_t i, std::size_t row, GroundingScratch::Impl& s) {
  const auto mine = s.answer_states.row(row);
  const Alignment& a = s.alignments[i];
  const std::uint32_t best_sentence = s.tops[s.answer_items.items[i].sentence][0];
  float best = 0, in_sentence = 0;
  for (std::size_t r = 0; r < s.row_items.size(); ++r) {
    const Item& other = s.context_items.items[s.row_items[r]];
    if (s.answer_items.items[i].content() && !other.content()) continue;
    const float cosine = dot(mine, s.context_states.row(r));
    best = std::max(best, cosine);
    if (other.sentence == best_sentence) in_sentence = std::max(in_sentence, cosine);
  }
  const auto at = [&](std::uint32_t place) {
    if (place == kNowhere || s.placed[place] == kNowhere) return 0.0F;
    return dot(mine, s.context_states.row(s.placed[place]));
  };
  const auto out = s.features.row(i);
  out[kStateBest] = best;
  out[kStateSame] = at(a.place);
  out[kStateRival] = at(a.rival);
  out[kStateSentence] = in_sentence;
}

bool contains(std::string_view label, std::string_view part) {
  return text::folded(label).find(part) != std::string::npos;
}

void fill_prompt(std::string_view prompt, std::string_view context, std::string_view question,
                 std::string& out) {
  out.clear();
  while (!prompt.empty()) {
    const std::size_t open = prompt.find('{');
    out.append(prompt.substr(0, open));
    if (open == std::string_view::npos) return;
    prompt.remove_prefix(open);
    if (prompt.substr(0, 9) == "{context}") {
      out.append(context);
      prompt.remove_prefix(9);
    } else if (prompt.substr(0, 10) == "{question}") {
      out.append(question);
      prompt.remove_prefix(10);
    } else {
      out += '{';
      prompt.remove_prefix(1);
    }
  }
}

// Logit of `label` against all others.
float margin(std::span<const float> logits, std::size_t label) {
  float most = -1e30F;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (i != label) most = std::max(most, logits[i]);
  }
  float sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (i != label) sum += std::exp(logits[i] - most);
  }
  return logits[label] - (most + std::log(sum));
}

Status detect_piece(const Encoder& detector, std::string_view prompt, std::uint32_t first,
                    std::uint32_t last, GroundingScratch::Impl& s) {
  const auto [begin, end] = items_in(s.answer_items.sentences, first, last);
  if (begin == end) return {};
  const auto& items = s.answer_items.items;
  // The prompt gets what the answer leaves of the window, at some three bytes a token.
  const std::uint32_t from = items[begin].begin;
  const std::string_view piece = s.answer.substr(from, items[end - 1].end - from);
  const std::size_t window = detector.info().max_tokens * 3;
  const std::size_t room = window > piece.size() + 64 ? window - piece.size() : 64;
  const std::string_view question = text::clip(s.question, room / 4);
  pick_sentences(s, first, last, room - question.size(), s.picked);
  std::string context;
  for (const std::uint32_t n : s.picked) {
    const Sentence& in = s.context_items.sentences[n];
    const std::size_t next = n + 1 < s.context_items.sentences.size()
                                 ? s.context_items.sentences[n + 1].begin
                                 : s.context.size();
    context.append(text::clip(s.context.substr(in.begin, next - in.begin), room));
  }
  fill_prompt(prompt, context, question, s.text);
  text::EncodeOptions options;
  options.offsets = true;
  options.max_tokens = detector.info().max_tokens;
  detector.tokenizer().encode_pair(s.text, piece, options, s.encoding);
  if (s.encoding.ids.empty()) return {};
  const Sequence sequence{s.encoding.ids, s.encoding.type_ids};
  SWY_DO(detector.tag_ids({&sequence, 1}, s.workspace, s.states));
  const std::size_t label = unsupported_label(detector.info());
  std::uint32_t item = begin;
  for (std::size_t t = s.encoding.second.begin; t < s.encoding.second.end; ++t) {
    const std::uint32_t at = from + s.encoding.offsets[t].begin;
    const std::uint32_t until = from + s.encoding.offsets[t].end;
    while (item < end && items[item].end <= at) ++item;
    if (item == end) break;
    if (until <= items[item].begin) continue;  // punctuation
    float& logit = s.features.row(item)[kDetector];
    const float got = margin(s.states.row(t), label);
    logit = logit == 0 ? got : std::max(logit, got);
  }
  return {};
}

}  // namespace

std::size_t unsupported_label(const EncoderInfo& info) {
  for (std::size_t i = 0; i < info.labels.size(); ++i) {
    const std::string& name = info.labels[i];
    if (contains(name, "halluc") || contains(name, "unsupported") || contains(name, "not_support"))
      return i;
  }
  return 1;
}

void add_states(const Encoder& encoder, GroundingScratch::Impl& s) {
  const auto& sentences = s.answer_items.sentences;
  s.placed.assign(s.context_items.items.size(), kNowhere);
  s.row_items.clear();
  s.last_picked.assign(1, kNowhere);
  const auto all = static_cast<std::uint32_t>(sentences.size());
  in_pieces(sentences, 0, all, kPieceBytes, [&](std::uint32_t first, std::uint32_t last) {
    const auto [begin, end] = items_in(sentences, first, last);
    if (begin == end) return;
    pick_sentences(s, first, last, kContextBytes, s.picked);
    read_context(encoder, s);
    s.answer_states.reset(end - begin, encoder.info().hidden);
    states_of(encoder, s.answer, s.answer_items.items, begin, end, s.answer_states, 0, s);
    for (std::uint32_t i = begin; i < end; ++i) state_features(i, i - begin, s);
  });
}

Status add_detector(const Encoder& detector, std::string_view prompt, GroundingScratch::Impl& s) {
  const auto& sentences = s.answer_items.sentences;
  Status status;
  const auto all = static_cast<std::uint32_t>(sentences.size());
  // Half the window at three bytes a token: the other half is the context's.
  const std::size_t bytes = std::min(kAnswerPieceBytes, detector.info().max_tokens * 3 / 2);
  in_pieces(sentences, 0, all, bytes, [&](std::uint32_t first, std::uint32_t last) {
    if (status) status = detect_piece(detector, prompt, first, last, s);
  });
  return status;
}

}  // namespace swy::embed::grounding
