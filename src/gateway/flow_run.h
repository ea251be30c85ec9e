// FlowRun: the several calls of one exchange, from the decision to the record.
//
// When to use: worker_flow.cc runs it, record_line.cc writes it down. Threading: one exchange's
// coroutine. Ownership: owns what the calls gave; borrows the rule (the exchange pins its
// snapshot).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chat/answer.h"
#include "flow/loop.h"
#include "route/plan.h"

namespace swy::gateway {

struct FlowRun {
  const route::Rule* rule = nullptr;
  flow::Start start;
  std::string body;         // the client's, masked where guards demand it
  bool with_usage = false;  // a stream should end with it

  flow::Ended ended;
  // By call, as Ended::seen:
  std::vector<std::string> answers;                // bodies; "" of a failed call
  std::vector<std::optional<chat::Usage>> usages;  // stated or estimated
  std::vector<Error> errors;                       // of failed calls, in order
};

}  // namespace swy::gateway
