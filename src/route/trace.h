// The decision part of a record: everything decide() read and everything it said, as canonical
// JSON. The same bytes come out whenever the same question is decided again, which is how a replay
// proves equality. Schema: docs/reference/records.md.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "route/plan.h"

namespace swy::route {

// "work": what is needed to ask again without the body (counts, sizes, metadata, tokens, the sketch
// when it was read).
void write_work(base::JsonWriter& w, const Plan& plan, Reading& reading, bool keep_sketch);
// "live": only the entries of the rule's candidates. REQUIRES: rule candidates index into live.
void write_live(base::JsonWriter& w, const Plan& plan, fleet::LiveView live,
                std::span<const ExpertId> experts);
// "account": the numbers of the rule's policy that it decided by. REQUIRES: live has accounts.
void write_account(base::JsonWriter& w, const Rule& rule, fleet::LiveView live);
// "decision": rule, facts in the order asked, candidates with mask, belief, score and probability,
// choice or refusal.
void write_decision(base::JsonWriter& w, const Plan& plan, const RuleSet& rules,
                    const Scratch& scratch, const Decision& decision);
// The same shape for a model that the client named itself: no rule, no guard, probability 1.
void write_named(base::JsonWriter& w, const Plan& plan, ExpertId expert);

// The answer of `switchyard route` and POST /v1/route: the choice and all candidates, best first,
// with why.
void write_answer(base::JsonWriter& w, const Plan& plan, const RuleSet& rules,
                  const Scratch& scratch, const Decision& decision);

// What a replay reads back. Owns the strings that its Work and chat::Request view. Not movable:
// views point inside.
class RecordedWork {
 public:
  RecordedWork() = default;
  RecordedWork(const RecordedWork&) = delete;
  RecordedWork& operator=(const RecordedWork&) = delete;
  // work: the "work" object; decision: the "decision" object of the same record.
  Status read(const base::Json& work, const Plan& plan);
  // Begins scratch with the recorded reading and the recorded facts, so that decide() needs no
  // text. A text signal of `plan` that the record does not have is unknown; one that reads no text
  // is computed from the work when asked.
  Status prepare(const base::Json& decision, const Plan& plan, Scratch& scratch) const;
  [[nodiscard]] const Work& work() const { return work_; }
  // What was read of the text that the record does not have, for "needs ..."; "" where a decision
  // from it is the recorded one's equal. reading: as prepare() began it.
  [[nodiscard]] std::string_view lacks(const Reading& reading) const;

 private:
  std::string_view keep(std::string_view s);
  void read_request(const base::Json& work);
  void read_fields(const base::Json& work);

  chat::Request request_;
  Work work_;
  std::vector<std::string> strings_;  // reserved: views into them must not move
  std::vector<Header> headers_;
  std::int64_t tokens_ = 0;
  std::optional<History> history_;
  std::optional<std::string> sketch_;
};

// Reads "live" back into a view indexed by ExpertId of plan.
std::vector<fleet::LiveStats> read_live(const base::Json& live, const Plan& plan);
// Plan::accounts with what "account" says of this rule; as it opens where that does not fit.
std::vector<double> read_account(const base::Json& account, const Plan& plan, const Rule& rule);

}  // namespace swy::route
