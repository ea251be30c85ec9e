// Reading: what is computed from a request's text, once and on demand. Memory is kept between
// works.
#include <array>

#include "switchyard/route.h"
#include "text/cues.h"
#include "text/ngram.h"
#include "text/structure.h"
#include "text/tokens.h"

namespace swy::route {
namespace {

constexpr std::size_t kHead = 48 * 1024;
constexpr std::size_t kTail = 16 * 1024;
// What a message costs beyond its text (role and separators) in the common chat templates.
constexpr std::int64_t kTokensPerMessage = 4;
// Vision models charge by the tile; one low-detail tile costs 85 tokens, a typical 1024 x 1024
// image 765 (OpenAI's public rule for GPT-4o). Size is not known here without fetching the image.
constexpr std::int64_t kTokensPerImage = 765;

History history_of(const chat::Request& r) {
  History h;
  auto before = static_cast<double>(r.tool_bytes);
  double after = 0;
  bool answered = false;
  for (const chat::Message& m : r.messages) {
    for (std::uint32_t p = m.first_part; p < m.first_part + m.parts; ++p)
      after += static_cast<double>(r.parts[p].text.size());
    h.user_turns += m.role == chat::Role::kUser ? 1 : 0;
    if (m.role != chat::Role::kAssistant) continue;
    answered = true;
    before += after;
    after = 0;
  }
  if (answered && before + after > 0) h.earlier = before / (before + after);
  h.reads_tool_result = !r.messages.empty() && r.messages.back().role == chat::Role::kTool;
  return h;
}

}  // namespace

struct Reading::Memo {
  std::array<std::string, chat::kScopes>
      joined;  // by Scope; only when a scope has several parts or is too long
  std::array<std::string_view, chat::kScopes> text;  // by Scope
  std::array<bool, chat::kScopes> have_text{};
  std::array<bool, chat::kScopes> cut{};
  std::array<bool, chat::kScopes> have_cues{};
  std::array<text::Cues, chat::kScopes> cues;  // by Scope
  bool have_tokens = false, have_structure = false, have_sketch = false, have_history = false;
  std::int64_t tokens = 0;
  text::Structure structure;
  text::Sketch sketch;
  History history;
  struct Slot {
    EncodingKey key;
    bool provided = false;
    Encoding encoding;
  };
  std::vector<Slot> slots;  // the first `used` belong to this work
  std::size_t used = 0;

  Slot& slot(EncodingKey key) {
    for (std::size_t i = 0; i < used; ++i) {
      if (slots[i].key == key) return slots[i];
    }
    if (used == slots.size()) slots.emplace_back();
    Slot& s = slots[used++];
    s.key = key;
    s.provided = false;
    return s;
  }
};

Reading::Reading() : memo_(std::make_unique<Memo>()) {}
Reading::~Reading() = default;
Reading::Reading(Reading&&) noexcept = default;
Reading& Reading::operator=(Reading&&) noexcept = default;

void Reading::reset(const Work& work) {
  work_ = &work;
  memo_->have_text.fill(false);
  memo_->have_cues.fill(false);
  memo_->have_tokens = memo_->have_structure = memo_->have_sketch = memo_->have_history = false;
  memo_->used = 0;
}

std::string_view Reading::text(chat::Scope scope) {
  const auto i = static_cast<std::size_t>(scope);
  if (memo_->have_text[i]) return memo_->text[i];
  std::string& joined = memo_->joined[i];
  joined.clear();
  std::string_view only;
  std::size_t parts = 0;
  chat::each_text(request(), scope, [&](std::string_view part) {
    if (parts++ == 0) {
      only = part;
      return;
    }
    if (parts == 2) joined.assign(only);
    joined += '\n';
    joined += part;
  });
  std::string_view all = parts > 1 ? std::string_view(joined) : only;
  memo_->cut[i] = all.size() > kHead + kTail;
  if (memo_->cut[i]) {
    std::string cut(all.substr(0, kHead));
    cut += '\n';
    cut += all.substr(all.size() - kTail);
    joined = std::move(cut);
    all = joined;
  }
  memo_->have_text[i] = true;
  memo_->text[i] = all;
  return all;
}

bool Reading::cut(chat::Scope scope) {
  (void)text(scope);
  return memo_->cut[static_cast<std::size_t>(scope)];
}

std::int64_t Reading::tokens_in() {
  if (memo_->have_tokens) return memo_->tokens;
  const chat::Request& r = request();
  std::int64_t n = static_cast<std::int64_t>(r.messages.size()) * kTokensPerMessage;
  for (const chat::Part& p : r.parts) n += text::estimate_tokens(p.text);
  n += static_cast<std::int64_t>(r.tool_bytes / 4) + r.images * kTokensPerImage;
  preset_tokens(n);
  return n;
}

const text::Cues& Reading::cues(chat::Scope scope) {
  const auto i = static_cast<std::size_t>(scope);
  if (!memo_->have_cues[i]) {
    text::find_cues(text(scope), memo_->cues[i]);
    memo_->have_cues[i] = true;
  }
  return memo_->cues[i];
}

const text::Structure& Reading::structure() {
  if (!memo_->have_structure) {
    memo_->structure = text::analyse(text(chat::Scope::kLastUser));
    memo_->have_structure = true;
  }
  return memo_->structure;
}

const text::Sketch& Reading::sketch() {
  if (!memo_->have_sketch) {
    text::sketch_into(text(chat::Scope::kLastUser), memo_->sketch);
    memo_->have_sketch = true;
  }
  return memo_->sketch;
}

const History& Reading::history() {
  if (!memo_->have_history) {
    memo_->history = history_of(request());
    memo_->have_history = true;
  }
  return memo_->history;
}

const Encoding* Reading::encoding(EncodingKey key) {
  const Memo::Slot& s = memo_->slot(key);
  if (s.provided) return &s.encoding;
  ++missed_;
  return nullptr;
}

void Reading::provide(EncodingKey key, Encoding::State state, std::span<const float> values) {
  Memo::Slot& s = memo_->slot(key);
  s.provided = true;
  s.encoding.state = state;
  s.encoding.values.assign(values.begin(), values.end());
}

base::SmallVec<EncodingKey, 4> Reading::wanted() const {
  base::SmallVec<EncodingKey, 4> out;
  for (std::size_t i = 0; i < memo_->used; ++i) {
    if (!memo_->slots[i].provided) out.push_back(memo_->slots[i].key);
  }
  return out;
}

std::string_view to_string(Encoding::State state) {
  switch (state) {
    case Encoding::State::kReady:
      return "ready";
    case Encoding::State::kLate:
      return "late";
    case Encoding::State::kBusy:
      return "queue full";
    case Encoding::State::kFailed:
      return "failed";
  }
  return "failed";
}

void Reading::preset_tokens(std::int64_t tokens) {
  memo_->tokens = tokens;
  memo_->have_tokens = true;
}

void Reading::preset_sketch(const text::Sketch& sketch) {
  memo_->sketch = sketch;
  memo_->have_sketch = true;
}

void Reading::preset_history(const History& history) {
  memo_->history = history;
  memo_->have_history = true;
}

bool Reading::history_was_read() const { return memo_->have_history; }

bool Reading::text_was_examined() const { return memo_->used > 0 || memo_->have_structure; }

bool Reading::sketch_was_read() const { return memo_->have_sketch; }

}  // namespace swy::route
