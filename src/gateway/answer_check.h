// AnswerCheck: one answer on its way through a grounding guard: what it is held against, what came
// of it, and how header, trailing field and record say so.
//
// When to use: one per exchange whose rule names such a guard; the worker collects the text, has it
// judged by the compute pool and asks stopped(). Threading: the worker's; the judging itself runs
// in the pool on a Judging that both sides own. Ownership: borrows the guard (the exchange pins the
// snapshot), owns the texts.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "route/grounded.h"

namespace swy::gateway {

class AnswerCheck {
 public:
  // What the pool works on; it may outlive the exchange.
  struct Judging {
    std::shared_ptr<const void> pin;  // keeps the guard
    const route::GroundingGuard* guard = nullptr;
    route::GroundingCase against;
    std::map<std::size_t, std::string> answers;
    route::Grounded result;
    void run(const std::atomic<bool>& stop) { result = guard->judge(against, answers, stop); }
  };

  // Stage one, when the choice is made. The check may be over then.
  AnswerCheck(const route::GroundingGuard& guard, const route::Scratch& scratch);

  [[nodiscard]] bool pending() const { return pending_; }
  // Nothing of the answer may leave before it is judged.
  [[nodiscard]] bool holds() const { return pending_ && guard_.block; }
  [[nodiscard]] const route::GroundingGuard& guard() const { return guard_; }

  // REQUIRES: pending(). The texts move into it.
  std::shared_ptr<Judging> judging(std::shared_ptr<const void> pin,
                                   std::map<std::size_t, std::string> answers, bool cut);
  void conclude(route::Grounded result);
  void give_up(std::string_view why);  // static text; the result is unknown

  [[nodiscard]] const route::Grounded& result() const { return result_; }
  [[nodiscard]] bool stopped() const { return !pending_ && guard_.stops(result_); }
  // Why it was stopped, for the client.
  [[nodiscard]] std::string reason() const;

  // "unsupported; p=0.91; parts=2"
  [[nodiscard]] std::string header() const;
  // {"guard": ..., "result": ..., "parts": [...]}; the record gets counts instead of texts.
  void write(base::JsonWriter& w, bool texts) const;
  // The body of an answer with a member "switchyard" at its end. REQUIRES: a JSON object.
  [[nodiscard]] std::string in_body(std::string body) const;
  // An event of a stream: a chunk without choices.
  struct ChunkHead {
    std::string_view id, model;
    std::int64_t created = 0;
  };
  [[nodiscard]] std::string as_event(const ChunkHead& head) const;

 private:
  const route::GroundingGuard& guard_;
  route::GroundingCase case_;
  route::Grounded result_;
  bool pending_ = false;
};

}  // namespace swy::gateway
