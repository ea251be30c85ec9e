// The window: text is gathered until `window` bytes lie unsent, whatever the pieces were; then all
// guards look at the whole buffer (with some sent text before it as context), and the first half
// leaves, except that a hit is never cut. Since it is always looked at after the same number of
// bytes, the result does not depend on the pieces. Test: answer_filter_test.cc,
// answer_filter_fuzz.cc.
#include "gateway/answer_filter.h"

#include <fmt/format.h>

#include <algorithm>

namespace swy::gateway {
namespace {

constexpr std::size_t kContext = 96;  // bytes of sent text that a guard still sees
constexpr std::size_t kMaxLanes = 512;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Where the text is cut, near `wanted` and behind `sent`: not inside a character, and not inside a
// hit. Hits that begin at or before `sent`, and what overlaps them, leave whole; the others wait.
// REQUIRES: hits sorted by begin; sent < wanted < text.size().
std::size_t place_to_cut(std::string_view text, std::size_t sent, std::size_t wanted,
                         const std::vector<route::OutputHit>& hits) {
  std::size_t cut = wanted;
  while (cut > sent + 1 && wanted - cut < 3 && continues(text[cut])) --cut;
  if (continues(text[cut])) cut = wanted;  // more than a character has: not UTF-8
  std::size_t whole = sent;                // the end of what must leave together
  for (const route::OutputHit& h : hits) {
    if (h.begin <= sent || h.begin < whole) whole = std::max(whole, h.end);
  }
  if (cut <= whole) return whole;
  for (auto h = hits.rbegin(); h != hits.rend(); ++h) {
    if (h->begin < cut && h->end > cut) cut = h->begin;
  }
  return cut;
}

}  // namespace

OutputWindow::OutputWindow(const std::vector<const route::OutputGuard*>& guards)
    : guards_(guards), hits_(guards.size()) {
  for (const route::OutputGuard* g : guards) window_ = std::max(window_, g->window);
}

bool OutputWindow::push(std::string_view piece, bool last, std::string& out) {
  if (blocked_ != nullptr) return false;
  while (!piece.empty()) {
    const std::size_t room = window_ - (buffer_.size() - sent_);
    const std::size_t n = std::min(room, piece.size());
    buffer_.append(piece.substr(0, n));
    piece.remove_prefix(n);
    if (buffer_.size() - sent_ == window_ && !look(false, out)) return false;
  }
  return !last || look(true, out);
}

// Sends the first half of what is unsent, or all of it.
bool OutputWindow::look(bool last, std::string& out) {
  struct Seen {
    route::OutputHit hit;
    std::size_t guard;
  };
  std::vector<Seen> seen;
  std::vector<route::OutputHit> hits;
  for (std::size_t g = 0; g < guards_.size(); ++g) {
    hits.clear();
    guards_[g]->find(buffer_, hits);
    for (const auto& h : hits) {
      if (h.end > sent_) seen.push_back({h, g});
    }
  }
  for (const Seen& s : seen) {
    if (guards_[s.guard]->action != route::OutputGuard::Action::kBlock) continue;
    blocked_ = guards_[s.guard];
    ++hits_[s.guard];
    return false;
  }
  std::stable_sort(seen.begin(), seen.end(),
                   [](const Seen& a, const Seen& b) { return a.hit.begin < b.hit.begin; });
  std::size_t cut = buffer_.size();
  if (!last) {
    std::vector<route::OutputHit> all;
    for (const Seen& s : seen) all.push_back(s.hit);
    cut = place_to_cut(buffer_, sent_, sent_ + window_ / 2, all);
  }
  std::size_t at = sent_;
  for (const Seen& s : seen) {
    if (s.hit.begin >= cut || s.hit.end > cut) continue;
    ++hits_[s.guard];
    if (guards_[s.guard]->action != route::OutputGuard::Action::kMask || s.hit.end <= at) continue;
    const std::size_t begin = std::max(s.hit.begin, at);
    out.append(buffer_, at, begin - at);
    out.append(s.hit.replacement);
    at = s.hit.end;
  }
  out.append(buffer_, at, cut - at);
  const std::size_t drop = cut > kContext ? cut - kContext : 0;
  buffer_.erase(0, drop);
  sent_ = cut - drop;
  return true;
}

// What a chunk says besides its texts.
struct AnswerFilter::Chunk {
  std::string id, model;
  std::int64_t created = 0;
  struct Choice {
    std::size_t index = 0;
    bool finished = false;
    std::vector<std::size_t> calls;  // tool call indexes, by place
  };
  std::vector<Choice> choices;  // by place
};

namespace {

std::size_t index_in(const base::Json& value, std::size_t fallback) {
  const std::int64_t i = value.integer_or("index", static_cast<std::int64_t>(fallback));
  return i < 0 ? fallback : static_cast<std::size_t>(i);
}

}  // namespace

class AnswerFilter::Rewriter final : public chat::TextRewriter {
 public:
  Rewriter(AnswerFilter& filter, const Chunk* chunk) : filter_(filter), chunk_(chunk) {}
  bool rewrite(const chat::JsonPlace& place, std::string& text) override {
    auto t = chat::answer_text(place, chunk_ == nullptr ? "message" : "delta");
    if (!t || filter_.blocked_ != nullptr) return false;
    bool last = chunk_ == nullptr;
    if (chunk_ != nullptr && t->choice < chunk_->choices.size()) {
      const Chunk::Choice& c = chunk_->choices[t->choice];
      if (t->arguments && t->call < c.calls.size()) t->call = c.calls[t->call];
      t->choice = c.index;
      last = c.finished;
    }
    Lane& lane = filter_.lane(t->choice, t->call, t->arguments);
    text = filter_.pass(lane, text, last);
    lane.ended = lane.ended || (last && chunk_ != nullptr);
    return true;
  }

