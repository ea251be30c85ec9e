// The bounded loop: ask the strategy, make its calls, ask again, until it answers or abstains.
//
// When to use: by whoever drives a rule that has a strategy: the evaluator with recorded answers,
// the gateway with upstreams. The loop holds the limits: no strategy can make more calls than
// max_calls, ask a candidate that a guard forbids, or start a call that is expected to go beyond
// max_cost. Threading: a run belongs to one thread. Ownership: run() owns its Start; it borrows the
// strategy and the caller, which outlive it. Destroying the Task stops the calls under way.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/task.h"
#include "switchyard/strategy.h"

namespace swy::route {
struct Rule;
}

namespace swy::flow {

// The only way out: recorded answers in the evaluator, upstreams in the gateway.
class Caller {
 public:
  virtual ~Caller() = default;
  // Makes all calls at once. out[i] is what calls[i] gave, its candidate, sample, purpose and round
  // are filled in already. A call that fails is an observation too.
  virtual base::Task<void> call(std::span<const route::FlowCall> calls,
                                std::span<route::Observation> out) = 0;
};

// A decision, copied out of the scratch, which others use while calls are under way.
struct Start {
  std::string question;
  std::vector<ExpertId> candidates;
  std::vector<std::uint32_t>
      answers;  // by candidate: calls that its beliefs are about; 1 where none
  std::vector<std::uint8_t> allowed;
  std::vector<route::Belief> beliefs;
  std::vector<double> probability;
  std::uint32_t chosen = 0;
  std::vector<route::Turn> turns;  // of a strategy that reads them

  // REQUIRES: decide() has just given this choice.
  static Start of(const route::Rule& rule, const route::Choice& choice, route::Scratch& scratch);
};

struct Ended {
  std::optional<std::uint32_t> answer;  // into seen; nullopt: abstained
  route::ReasonText why;
  double confidence = route::kUnknownNumber;
  std::vector<route::Observation> seen;
  std::vector<route::ReasonText> round_why;  // why each round of calls was made
  std::uint32_t rounds = 0;

  // Of all calls, failed ones too; NaN when one of them has no known cost.
  [[nodiscard]] double cost_usd() const;
};

// The latest turns of user and assistant: at most 64, of at most 16 KiB each (their ends).
std::vector<route::Turn> turns_of(const chat::Request& request);

base::Task<Ended> run(const route::Strategy& strategy, route::FlowLimits limits, Start start,
                      Caller& caller);

}  // namespace swy::flow
