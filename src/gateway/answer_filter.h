// AnswerFilter: what happens to an answer's text on its way to the client: output guards look at it
// in a window, placeholders of a masked request get back what they stand for, and the text that
// left is kept for a guard that looks at the whole.
//
// When to use: one per exchange that needs it (active()); without it bytes pass unchanged.
// Threading: one exchange's coroutine. Ownership: borrows the rule and guards (the exchange pins
// their snapshot), owns the vault.
//
// Invariants: the text that leaves does not depend on how the upstream cut its stream; every event
// that leaves is whole and valid JSON; at most a guard's window and one placeholder are held back;
// what is held leaves before the choice's finish_reason. After a block nothing more leaves.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "chat/splice.h"
#include "route/output.h"
#include "route/plan.h"
#include "text/pii_mask.h"
#include "wire/sse.h"

namespace swy::gateway {

// The sliding window over one text.
class OutputWindow {
 public:
  explicit OutputWindow(const std::vector<const route::OutputGuard*>& guards);
  // Appends the text that may leave. false: blocked, by blocked_by().
  bool push(std::string_view piece, bool last, std::string& out);
  [[nodiscard]] const route::OutputGuard* blocked_by() const { return blocked_; }
  [[nodiscard]] const std::vector<std::uint32_t>& hits() const { return hits_; }  // by guard

 private:
  bool look(bool last, std::string& out);
  const std::vector<const route::OutputGuard*>& guards_;
  std::size_t window_ = 0;
  std::string buffer_;
  std::size_t sent_ = 0;  // bytes at the front of buffer_ that have left: context only
  std::vector<std::uint32_t> hits_;
  const route::OutputGuard* blocked_ = nullptr;
};

class AnswerFilter {
 public:
  AnswerFilter(std::vector<const route::OutputGuard*> guards, text::PiiVault vault)
      : guards_(std::move(guards)), vault_(std::move(vault)) {}

  // Keeps the message texts as they leave, at most `limit` bytes, and holds the end of
  // a stream ([DONE]) back.
  void collect(std::size_t limit) { limit_ = limit; }
  [[nodiscard]] const std::map<std::size_t, std::string>& texts() const { return texts_; }
  [[nodiscard]] bool cut() const { return cut_; }  // some text was longer
  // What was held back at the end; "" when no [DONE] came.
  [[nodiscard]] const std::string& end() const { return end_; }
  // Of the stream's latest chunk.
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::string& model() const { return model_; }
  [[nodiscard]] std::int64_t created() const { return created_; }

  // A whole answer, rewritten in place. false: blocked.
  bool whole(std::string& body);
  // Whole events in, whole events out; the view lives until the next call. Look at blocked() then.
  std::string_view events(base::JsonDoc& parser, std::string_view whole_events);
  [[nodiscard]] const route::OutputGuard* blocked() const { return blocked_; }
  // "NAME: 2 masked; OTHER: 1 seen": what the guards did; "" when nothing.
  [[nodiscard]] std::string note() const;
  [[nodiscard]] std::size_t masked() const { return vault_.size(); }

 private:
  struct Lane {  // one text that grows: a choice's content, or a tool call's arguments
    std::unique_ptr<OutputWindow> window;
    text::PiiRestorer restorer;
    std::size_t choice = 0;
    bool arguments = false;
    bool ended = false;
  };
  struct Chunk;
  class Rewriter;
  using LaneKey = std::pair<std::size_t, std::size_t>;  // choice, 0 or 1 + tool call
  Lane& lane(std::size_t choice, std::size_t call, bool arguments);
  std::string pass(Lane& lane, std::string_view piece, bool last);
  void event(base::JsonDoc& parser, const wire::SseEvent& event, std::string_view raw);
  void flush(const Chunk& chunk, std::size_t choice);
  void done(std::string_view raw);

  std::vector<const route::OutputGuard*> guards_;
  text::PiiVault vault_;
  std::size_t limit_ = 0, kept_ = 0;
  std::map<std::size_t, std::string> texts_;  // by choice
  bool cut_ = false;
  std::string end_, id_, model_;
  std::int64_t created_ = 0;
  std::map<LaneKey, Lane> lanes_;
  wire::SseParser sse_;
  std::string out_, json_;
  const route::OutputGuard* blocked_ = nullptr;
};

}  // namespace swy::gateway