 private:
  AnswerFilter& filter_;
  const Chunk* chunk_;
};

AnswerFilter::Lane& AnswerFilter::lane(std::size_t choice, std::size_t call, bool arguments) {
  const LaneKey key{choice, arguments ? 1 + call : 0};
  const auto it = lanes_.find(key);
  if (it != lanes_.end()) return it->second;
  // More texts than any request can ask for: the last ones share a lane rather than memory.
  Lane& made = lanes_[lanes_.size() < kMaxLanes ? key : LaneKey{kMaxLanes, 0}];
  made.choice = choice;
  made.arguments = arguments;
  if (!guards_.empty() && !arguments && made.window == nullptr)
    made.window = std::make_unique<OutputWindow>(guards_);
  return made;
}

std::string AnswerFilter::pass(Lane& lane, std::string_view piece, bool last) {
  std::string guarded;
  if (lane.window != nullptr) {
    if (!lane.window->push(piece, last, guarded)) blocked_ = lane.window->blocked_by();
  } else {
    guarded = piece;
  }
  std::string out;
  lane.restorer.push(vault_, guarded, last, out, lane.arguments);
  if (limit_ > 0 && !lane.arguments && !out.empty()) {
    std::string& text = texts_[lane.choice];
    const std::size_t room = limit_ - kept_;
    cut_ = cut_ || out.size() > room;
    text.append(out, 0, room);
    kept_ += std::min(room, out.size());
  }
  return out;
}

bool AnswerFilter::whole(std::string& body) {
  Rewriter rewriter(*this, nullptr);
  std::string out;
  if (!chat::splice_strings(body, rewriter, out)) return true;  // no JSON: an error page
  if (blocked_ != nullptr) return false;
  body = std::move(out);
  return true;
}

void AnswerFilter::flush(const Chunk& chunk, std::size_t choice) {
  for (auto& [key, lane] : lanes_) {
    if (key.first != choice || lane.ended) continue;
    lane.ended = true;
    const std::string rest = pass(lane, {}, true);
    if (blocked_ != nullptr) return;
    if (rest.empty()) continue;
    out_ += "data: ";
    base::JsonWriter w(out_);
    w.begin_object().field("id", chunk.id).field("object", "chat.completion.chunk");
    w.field("created", chunk.created).field("model", chunk.model).key("choices").begin_array();
    w.begin_object().field("index", static_cast<std::int64_t>(choice)).key("delta").begin_object();
    if (lane.arguments) {
      w.key("tool_calls").begin_array().begin_object();
      w.field("index", static_cast<std::int64_t>(key.second - 1)).key("function").begin_object();
      w.field("arguments", rest).end_object().end_object().end_array();
    } else {
      w.field("content", rest);
    }
    w.end_object().key("finish_reason").null().end_object().end_array().end_object();
    out_ += "\n\n";
  }
}

// [DONE]: what is still held leaves before it.
void AnswerFilter::done(std::string_view raw) {
  std::vector<std::size_t> open;
  for (const auto& [key, lane] : lanes_) open.push_back(key.first);
  for (const std::size_t choice : open) {
    if (blocked_ == nullptr) flush(Chunk{}, choice);
  }
  if (blocked_ == nullptr) (limit_ > 0 ? end_ : out_) += raw;
}

void AnswerFilter::event(base::JsonDoc& parser, const wire::SseEvent& e, std::string_view raw) {
  Chunk chunk;
  if (!e.has_data) {
    out_ += raw;
    return;
  }
  if (e.data == "[DONE]") return done(raw);
  const auto root = parser.parse(e.data);
  const auto choices = root && root->is_object() ? root->find("choices") : std::nullopt;
  if (!choices) {
    out_ += raw;  // usage, an error: nothing of an answer
    return;
  }
  chunk.id = root->string_or("id", "");
  chunk.model = root->string_or("model", "");
  chunk.created = root->integer_or("created", 0);
  if (limit_ > 0) {
    id_ = chunk.id;
    model_ = chunk.model;
    created_ = chunk.created;
  }
  choices->each([&](const base::Json& c) {
    Chunk::Choice choice;
    choice.index = index_in(c, chunk.choices.size());
    choice.finished = !c.string_or("finish_reason", "").empty();
    const auto delta = c.find("delta");
    const auto calls = delta ? delta->find("tool_calls") : std::nullopt;
    if (calls) {
      calls->each([&](const base::Json& call) {
        choice.calls.push_back(index_in(call, choice.calls.size()));
      });
    }
    chunk.choices.push_back(std::move(choice));
  });
  Rewriter rewriter(*this, &chunk);
  std::string rewritten;
  if (!chat::splice_strings(e.data, rewriter, rewritten)) rewritten = e.data;
  for (const Chunk::Choice& c : chunk.choices) {
    if (c.finished && blocked_ == nullptr) flush(chunk, c.index);
  }
  if (blocked_ != nullptr) return;
  if (!e.event.empty()) out_.append("event: ").append(e.event).append("\n");
  out_.append("data: ").append(rewritten).append("\n\n");
}

std::string_view AnswerFilter::events(base::JsonDoc& parser, std::string_view whole_events) {
  out_.clear();
  sse_.feed(whole_events);
  wire::SseEvent e;
  std::size_t at = 0;
  while (blocked_ == nullptr) {
    const auto more = sse_.next(e);
    if (!more || !*more) break;
    const std::size_t end = whole_events.size() - sse_.unread();
    event(parser, e, whole_events.substr(at, end - at));
    at = end;
  }
  return out_;
}

std::string AnswerFilter::note() const {
  std::vector<std::uint32_t> hits(guards_.size());
  for (const auto& [key, lane] : lanes_) {
    for (std::size_t g = 0; lane.window != nullptr && g < hits.size(); ++g)
      hits[g] += lane.window->hits()[g];
  }
  constexpr std::array<std::string_view, 3> kDone = {"blocked", "masked", "seen"};
  std::string out;
  for (std::size_t g = 0; g < hits.size(); ++g) {
    if (hits[g] == 0) continue;
    out += fmt::format("{}{}: {} {}", out.empty() ? "" : "; ", guards_[g]->name, hits[g],
                       kDone[static_cast<std::size_t>(guards_[g]->action)]);
  }
  return out;
}

}  // namespace swy::gateway
