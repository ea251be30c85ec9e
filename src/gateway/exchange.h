// Exchange: the state of one chat request from arrival to record. One per request, inside its
// coroutine.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "chat/answer.h"
#include "chat/error.h"
#include "gateway/answer_check.h"
#include "gateway/learner.h"
#include "gateway/masking.h"
#include "gateway/snapshot.h"
#include "record/record_id.h"
#include "route/plan.h"

namespace swy::gateway {

struct FlowRun;

// Counts a call in flight from the choice to its end, whatever the way out.
class LiveCall {
 public:
  LiveCall() = default;
  LiveCall(const LiveCall&) = delete;
  LiveCall& operator=(const LiveCall&) = delete;
  ~LiveCall() { abandon(); }
  void start(std::shared_ptr<fleet::LiveTable> table, std::size_t expert) {
    table_ = std::move(table);
    expert_ = expert;
    table_->started(expert);
  }
  void finish(const fleet::CallResult& result) {
    if (table_) table_->finished(expert_, result);
    table_.reset();
  }
  void abandon() {
    if (table_) table_->abandoned(expert_);
    table_.reset();
  }

 private:
  std::shared_ptr<fleet::LiveTable> table_;
  std::size_t expert_ = 0;
};

// The place of a request in an experiment: the arm that serves it, and what the others would have
// chosen.
struct Seat {
  struct Other {
    std::size_t arm = 0;
    ExpertId choice = kNoExpert;                    // kNoExpert: it refuses
    std::vector<std::pair<ExpertId, double>> odds;  // of each candidate
  };
  std::size_t experiment = 0;  // into Config::experiments
  std::size_t arm = 0;
  std::uint64_t unit = 0;
  std::vector<Other> others;
  double propensity = 0;  // of this arm and this choice together; 0: nothing was chosen
  double marginal = 0;    // of this choice, whatever the arm
};

struct Exchange {
  std::shared_ptr<const Snapshot> snapshot;
  record::RecordId id;
  std::string record;  // the record so far, an open JSON object; "" when records are off

  std::int64_t start_us = 0;   // wall clock
  std::int64_t start_ns = 0;   // monotonic from here on
  std::int64_t sent_ns = 0;    // the upstream request left
  std::int64_t head_ns = 0;    // the upstream's head came
  std::int64_t first_ns = 0;   // the first content came
  std::int64_t answer_ns = 0;  // our head is ready

  ExpertId expert = kNoExpert;
  const route::Rule* rule = nullptr;  // that chose; of the snapshot's plan
  std::size_t candidate = 0;          // of it
  std::string decision = "none";      // "auto/coding", "named"
  std::string reason = "none";
  std::string session;
  bool stream = false;
  std::int64_t tokens_in = 0;  // estimated, until the upstream tells
  std::int64_t expected_out = 0;
  std::string upstream_body;  // the client's bytes with the model replaced
  // what guards demand of the request and its answer, and what became of it
  Demands demands;
  std::unique_ptr<AnswerFilter> filter;  // of the answer; null: it passes as it is
  std::unique_ptr<AnswerCheck> check;    // of the whole answer; null: no such guard
  LiveCall live;
  std::optional<Seat> seat;       // of a request of an experiment
  std::optional<Lesson> lesson;   // of a choice that estimators may learn from
  std::shared_ptr<FlowRun> flow;  // null: one call answers

  // how it ended
  int status = 0;           // sent to the client
  int upstream_status = 0;  // 0: none came
  bool aborted = false;     // the client went away
  std::optional<Error> error;
  std::string error_param, error_code;
  std::string finish_reason;
  std::optional<chat::Usage> usage;
  std::optional<NanoUsd> cost;

  void fail_with(Error why) { error = std::move(why); }
  // What an upstream did wrong, said of it.
  [[nodiscard]] Error upstream_error(const Error& why) const {
    return {why.code,
            "upstream '" + card().upstream + "' (model " + card().name + "): " + why.message};
  }
  [[nodiscard]] const Card& card() const { return snapshot->plan().catalogue[expert]; }
};

}  // namespace swy::gateway
